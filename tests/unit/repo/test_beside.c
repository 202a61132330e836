/*
 * Work beside those who forget, prune, rotate keys and add: whichever of its calls they come
 * before, it does not fail, a check has nothing to say of what is well, and nobody is asked to
 * store anything again.
 */
#include "backend/repo/check.h"

#include <stdatomic.h>

#include "backend/base/text.h"
#include "backend/repo/catalog.h"
#include "backend/repo/forget.h"
#include "backend/tree/check_tree.h"
#include "tests/lib/numbered.h"
#include "tests/lib/test.h"

#define CACHE ((size_t)1 << 20)

static struct hf_small small;
static struct hf_mem *before;
static uint8_t first[HF_SNAPSHOT_ID_LEN];

/* Two snapshots that share a file, pruned once, so that there are segments. */
static void setup(void)
{
	hf_small_init(&small, 2);
	ck_ok(hf_numbered_backup(small.repo, "files/here", 100, 0x0f, first));
	ck_ok(hf_numbered_backup(small.repo, "files/here", 200, 0x78, NULL));
	hf_mem_pass(small.mem, 4);
	ck_ok(hf_numbered_prune(small.repo, 0, NULL));
	ck_ok(hf_numbered_backup(small.repo, "files/here", 300, 0x180, NULL));
	hf_mem_pass(small.mem, 4);
	before = hf_mem_save(small.mem);
}

static void teardown(void)
{
	hf_mem_free(before);
	hf_small_end(&small);
}

/* ---- what the others do ---- */

static void forget_and_prune(struct hf_repo *repo)
{
	ck_ok(hf_forget(repo, &first, 1));
	ck_ok(hf_numbered_prune(repo, 0, NULL));
	ck_ok(hf_numbered_prune(repo, 0, NULL));
}

static void rotate_and_add(struct hf_repo *repo)
{
	ck_ok(hf_repo_rotate(repo));
	ck_ok(hf_numbered_backup(repo, "files/there", 400, 0x600, NULL));
}

static void rotate_and_prune(struct hf_repo *repo)
{
	rotate_and_add(repo);
	forget_and_prune(repo);
}

static void (*const deeds[])(struct hf_repo *repo) = {
	forget_and_prune, rotate_and_add, rotate_and_prune};

struct beside {
	void (*deed)(struct hf_repo *repo);
	struct hf_repo *repo; /* who does it */
	unsigned at;
	atomic_uint calls;
};

static struct hf_error *act(void *arg, enum hf_store_call call, const char *name)
{
	struct beside *beside = arg;

	(void)call;
	(void)name;
	if (atomic_fetch_add(&beside->calls, 1) + 1 == beside->at)
		beside->deed(beside->repo);
	return NULL;
}

/* ---- who checks ---- */

struct told {
	struct hf_buf lines;
	struct hf_check_result objects;
	struct hf_check_tree_result trees;
};
static void told_release(struct told *told)
{
	hf_buf_release(&told->lines);
}
#define TOLD __attribute__((cleanup(told_release))) struct told

static void note(void *arg, const struct hf_finding *finding)
{
	struct told *told = arg;

	if (!finding->note)
		hf_buf_printf(&told->lines, "%s: %s\n", finding->object, finding->text);
}

static void note_damage(void *arg, const struct hf_tree_damage *damage)
{
	struct told *told = arg;

	hf_buf_printf(&told->lines, "%lld %s: %s\n", (long long)damage->snapshot->snapshot.moment,
		damage->path, damage->text);
}

static void check(struct hf_repo *repo, bool read_data, struct told *told)
{
	HF_OWNED(hf_reader) reader = NULL;
	const struct hf_check_options options = {
		.read_data = read_data, .workers = 1, .found = note, .arg = told};

	ck_ok(hf_reader_open(repo, CACHE, 0, &reader));
	const struct hf_check_tree tree = {.reader = reader, .damaged = note_damage, .arg = told};

	ck_ok(hf_check_objects(repo, &options, &told->objects));
	ck_ok(hf_check_trees(&tree, &told->trees));
}

