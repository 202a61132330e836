/*
 * LD_PRELOAD: the disk below HF_DISK_UNDER misbehaves at the K-th call.
 * HF_DISK=<what>:<K>[:<seed>], a '+' behind K: from there on always.
 *
 *     eio, enospc, eintr   the call fails
 *     short                a write takes half
 *     kill                 the process is killed instead of the call
 *     power                the same, and what was not synced is gone; also at a normal end
 *
 * Counted are calls that change the disk or promise that it is changed; with HF_DISK_READS=1 those
 * that read too. HF_COUNT_FILE: where their number is written at a normal end.
 *
 * Power loss: a file keeps what it had when it was last synced, and behind that nothing (or, by the
 * seed, zeros). A name that was made, moved or removed since its directory was last synced is as
 * it was before; with a seed, each directory kept the earlier of its changes up to a place drawn
 * for it. Removed files are kept in HF_DISK_STASH for that. Changes within what a file had at its
 * last sync stay (this is gentler than some disks; only the catalog, a cache, writes so).
 */
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS
#undef _FORTIFY_SOURCE
#define _LARGEFILE64_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))
#define MOST 20000

static struct {
	bool kill, power, shorten, after, reads;
	int number; /* errno */
	unsigned long at, count;
	uint64_t seed;
	char under[PATH_MAX], stash[PATH_MAX];
	size_t under_len;
} fault;

struct inode {
	dev_t dev;
	ino_t ino;
};

/* A file that was written: a descriptor of our own, and how much of it is safe. */
static struct {
	struct inode inode;
	int fd;
	off_t safe;
	bool dirty;
} files[MOST];
static size_t n_files;

/* A change of a directory that is not yet safe. */
static struct change {
	enum { MADE, REMOVED, MOVED } what;
	struct inode in;
	char *path, *old; /* old: the stashed file; the name it had before */
	bool safe;
} changes[MOST];
static size_t n_changes;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- paths ---- */

static void fd_path(int fd, char out[PATH_MAX])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, PATH_MAX - 1);
	out[n < 0 ? 0 : n] = '\0';
}

static void full_path(int dir, const char *path, char out[PATH_MAX])
{
	char base[PATH_MAX];

	if (path[0] == '/') {
		snprintf(out, PATH_MAX, "%s", path);
		return;
	}
	if (dir == AT_FDCWD) {
		if (!getcwd(base, sizeof(base)))
			base[0] = '\0';
	} else {
		fd_path(dir, base);
	}
	if ((size_t)snprintf(out, PATH_MAX, "%s/%s", base, path) >= PATH_MAX)
		out[0] = '\0';
}

static bool watched(const char *path)
{
	return fault.under_len && strncmp(path, fault.under, fault.under_len) == 0;
}

static bool parent_inode(const char *path, struct inode *out)
{
	char parent[PATH_MAX];
	char *slash;
	struct stat st;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (!slash)
		return false;
	*slash = '\0';
	if (stat(parent, &st))
		return false;
	*out = (struct inode){st.st_dev, st.st_ino};
	return true;
}

static bool same(struct inode a, struct inode b)
{
	return a.dev == b.dev && a.ino == b.ino;
}

/* ---- what power loss undoes ---- */

static void note_change(int what, const char *path, const char *old)
{
	struct change *change = &changes[n_changes];

	if (!fault.power || n_changes == MOST || !parent_inode(path, &change->in))
		return;
	change->what = what;
	change->path = strdup(path);
	change->old = old ? strdup(old) : NULL;
	n_changes++;
}

/* A second name for what is about to lose this one; false: it is not there, or no file. */
static bool stash(const char *path, char out[PATH_MAX])
{
	static unsigned number;

	snprintf(out, PATH_MAX, "%.4000s/%u", fault.stash, number++);
	return fault.power && fault.stash[0] &&
		syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, out, 0) == 0;
}

