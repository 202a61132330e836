/* Directories by descriptor: no name leads out, none is followed, deep trees need few descriptors.
 */
#include "backend/tree/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/test.h"

static char *dir;
static struct hf_places *places;
static struct hf_place *root;

static void setup(void)
{
	dir = hf_test_dir();
	places = hf_places_new(open(dir, O_RDONLY | O_DIRECTORY), 4);
	root = hf_places_root(places);
}

static void teardown(void)
{
	hf_place_unref(root);
	hf_places_free(places);
	hf_test_dir_free(dir);
}

static struct hf_place *make(struct hf_place *parent, const char *name)
{
	struct hf_place *place;
	int fd;

	ck_ok(hf_place_pin(parent, &fd));
	ck_assert_int_eq(mkdirat(fd, name, 0700), 0);
	hf_place_unpin(parent);
	ck_ok(hf_place_enter(parent, hf_span_str(name), &place));
	return place;
}

START_TEST(no_name_leads_out)
{
	static const char *const names[] = {"", ".", "..", "/", "/etc", "a/b", "../x", "a/"};
	struct hf_place *place;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		ck_assert(!hf_place_name_ok(hf_span_str(names[i])));
		ck_fails(HF_INVALID, hf_place_enter(root, hf_span_str(names[i]), &place));
	}
	ck_assert(!hf_place_name_ok(hf_span("a\0b", 3)));
	ck_assert(hf_place_name_ok(hf_span_str("...")));
	ck_assert(hf_place_name_ok(hf_span_str("\xff\n")));
}
END_TEST

START_TEST(a_link_is_not_entered)
{
	HF_FREED char *link = hf_test_path(dir, "link");
	struct hf_place *place;

	ck_assert_int_eq(symlink("/", link), 0);
	ck_fails(HF_SYSTEM, hf_place_enter(root, hf_span_str("link"), &place));
}
END_TEST

/* Deeper than PATH_MAX and than the descriptors that the process may have. */
START_TEST(a_deep_tree_is_entered_with_few_descriptors)
{
	const struct rlimit few = {.rlim_cur = 64, .rlim_max = 64};
	struct hf_place *place = hf_place_ref(root);
	struct hf_place *middle = NULL;
	char name[64];
	int fd;

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 1000; i++) {
		struct hf_place *next;

		snprintf(name, sizeof(name), "a name of some length, and level %d", i);
		next = make(place, name);
		hf_place_unref(place);
		place = next;
		if (i == 500)
			middle = hf_place_ref(place);
	}
	ck_ok(hf_place_pin(middle, &fd));
	ck_assert_int_eq(mkdirat(fd, "here", 0700), 0);
	hf_place_unpin(middle);
	ck_ok(hf_place_pin(place, &fd));
	ck_assert_int_eq(mkdirat(fd, "at the end", 0700), 0);
	hf_place_unpin(place);
	hf_place_unref(middle);
	hf_place_unref(place);
}
END_TEST

START_TEST(a_directory_that_was_replaced_is_not_opened_again)
{
	HF_FREED char *here = hf_test_path(dir, "victim"), *away = hf_test_path(dir, "away");
	struct hf_place *victim = make(root, "victim"), *others[5];
	char name[8];
	int fd;

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		snprintf(name, sizeof(name), "%zu", i);
		others[i] = make(root, name);
	}
	ck_assert_int_eq(rename(here, away), 0);
	ck_assert_int_eq(mkdir(here, 0700), 0);

	ck_fails_with(HF_INVALID, "replaced", hf_place_pin(victim, &fd));
	ck_assert_int_eq(rmdir(here), 0);
	ck_assert_int_eq(symlink("away", here), 0);
	ck_fails(HF_SYSTEM, hf_place_pin(victim, &fd));
	ck_assert_int_eq(unlink(here), 0);
	ck_assert_int_eq(rename(away, here), 0);
	ck_ok(hf_place_pin(victim, &fd));
	hf_place_unpin(victim);

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		hf_place_unref(others[i]);
	hf_place_unref(victim);
}
END_TEST

START_TEST(what_is_pinned_stays_open)
{
	struct hf_place *pinned = make(root, "pinned"), *others[10];
	struct stat stat;
	char name[8];
	int fd;

	ck_ok(hf_place_pin(pinned, &fd));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		snprintf(name, sizeof(name), "%zu", i);
		others[i] = make(root, name);
	}
	ck_assert_int_eq(fstat(fd, &stat), 0);
	hf_place_unpin(pinned);

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		hf_place_unref(others[i]);
	hf_place_unref(pinned);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("place");
	TCase *tests = hf_test_case(suite, "place");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, no_name_leads_out);
	tcase_add_test(tests, a_link_is_not_entered);
	tcase_add_test(tests, a_deep_tree_is_entered_with_few_descriptors);
	tcase_add_test(tests, a_directory_that_was_replaced_is_not_opened_again);
	tcase_add_test(tests, what_is_pinned_stays_open);
	return hf_test_run_suite(suite);
}