static void checks(struct hf_repo *repo, bool read_data)
{
	TOLD told = {0};

	check(repo, read_data, &told);
	ck_assert_msg(told.lines.len == 0, "%s", hf_buf_text(&told.lines));
	ck_assert_uint_eq(told.objects.findings, 0);
	ck_assert_uint_eq(told.objects.lost_chunks, 0);
	ck_assert_uint_eq(told.objects.wanted_chunks, 0);
	ck_assert_uint_eq(told.trees.hurt_snapshots, 0);
	ck_assert_uint_eq(told.trees.hurt_paths, 0);
	ck_assert_uint_eq(told.trees.absent_chunks, 0);
}

/* ---- the works ---- */

static void check_structure(struct hf_repo *repo)
{
	checks(repo, false);
}

static void check_content(struct hf_repo *repo)
{
	checks(repo, true);
}

static void open_and_look(struct hf_repo *repo)
{
	HF_FREED char *cache = hf_format("%s/%u", small.dir, small.opened++);
	HF_OWNED(hf_repo) opened = NULL;

	(void)repo;
	ck_ok(hf_small_try(&small, cache, &opened));
}

/* Takes err. What it went by may have changed: then it begins anew, and need do so only once. */
static bool begins_anew(struct hf_error *err)
{
	if (!err || hf_error_kind(err) != HF_TRANSIENT) {
		ck_ok(err);
		return false;
	}
	hf_error_free(err); /* it ends well the second time */
	return true;
}

static void back_up(struct hf_repo *repo)
{
	if (begins_anew(hf_numbered_backup(repo, "files/own", 500, 0x8007, NULL)))
		ck_ok(hf_numbered_backup(repo, "files/own", 500, 0x8007, NULL));
}

static void prune(struct hf_repo *repo)
{
	if (begins_anew(hf_numbered_prune(repo, 0, NULL)))
		ck_ok(hf_numbered_prune(repo, 0, NULL));
}

/* ---- beside ---- */

struct scene {
	void (*work)(struct hf_repo *repo);
	void (*deed)(struct hf_repo *repo);
	bool shared; /* both have one catalog */
};

/* false: there were fewer calls than that. */
static bool work_beside(const struct scene *scene, unsigned at)
{
	HF_FREED char *cache = hf_format("%s/%u", small.dir, small.opened++);
	HF_FREED char *other = hf_format("%s/%u", small.dir, small.opened++);
	HF_OWNED(hf_repo) works = NULL;
	HF_OWNED(hf_repo) acts = NULL;
	struct beside beside = {.deed = scene->deed, .at = at};

	hf_mem_go_back(small.mem, before);
	ck_ok(hf_small_try(&small, cache, &works));
	ck_ok(hf_small_try(&small, scene->shared ? cache : other, &acts));
	beside.repo = acts;
	hf_mem_hook(small.mem, act, &beside);
	scene->work(works);
	hf_mem_hook(small.mem, NULL, NULL);
	return beside.calls >= at;
}

/* Every call of each work with HF_BIG, else every fifth. */
static void each_call(struct scene *scene, unsigned offset)
{
	const unsigned step = getenv("HF_BIG") ? 1 : 5;
	unsigned at = 1 + offset % step;

	while (work_beside(scene, at))
		at += step;
	ck_assert_uint_gt(at, 10);
}

START_TEST(whatever_is_done_beside_a_check_before_any_of_its_calls_is_no_finding)
{
	for (unsigned i = 0; i < 2 * ARRAY_LEN(deeds); i++)
		each_call(
			&(struct scene){_i ? check_content : check_structure, deeds[i / 2], i & 1},
			i);
}
END_TEST

START_TEST(no_other_work_fails_for_what_is_done_beside_it)
{
	static void (*const works[])(struct hf_repo * repo) = {open_and_look, back_up, prune};

	for (unsigned i = 0; i < 2 * ARRAY_LEN(deeds); i++)
		each_call(&(struct scene){works[_i], deeds[i / 2], i & 1}, i);
	check_content(small.repo);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("beside");
	TCase *tests = hf_test_case(suite, "beside");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(
		tests, whatever_is_done_beside_a_check_before_any_of_its_calls_is_no_finding, 0, 2);
	tcase_add_loop_test(tests, no_other_work_fails_for_what_is_done_beside_it, 0, 3);
	return hf_test_run_suite(suite);
}
