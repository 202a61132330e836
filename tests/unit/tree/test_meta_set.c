/* Metadata onto files: each survives the others, and no link is followed. */
#include "backend/tree/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/lib/test.h"

#define MTIME INT64_C(1234567890123456789)

static char *dir;
static int dirfd_;

static void setup(void)
{
	dir = hf_test_dir();
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
}

static void teardown(void)
{
	close(dirfd_);
	hf_test_dir_free(dir);
}

static struct hf_entry entry_of(enum hf_type type, uint32_t mode)
{
	return (struct hf_entry){
		.type = type, .mode = mode, .uid = geteuid(), .gid = getegid(), .mtime = MTIME};
}

static struct stat stat_of(const char *name)
{
	struct stat stat;

	ck_assert_int_eq(fstatat(dirfd_, name, &stat, AT_SYMLINK_NOFOLLOW), 0);
	return stat;
}

static int make_file(const char *name)
{
	int fd = openat(dirfd_, name, O_RDWR | O_CREAT | O_EXCL, 0600);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void check_mtime(const char *name)
{
	struct stat stat = stat_of(name);

	ck_assert_int_eq(stat.st_mtim.tv_sec, MTIME / 1000000000);
	ck_assert_int_eq(stat.st_mtim.tv_nsec, MTIME % 1000000000);
}

static const struct hf_meta_apply all = {.owners = true};

START_TEST(setuid_survives_the_change_of_owner)
{
	struct hf_entry entry = entry_of(HF_REG, 06751);
	HF_FREED char *path = hf_test_path(dir, "file");

	if (geteuid() == 0)
		entry.uid = entry.gid = 12345;
	close(make_file("file"));
	ck_ok(hf_meta_set(dirfd_, "file", &entry, &all));

	ck_assert_uint_eq(stat_of("file").st_mode & 07777, 06751);
	ck_assert_uint_eq(stat_of("file").st_uid, entry.uid);
	ck_assert_uint_eq(stat_of("file").st_gid, entry.gid);
	check_mtime("file");
}
END_TEST

/* A capability of CAP_NET_RAW, as the kernel stores it. */
static const uint8_t capability[20] = {1, 0, 0, 2, 0, 0x20};

START_TEST(a_capability_survives_the_change_of_owner)
{
	struct hf_xattr xattr = {hf_span_str("security.capability"), hf_span(capability, 20)};
	struct hf_entry entry = entry_of(HF_REG, 0755);
	HF_FREED char *path = hf_test_path(dir, "file");
	uint8_t got[32];

	if (geteuid() != 0)
		return; /* not for this user to set */
	entry.uid = 12345;
	entry.xattrs = &xattr;
	entry.n_xattrs = 1;
	close(make_file("file"));
	ck_ok(hf_meta_set(dirfd_, "file", &entry, &all));

	ck_assert_int_eq(getxattr(path, "security.capability", got, sizeof(got)), 20);
	ck_assert_int_eq(memcmp(got, capability, 20), 0);
}
END_TEST

static bool has_user_xattrs(void)
{
	return setxattr(dir, "user.try", "1", 1, 0) == 0;
}

START_TEST(a_read_only_file_gets_its_xattrs)
{
	struct hf_xattr xattrs[] = {{hf_span_str("user.empty"), hf_span(NULL, 0)},
		{hf_span_str("user.name"), hf_span_str("value")}};
	struct hf_entry entry = entry_of(HF_REG, 0444);
	HF_FREED char *path = hf_test_path(dir, "file");
	char got[8];
	int fd;

	if (!has_user_xattrs())
		return;
	entry.xattrs = xattrs;
	entry.n_xattrs = 2;
	fd = make_file("file");
	ck_ok(hf_meta_set_open(fd, &entry, &all));
	close(fd);

	ck_assert_int_eq(getxattr(path, "user.name", got, sizeof(got)), 5);
	ck_assert_int_eq(getxattr(path, "user.empty", got, sizeof(got)), 0);
	ck_assert_uint_eq(stat_of("file").st_mode & 07777, 0444);
	check_mtime("file");
}
END_TEST

/* user::rw-, user:7:rwx, group::r--, mask::rw-, other::--- */
static const uint8_t acl[] = {2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 7, 0, 7, 0, 0, 0, 4,
	0, 4, 0, 255, 255, 255, 255, 0x10, 0, 6, 0, 255, 255, 255, 255, 0x20, 0, 0, 0, 255, 255,
	255, 255};

START_TEST(an_acl_survives_the_mode)
{
	struct hf_xattr xattr = {hf_span_str("system.posix_acl_access"), hf_span(acl, sizeof(acl))};
	struct hf_entry entry = entry_of(HF_REG, 0660);
	HF_FREED char *path = hf_test_path(dir, "file");
	uint8_t got[64];

	close(make_file("file"));
	if (setxattr(path, "system.posix_acl_access", acl, sizeof(acl), 0) < 0)
		return; /* a file system without ACLs */
	ck_assert_int_eq(removexattr(path, "system.posix_acl_access"), 0);
	entry.xattrs = &xattr;
	entry.n_xattrs = 1;
	ck_ok(hf_meta_set(dirfd_, "file", &entry, &all));

	ck_assert_int_eq(getxattr(path, "system.posix_acl_access", got, sizeof(got)), sizeof(acl));
	ck_assert_int_eq(memcmp(got, acl, sizeof(acl)), 0);
	ck_assert_uint_eq(stat_of("file").st_mode & 07777, 0660);
}
END_TEST

START_TEST(an_inherited_acl_goes)
{
	struct hf_entry entry = entry_of(HF_REG, 0640);
	HF_FREED char *path = hf_test_path(dir, "file");
	uint8_t got[64];
	int fd;

	if (setxattr(dir, "system.posix_acl_default", acl, sizeof(acl), 0) < 0)
		return; /* a file system without ACLs */
	fd = make_file("file");
	ck_assert_int_gt(getxattr(path, "system.posix_acl_access", got, sizeof(got)), 0);
	ck_ok(hf_meta_set_open(fd, &entry, &all));
	close(fd);

	ck_assert_int_lt(getxattr(path, "system.posix_acl_access", got, sizeof(got)), 0);
	ck_assert_uint_eq(stat_of("file").st_mode & 07777, 0640);
}
END_TEST

START_TEST(a_link_is_changed_and_not_what_it_leads_to)
{
	struct hf_entry entry = entry_of(HF_LNK, 0777);
	struct stat before;

	if (geteuid() == 0)
		entry.uid = entry.gid = 12345;
	close(make_file("file"));
	before = stat_of("file");
	ck_assert_int_eq(symlinkat("file", dirfd_, "link"), 0);
	ck_ok(hf_meta_set(dirfd_, "link", &entry, &all));

	ck_assert_uint_eq(stat_of("link").st_uid, entry.uid);
	check_mtime("link");
	ck_assert_uint_eq(stat_of("file").st_uid, before.st_uid);
	ck_assert_uint_eq(stat_of("file").st_mode, before.st_mode);
	ck_assert_int_eq(stat_of("file").st_mtim.tv_nsec, before.st_mtim.tv_nsec);
}
END_TEST

START_TEST(a_link_planted_at_the_name_is_refused)
{
	struct hf_entry entry = entry_of(HF_REG, 0777);

	close(make_file("file"));
	ck_assert_int_eq(symlinkat("file", dirfd_, "name"), 0);
	ck_fails(HF_INVALID, hf_meta_set(dirfd_, "name", &entry, &all));
	ck_assert_uint_eq(stat_of("file").st_mode & 07777, 0600);
}
END_TEST

START_TEST(a_fifo_is_set_without_being_opened)
{
	struct hf_entry entry = entry_of(HF_FIFO, 0620);

	ck_assert_int_eq(mkfifoat(dirfd_, "fifo", 0600), 0);
	ck_ok(hf_meta_set(dirfd_, "fifo", &entry, &all));
	ck_assert_uint_eq(stat_of("fifo").st_mode & 07777, 0620);
	check_mtime("fifo");
}
END_TEST

START_TEST(times_before_1970_are_set)
{
	struct hf_entry entry = entry_of(HF_REG, 0600);
	int fd = make_file("file");

	entry.mtime = -1;
	ck_ok(hf_meta_set_open(fd, &entry, &all));
	close(fd);
	ck_assert_int_eq(stat_of("file").st_mtim.tv_sec, -1);
	ck_assert_int_eq(stat_of("file").st_mtim.tv_nsec, 999999999);
}
END_TEST

START_TEST(what_can_not_be_set_is_named_and_the_rest_is_set)
{
	struct hf_xattr xattr = {hf_span_str("bogus.name"), hf_span_str("value")};
	struct hf_entry entry = entry_of(HF_REG, 0604);
	int fd = make_file("file");

	entry.xattrs = &xattr;
	entry.n_xattrs = 1;
	ck_fails_with(HF_SYSTEM, "bogus.name", hf_meta_set_open(fd, &entry, &all));
	close(fd);
	ck_assert_uint_eq(stat_of("file").st_mode & 07777, 0604);
	check_mtime("file");
}
END_TEST

/* ext4 has room for one block of them. The rest of the tree must come back all the same. */
START_TEST(an_inode_without_room_for_an_xattr_is_no_full_disk)
{
	static uint8_t value[60000];
	struct hf_xattr xattr = {hf_span_str("user.large"), hf_span(value, sizeof(value))};
	struct hf_entry entry = entry_of(HF_REG, 0604);
	int fd = make_file("file");

	entry.xattrs = &xattr;
	entry.n_xattrs = 1;
	struct hf_error *err = hf_meta_set_open(fd, &entry, &all);

	close(fd);
	if (err && hf_error_errno(err) == ENOSPC)
		ck_assert_int_eq(hf_error_kind(err), HF_UNSUPPORTED);
	hf_error_free(err); /* there may be room, or no xattrs at all */
	ck_assert_uint_eq(stat_of("file").st_mode & 07777, 0604);
}
END_TEST

START_TEST(names_win_over_numbers_where_they_are_known)
{
	struct hf_entry entry = {.uid = 4242, .gid = 4343};
	uint32_t uid, gid;

	entry.user = hf_span_str("root");
	entry.group = hf_span_str("no-such-group-here");
	hf_meta_owner_ids(&entry, &uid, &gid);
	ck_assert_uint_eq(uid, 0);
	ck_assert_uint_eq(gid, 4343);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("meta_set");
	TCase *tests = hf_test_case(suite, "meta_set");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, setuid_survives_the_change_of_owner);
	tcase_add_test(tests, a_capability_survives_the_change_of_owner);
	tcase_add_test(tests, a_read_only_file_gets_its_xattrs);
	tcase_add_test(tests, an_acl_survives_the_mode);
	tcase_add_test(tests, an_inherited_acl_goes);
	tcase_add_test(tests, a_link_is_changed_and_not_what_it_leads_to);
	tcase_add_test(tests, a_link_planted_at_the_name_is_refused);
	tcase_add_test(tests, a_fifo_is_set_without_being_opened);
	tcase_add_test(tests, times_before_1970_are_set);
	tcase_add_test(tests, what_can_not_be_set_is_named_and_the_rest_is_set);
	tcase_add_test(tests, an_inode_without_room_for_an_xattr_is_no_full_disk);
	tcase_add_test(tests, names_win_over_numbers_where_they_are_known);
	return hf_test_run_suite(suite);
}