static void note_write(int fd)
{
	struct stat st;
	char link[64];

	if (!fault.power || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return;
	for (size_t i = 0; i < n_files; i++) {
		if (same(files[i].inode, (struct inode){st.st_dev, st.st_ino})) {
			files[i].dirty = true;
			return;
		}
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (n_files == MOST)
		return;
	files[n_files].fd = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDWR | O_CLOEXEC, 0);
	files[n_files].inode = (struct inode){st.st_dev, st.st_ino};
	files[n_files].safe = st.st_size;
	files[n_files].dirty = true;
	n_files++;
}

static void note_sync(int fd)
{
	struct stat st;
	struct inode inode;

	if (fstat(fd, &st))
		return;
	inode = (struct inode){st.st_dev, st.st_ino};
	for (size_t i = 0; i < n_changes && S_ISDIR(st.st_mode); i++) {
		if (same(changes[i].in, inode))
			changes[i].safe = true;
	}
	for (size_t i = 0; i < n_files; i++) {
		if (same(files[i].inode, inode)) {
			files[i].dirty = false;
			files[i].safe = st.st_size;
		}
	}
}

static uint64_t draw(uint64_t of)
{
	uint64_t x = fault.seed * UINT64_C(0x9e3779b97f4a7c15) + of;

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* How many of the unsafe changes of this directory the disk has anyway. */
static size_t kept_of(struct inode in)
{
	size_t n = 0;

	if (!fault.seed)
		return 0;
	for (size_t i = 0; i < n_changes; i++)
		n += !changes[i].safe && same(changes[i].in, in);
	return (size_t)(draw(in.ino) % (n + 1));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void undo(const struct change *change)
{
	switch (change->what) {
	case MADE:
		nftw(change->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
		break;
	case REMOVED:
		syscall(SYS_linkat, AT_FDCWD, change->old, AT_FDCWD, change->path, 0);
		break;
	case MOVED:
		syscall(SYS_renameat2, AT_FDCWD, change->path, AT_FDCWD, change->old, 0);
		break;
	}
}

static void lose_power(void)
{
	static size_t kept[MOST];

	for (size_t i = 0; i < n_files; i++) {
		struct stat st;

		if (!files[i].dirty || fstat(files[i].fd, &st) || st.st_size <= files[i].safe)
			continue;
		if (syscall(SYS_ftruncate, files[i].fd, files[i].safe) == 0 && fault.seed % 2)
			syscall(SYS_ftruncate, files[i].fd, st.st_size);
	}
	for (size_t i = 0; i < n_changes; i++) {
		size_t before = 0;

		for (size_t j = 0; j < i; j++)
			before += !changes[j].safe && same(changes[j].in, changes[i].in);
		kept[i] = changes[i].safe || before < kept_of(changes[i].in);
	}
	for (size_t i = n_changes; i-- > 0;) {
		if (!kept[i])
			undo(&changes[i]);
	}
}

/* ---- the fault ---- */

/* Takes the lock; done() gives it back. True: the call fails now, with errno set. */
static bool hit(const char *path)
{
	pthread_mutex_lock(&lock);
	if (!watched(path))
		return false;
	fault.count++;
	if (!fault.at || fault.count < fault.at || (fault.count > fault.at && !fault.after))
		return false;
	if (fault.power)
		lose_power();
	if (fault.kill)
		syscall(SYS_kill, getpid(), SIGKILL);
	if (fault.shorten)
		return false;
	errno = fault.number;
	return true;
}

static bool shortened(void)
{
	return fault.shorten && fault.count >= fault.at && (fault.after || fault.count == fault.at);
}

static long done(long result)
{
	const int number = errno;

	pthread_mutex_unlock(&lock);
	errno = number;
	return result;
}

static bool hit_fd(int fd)
{
	char path[PATH_MAX];

	fd_path(fd, path);
	return hit(path);
}

/* ---- the calls ---- */

#define CHANGES (O_CREAT | O_TRUNC)

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	char full[PATH_MAX];
	bool there;
	int fd;

	full_path(dir, path, full);
	if (!watched(full) || !((flags & CHANGES) || fault.reads))
		return (int)syscall(SYS_openat, dir, path, flags, mode);
	if (hit(full))
		return (int)done(-1);
	there = access(full, F_OK) == 0;
	fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	if (fd >= 0 && (flags & O_CREAT) && !there && (flags & O_TMPFILE) != O_TMPFILE)
		note_change(MADE, full, NULL);
	if (fd >= 0 && (flags & CHANGES))
		note_write(fd);
	return (int)done(fd);
}

static mode_t mode_of(int flags, va_list *args)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE
		? (mode_t)va_arg(*args, unsigned)
		: 0;
}

#define OPEN(name) \
	EXPORTED int name(const char *path, int flags, ...); \
	int name(const char *path, int flags, ...) \
	{ \
		va_list args; \
		mode_t mode; \
\
		va_start(args, flags); \
		mode = mode_of(flags, &args); \
		va_end(args); \
		return open_at(AT_FDCWD, path, flags, mode); \
	}
#define OPENAT(name) \
	EXPORTED int name(int dir, const char *path, int flags, ...); \
	int name(int dir, const char *path, int flags, ...) \
	{ \
		va_list args; \
		mode_t mode; \
\
		va_start(args, flags); \
		mode = mode_of(flags, &args); \
		va_end(args); \
		return open_at(dir, path, flags, mode); \
	}
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

EXPORTED ssize_t write(int fd, const void *bytes, size_t len)
{
	if (hit_fd(fd))
		return done(-1);
	if (shortened() && len > 1)
		len /= 2;
	note_write(fd);
	return done(syscall(SYS_write, fd, bytes, len));
}

#define PWRITE(name, off) \
	EXPORTED ssize_t name(int fd, const void *bytes, size_t len, off to) \
	{ \
		if (hit_fd(fd)) \
			return done(-1); \
		if (shortened() && len > 1) \
			len /= 2; \
		note_write(fd); \
		return done(syscall(SYS_pwrite64, fd, bytes, len, to)); \
	}
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

EXPORTED ssize_t read(int fd, void *bytes, size_t len)
{
	if (!fault.reads)
		return syscall(SYS_read, fd, bytes, len);
	if (hit_fd(fd))
		return done(-1);
	return done(syscall(SYS_read, fd, bytes, shortened() && len > 1 ? len / 2 : len));
}

#define PREAD(name, off) \
	EXPORTED ssize_t name(int fd, void *bytes, size_t len, off from) \
	{ \
		if (!fault.reads) \
			return syscall(SYS_pread64, fd, bytes, len, from); \
		if (hit_fd(fd)) \
			return done(-1); \
		len = shortened() && len > 1 ? len / 2 : len; \
		return done(syscall(SYS_pread64, fd, bytes, len, from)); \
	}
PREAD(pread, off_t)
PREAD(pread64, off64_t)

#define TRUNCATE(name, off) \
	EXPORTED int name(int fd, off size) \
	{ \
		if (hit_fd(fd)) \
			return (int)done(-1); \
		note_write(fd); \
		return (int)done(syscall(SYS_ftruncate, fd, size)); \
	}
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

static int sync_with(long call, int fd)
{
	long result;

	if (hit_fd(fd))
		return (int)done(-1);
	result = syscall(call, fd);
	if (result == 0)
		note_sync(fd);
	return (int)done(result);
}

EXPORTED int fsync(int fd)
{
	return sync_with(SYS_fsync, fd);
}

EXPORTED int fdatasync(int fd)
{
	return sync_with(SYS_fdatasync, fd);
}

EXPORTED int linkat(int from_dir, const char *from, int dir, const char *path, int flags)
{
	char full[PATH_MAX];
	long result;

	full_path(dir, path, full);
	if (hit(full))
		return (int)done(-1);
	result = syscall(SYS_linkat, from_dir, from, dir, path, flags);
	if (result == 0 && watched(full))
		note_change(MADE, full, NULL);
	return (int)done(result);
}

EXPORTED int link(const char *from, const char *path)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, path, 0);
}

