#include "tests/lib/inputs.h"

#include <dirent.h>
#include <stdio.h>

#include "backend/base/fd.h"
#include "tests/lib/test.h"

#define LARGEST (16u << 20)

static bool takes_file(const char *path, hf_takes_fn *takes)
{
	HF_RELEASED(hf_buf) input = {0};
	HF_FREED uint8_t *exact = NULL;

	ck_ok(hf_file_read(path, LARGEST, &input));
	exact = hf_alloc(input.len);
	if (input.len)
		memcpy(exact, input.at, input.len);
	return takes(hf_span(exact, input.len));
}

/* How many files of the folder begin with prefix; each must be taken, or each refused. */
static unsigned judge_folder(
	const char *folder, const char *prefix, bool wanted, hf_takes_fn *takes)
{
	DIR *dir = opendir(folder);
	struct dirent *file;
	unsigned n = 0;

	ck_assert_msg(dir != NULL, "%s cannot be read", folder);
	while ((file = readdir(dir))) {
		HF_FREED char *path = hf_format("%s/%s", folder, file->d_name);

		if (file->d_name[0] == '.' || strncmp(file->d_name, prefix, strlen(prefix)) != 0)
			continue;
		ck_assert_msg(takes_file(path, takes) == wanted, "%s was %s", path,
			wanted ? "refused" : "taken");
		n++;
	}
	closedir(dir);
	return n;
}

void hf_inputs_judge(const char *form, hf_takes_fn *takes)
{
	HF_FREED char *prefix = hf_format("%s-", form);
	HF_FREED char *corpus = hf_format("%s/fuzz/corpus/%s", HF_TEST_ROOT, form);

	ck_assert_uint_gt(judge_folder(HF_TEST_ROOT "/malformed", prefix, false, takes), 0);
	ck_assert_uint_gt(judge_folder(corpus, "good-", true, takes), 0);
}
