/* Rules of what is left out: a path up to the first NUL, the lines behind it. */
#include "backend/tree/exclude.h"
#include "tests/fuzz/fuzz.h"

/* As the walk gives them: no empty name, no "." and no "..". */
static bool is_path(const char *path)
{
	for (const char *at = path;; at++) {
		const size_t len = strcspn(at, "/");

		if (len == 0 || (len <= 2 && strncmp(at, "..", len) == 0))
			return false;
		at += len;
		if (!*at)
			return true;
	}
}

/* With every byte quoted, a path is left out by the pattern that it is, and taken back by '!'. */
static void check_quoted(const char *path)
{
	HF_OWNED(hf_exclude) exclude = hf_exclude_new();
	HF_RELEASED(hf_buf) line = {0};

	hf_buf_printf(&line, "/");
	for (const char *at = path; *at; at++)
		hf_buf_printf(&line, *at == '/' ? "%c" : "\\%c", *at);
	hf_error_free(hf_exclude_add(exclude, hf_buf_text(&line))); /* then nothing matches */
	FUZZ_ASSERT(hf_exclude_match(exclude, path, NULL, false));
	HF_FREED char *back = hf_format("!%s", hf_buf_text(&line));

	hf_error_free(hf_exclude_add(exclude, back)); /* then it still matches */
	FUZZ_ASSERT(!hf_exclude_match(exclude, path, NULL, false));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	HF_FREED char *path = hf_strndup((const char *)bytes, len);
	const size_t rest = HF_MIN(strlen(path) + 1, len);
	HF_OWNED(hf_exclude) exclude = hf_exclude_new();

	if (len > 4096)
		return 0;
	hf_error_free(hf_exclude_add_lines(
		exclude, hf_span(bytes + rest, len - rest), "rules")); /* those before it hold */
	if (!is_path(path))
		return 0;
	hf_exclude_match(exclude, path, NULL, false);
	hf_exclude_match(exclude, path, path, true);
	check_quoted(path);
	return 0;
}
