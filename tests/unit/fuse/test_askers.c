#include "fs/fuse/askers.h"

#include "tests/lib/test.h"

#define FIND 4001
#define TAR 4002

static struct hf_askers askers;

/* A process reads a page of a directory; true: with names alone. */
static bool read_page(pid_t pid, bool first_page)
{
	const bool names = hf_askers_names_suffice(&askers, pid, first_page);

	if (names)
		hf_askers_gave_names(&askers, pid);
	return names;
}

static void begin(void)
{
	memset(&askers, 0, sizeof(askers));
}

START_TEST(who_only_reads_names_is_given_names_only)
{
	begin();
	ck_assert(read_page(FIND, true));
	/* Not known yet: a process may read all names before it asks for the first. */
	ck_assert(!read_page(FIND, false));
	ck_assert(read_page(FIND, true));
	ck_assert(read_page(FIND, false));
	ck_assert(read_page(FIND, true));
}
END_TEST

START_TEST(who_looks_at_a_file_is_given_attributes_from_then_on)
{
	begin();
	ck_assert(read_page(TAR, true));
	hf_askers_looked_up(&askers, TAR);
	ck_assert(!read_page(TAR, false));
	ck_assert(!read_page(TAR, true));

	/* Also who was known for reading names only. */
	ck_assert(read_page(FIND, true));
	ck_assert(read_page(FIND, true));
	hf_askers_looked_up(&askers, FIND);
	ck_assert(!read_page(FIND, true));
}
END_TEST

START_TEST(a_directory_without_files_shows_nothing_of_its_reader)
{
	begin();
	ck_assert(hf_askers_names_suffice(&askers, FIND, true));
	ck_assert(hf_askers_names_suffice(&askers, FIND, true));
	ck_assert(!hf_askers_names_suffice(&askers, FIND, false));
}
END_TEST

START_TEST(one_process_is_not_taken_for_another_in_its_place)
{
	const pid_t same_place = TAR + (pid_t)ARRAY_LEN(askers.places);

	begin();
	hf_askers_looked_up(&askers, TAR);
	ck_assert(read_page(same_place, true));
	ck_assert(!read_page(same_place, false));
	ck_assert(read_page(TAR, true));
}
END_TEST

HF_TEST_MAIN("askers", who_only_reads_names_is_given_names_only,
	who_looks_at_a_file_is_given_attributes_from_then_on,
	a_directory_without_files_shows_nothing_of_its_reader,
	one_process_is_not_taken_for_another_in_its_place)