EXPORTED int unlinkat(int dir, const char *path, int flags)
{
	char full[PATH_MAX], kept[PATH_MAX];
	bool stashed;
	long result;

	full_path(dir, path, full);
	if (hit(full))
		return (int)done(-1);
	stashed = watched(full) && !(flags & AT_REMOVEDIR) && stash(full, kept);
	result = syscall(SYS_unlinkat, dir, path, flags);
	if (result == 0 && stashed)
		note_change(REMOVED, full, kept);
	return (int)done(result);
}

EXPORTED int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

EXPORTED int renameat2(int from_dir, const char *from, int dir, const char *path, unsigned flags)
{
	char full[PATH_MAX], old[PATH_MAX], kept[PATH_MAX];
	bool stashed;
	long result;

	full_path(dir, path, full);
	full_path(from_dir, from, old);
	if (hit(full))
		return (int)done(-1);
	stashed = watched(full) && stash(full, kept);
	result = syscall(SYS_renameat2, from_dir, from, dir, path, flags);
	if (result == 0 && stashed)
		note_change(REMOVED, full, kept);
	if (result == 0 && watched(full))
		note_change(MOVED, full, old);
	return (int)done(result);
}

EXPORTED int renameat(int from_dir, const char *from, int dir, const char *path)
{
	return renameat2(from_dir, from, dir, path, 0);
}

