/* Names of sources: they become paths of the mount, so they must be readable and lead nowhere else.
 */
#include "backend/format/commit.h"

#include "backend/base/text.h"

#define MAX_PART 255 /* what a file system takes as one name */

static const struct {
	const char *name;
	unsigned parts;
} kinds[] = {
	{"pg", 1},
	{"redis", 1},
	{"velero", 1},
	{"pv", 2},
	{"bucket", 1},
	{"files", 1},
};

/* The span up to the next '/', or all; takes it and the '/' off rest. */
static struct hf_span take_part(struct hf_span *rest)
{
	const uint8_t *slash = rest->len ? memchr(rest->at, '/', rest->len) : NULL;
	const struct hf_span part =
		hf_span(rest->at, slash ? (size_t)(slash - rest->at) : rest->len);

	*rest = hf_span(
		rest->at + part.len + (slash != NULL), rest->len - part.len - (slash != NULL));
	return part;
}

static unsigned parts_of(struct hf_span kind)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (hf_span_equal(kind, hf_span_str(kinds[i].name)))
			return kinds[i].parts;
	}
	return 0;
}

/* Valid UTF-8 without control characters and the like: what is shown as it is. */
static bool is_printable(struct hf_span text)
{
	HF_RELEASED(hf_buf) shown = {0};

	hf_text_show(text, &shown);
	return hf_span_equal(hf_buf_span(&shown), text);
}

static bool is_part(struct hf_span part)
{
	if (part.len == 0 || part.len > MAX_PART)
		return false;
	return !hf_span_equal(part, hf_span_str(".")) && !hf_span_equal(part, hf_span_str(".."));
}

static unsigned slashes_in(struct hf_span text)
{
	unsigned slashes = 0;

	for (size_t i = 0; i < text.len; i++)
		slashes += text.at[i] == '/';
	return slashes;
}

bool hf_source_valid(struct hf_span source)
{
	struct hf_span rest = source;
	unsigned wanted;

	if (source.len == 0 || source.len > HF_MAX_SOURCE || !is_printable(source))
		return false;
	wanted = parts_of(take_part(&rest));
	if (wanted == 0 || slashes_in(source) != wanted)
		return false;
	while (wanted-- > 0) {
		if (!is_part(take_part(&rest)))
			return false;
	}
	return true;
}

bool hf_source_glob_valid(const char *pattern)
{
	struct hf_span rest = hf_span_str(pattern);
	const unsigned slashes = slashes_in(rest);
	const struct hf_span first = take_part(&rest);
	HF_FREED char *of_kind = hf_strndup((const char *)first.at, first.len);

	if (strstr(pattern, "**"))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (slashes == kinds[i].parts && hf_glob_match(of_kind, hf_span_str(kinds[i].name)))
			return true;
	}
	return false;
}
