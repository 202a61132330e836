#include "tests/lib/restored.h"
#include "backend/tree/compare.h"
#include <stdio.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "tests/lib/test.h"

static void note(void *arg, const char *path, const struct hf_error *err)
{
	struct hf_restored *restored = arg;

	hf_buf_printf(&restored->told, "%s: %s\n", path, hf_error_word(hf_error_kind(err)));
}

void hf_restored_init(struct hf_restored *restored, unsigned workers)
{
	*restored = (struct hf_restored){.area = hf_test_dir()};
	restored->to = hf_test_path(restored->area, "to");
	restored->outside = hf_test_path(restored->area, "outside");
	ck_assert_int_eq(mkdir(restored->outside, 0755), 0);
	hf_stored_init(&restored->tree);
	restored->how = (struct hf_restore){
		.target = restored->to,
		.workers = workers,
		.apply = {.owners = geteuid() == 0},
		.progress = &restored->progress,
		.failed = note,
		.arg = restored,
	};
}

void hf_restored_end(struct hf_restored *restored)
{
	hf_stored_end(&restored->tree);
	hf_test_dir_free(restored->area);
	free(restored->to);
	free(restored->outside);
	hf_buf_release(&restored->told);
}

bool hf_restored_told(struct hf_restored *restored, const char *path, enum hf_error_kind kind)
{
	HF_FREED char *line = hf_format("%s: %s\n", path, hf_error_word(kind));
	const char *found = strstr(hf_buf_text(&restored->told), line);

	return found && (found == (const char *)restored->told.at || found[-1] == '\n');
}

struct stat hf_restored_stat(struct hf_restored *restored, const char *path)
{
	HF_FREED char *whole = hf_test_path(restored->to, path);
	struct stat stat;

	if (lstat(whole, &stat) < 0)
		ck_abort_msg("%s is not there", whole);
	return stat;
}

bool hf_restored_there(struct hf_restored *restored, const char *path)
{
	HF_FREED char *whole = hf_test_path(restored->to, path);
	struct stat stat;

	return lstat(whole, &stat) == 0;
}

void hf_restored_is(struct hf_restored *restored, const char *path, struct hf_span content)
{
	HF_FREED char *whole = hf_test_path(restored->to, path);
	HF_RELEASED(hf_buf) got = {0};

	ck_ok(hf_file_read(whole, content.len + 1, &got));
	if (!hf_span_equal(hf_buf_span(&got), content))
		ck_abort_msg("%s is not what was stored", whole);
}

void hf_restored_put(const char *dir, const char *path, const char *content)
{
	HF_FREED char *whole = hf_test_path(dir, path);
	HF_FD fd = open(whole, O_WRONLY | O_CREAT | O_EXCL, 0600);

	ck_assert_int_ge(fd, 0);
	ck_ok(hf_fd_write(fd, content, strlen(content)));
}

size_t hf_restored_count(const char *dir)
{
	DIR *open = opendir(dir);
	size_t n = 0;

	ck_assert_ptr_nonnull(open);
	while (readdir(open))
		n++;
	closedir(open);
	return n - 2;
}

static struct hf_error *difference(void *arg, enum hf_difference what, const char *path,
	const struct hf_entry *a, const struct hf_entry *b)
{
	(void)a;
	(void)b;
	hf_buf_printf(arg, "%c %s\n", (char)what, path);
	return NULL;
}

/* By another way than the restore went: nothing differs. */
void hf_restored_check_same(struct hf_restored *it, const struct hf_entry *root)
{
	HF_RELEASED(hf_buf) differences = {0};
	const struct hf_compare compare = {.reader = it->tree.reader,
		.metadata = true,
		.each = difference,
		.arg = &differences};

	ck_ok(hf_compare_local(&compare, root, it->to));
	ck_assert_str_eq(hf_buf_text(&differences), "");
}

struct hf_span hf_restored_bytes(struct hf_restored *it, size_t len)
{
	static uint64_t state;
	uint8_t *at = hf_arena_alloc(&it->tree.arena, len);

	if (!state)
		state = hf_test_seed();
	for (size_t i = 0; i < len; i += sizeof(state)) {
		const uint64_t random = hf_test_random(&state);

		memcpy(at + i, &random, HF_MIN(sizeof(random), len - i));
	}
	return hf_span(at, len);
}

const char *hf_restored_number(struct hf_restored *it, size_t n)
{
	char name[24];

	snprintf(name, sizeof(name), "%06zu", n);
	return hf_arena_str(&it->tree.arena, name, strlen(name));
}

void hf_restored_make_linked(struct hf_entry *entry, uint8_t id, uint64_t nlink)
{
	entry->linked = true;
	entry->link_id[0] = id;
	entry->nlink = nlink;
}

/* The first name may still be under way when the next ones come; and it may be a large file. */
