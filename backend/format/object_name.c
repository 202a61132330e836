/* Names of objects in a store, printed and read strictly: one object has one name. */
#include "backend/format/commit.h"

#include <inttypes.h>
#include <stdio.h>

#include "backend/base/time.h"

#define COMMITS "commits/"
#define COMPACT_TIME_LEN 16 /* YYYYMMDDTHHMMSSZ */
#define DIGITS 10

static const char *skip(const char *text, const char *prefix)
{
	const size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static hf_err no_name(const char *what, const char *name)
{
	return hf_error_new(HF_CORRUPT, "%s is no name of a %s", name, what);
}

void hf_commit_name(int64_t time, const struct hf_id *id, char out[HF_COMMIT_NAME_LEN + 1])
{
	char compact[HF_TIME_TEXT], hex[HF_ID_HEX + 1];

	snprintf(out, HF_COMMIT_NAME_LEN + 1, COMMITS "%.16s-%s", hf_time_compact(time, compact),
		hf_id_hex(id, hex));
}

hf_err hf_commit_name_parse(const char *name, int64_t *time, struct hf_id *id)
{
	const char *rest = skip(name, COMMITS);
	struct hf_error *err;

	if (!rest || strlen(name) != HF_COMMIT_NAME_LEN || rest[COMPACT_TIME_LEN] != '-' ||
		!hf_id_parse(rest + COMPACT_TIME_LEN + 1, HF_ID_HEX, id))
		return no_name("commit", name);
	err = hf_time_parse_compact(rest, COMPACT_TIME_LEN, time);
	if (err) {
		hf_error_free(err); /* what is wrong with the time is less than whose it is */
		return no_name("commit", name);
	}
	return NULL;
}

static const char *pack_folder(enum hf_object_kind kind)
{
	return kind == HF_CONTENT_PACK ? "packs/" : "meta/";
}

void hf_pack_name(enum hf_object_kind kind, const struct hf_id *id, char out[HF_PACK_NAME_LEN + 1])
{
	char hex[HF_ID_HEX + 1];

	hf_id_hex(id, hex);
	snprintf(out, HF_PACK_NAME_LEN + 1, "%s%.2s/%s", pack_folder(kind), hex, hex);
}

hf_err hf_pack_name_parse(const char *name, struct hf_id *id)
{
	const char *rest = skip(name, pack_folder(HF_CONTENT_PACK));

	if (!rest)
		rest = skip(name, pack_folder(HF_META_PACK));
	if (!rest || strlen(rest) != 3 + HF_ID_HEX || rest[2] != '/' ||
		memcmp(rest, rest + 3, 2) != 0 || !hf_id_parse(rest + 3, HF_ID_HEX, id))
		return no_name("pack", name);
	return NULL;
}

void hf_numbered_name(const char *folder, uint32_t n, char out[HF_NUMBERED_NAME_LEN + 1])
{
	snprintf(out, HF_NUMBERED_NAME_LEN + 1, "%s/%010" PRIu32, folder, n);
}

hf_err hf_numbered_name_parse(const char *folder, const char *name, uint32_t *n)
{
	const char *rest = skip(name, folder);
	uint64_t number = 0;

	if (!rest || strlen(rest) != 1 + DIGITS || rest[0] != '/')
		return no_name(folder, name);
	for (const char *digit = rest + 1; *digit; digit++) {
		if (*digit < '0' || *digit > '9')
			return no_name(folder, name);
		number = number * 10 + (uint64_t)(*digit - '0');
	}
	if (number == 0 || number > UINT32_MAX)
		return no_name(folder, name);
	*n = (uint32_t)number;
	return NULL;
}

hf_err hf_digest_name_parse(
	const char *name, enum hf_object_kind *kind, int64_t *time, struct hf_id *id)
{
	*time = 0;
	if (strncmp(name, "commits/", 8) == 0) {
		*kind = HF_COMMIT;
		return hf_commit_name_parse(name, time, id);
	}
	*kind = strncmp(name, "meta/", 5) == 0 ? HF_META_PACK : HF_CONTENT_PACK;
	return hf_pack_name_parse(name, id);
}