EXPORTED int rename(const char *from, const char *path)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, path, 0);
}

EXPORTED int mkdirat(int dir, const char *path, mode_t mode)
{
	char full[PATH_MAX];
	long result;

	full_path(dir, path, full);
	if (hit(full))
		return (int)done(-1);
	result = syscall(SYS_mkdirat, dir, path, mode);
	if (result == 0 && watched(full))
		note_change(MADE, full, NULL);
	return (int)done(result);
}

EXPORTED int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

/* ---- beginning and end ---- */

static void read_fault(const char *given)
{
	static const struct {
		const char *name;
		int number;
	} errors[] = {{"eio:", EIO}, {"enospc:", ENOSPC}, {"eintr:", EINTR}};
	const char *colon = strchr(given, ':');
	char *end;

	if (!colon)
		_exit(122);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (strncmp(given, errors[i].name, strlen(errors[i].name)) == 0)
			fault.number = errors[i].number;
	}
	fault.shorten = strncmp(given, "short:", 6) == 0;
	fault.power = strncmp(given, "power:", 6) == 0;
	fault.kill = fault.power || strncmp(given, "kill:", 5) == 0;
	fault.at = strtoul(colon + 1, &end, 10);
	fault.after = *end == '+';
	colon = strchr(end, ':');
	fault.seed = colon ? strtoull(colon + 1, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void)
{
	const char *under = getenv("HF_DISK_UNDER"), *given = getenv("HF_DISK");
	const char *kept = getenv("HF_DISK_STASH");

	if (!under)
		return;
	snprintf(fault.stash, sizeof(fault.stash), "%s", kept ? kept : "");
	fault.reads = getenv("HF_DISK_READS") != NULL;
	if (given)
		read_fault(given);
	fault.under_len = strlen(under);
	snprintf(fault.under, sizeof(fault.under), "%s", under);
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("HF_COUNT_FILE");
	char text[32];
	int len, fd;

	fault.under_len = 0;
	if (fault.power)
		lose_power();
	if (!path)
		return;
	len = snprintf(text, sizeof(text), "%lu\n", fault.count);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || syscall(SYS_write, fd, text, len) != len)
		_exit(121);
	syscall(SYS_close, fd);
}
