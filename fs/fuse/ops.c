#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "fs/fuse/session.h"

#define MAX_READ ((size_t)1 << 20)
#define AHEAD ((uint64_t)4 << 20) /* decoded ahead of a sequential reader */
#define SEQUENTIAL \
	((size_t)64 << 10) /* the kernel asks for this much only when it reads ahead itself */

static struct hf_session *session_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct hf_inode *inode_of(fuse_req_t req, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? hf_inode_table_root(session_of(req)->inodes)
				   : (struct hf_inode *)(uintptr_t)ino;
}

/* Damage and a store that is away are told, but not a thousand times. */
static void reply_error(fuse_req_t req, struct hf_error *err)
{
	static atomic_int_least64_t last;
	const int64_t now = hf_time_monotonic();
	const int number = hf_error_errno(err);
	int64_t before = atomic_load(&last);

	if (number != ENOENT && now - before > HF_NS_PER_S &&
		atomic_compare_exchange_strong(&last, &before, now))
		hf_log(HF_ERROR, "answering the kernel with an error", "why", hf_error_text(err),
			NULL);
	fuse_reply_err(req, number);
	hf_error_free(err); /* told, and answered */
}

/* ---- attributes ---- */

static void print_time(int64_t time, struct timespec *out)
{
	out->tv_sec = time / HF_NS_PER_S;
	out->tv_nsec = time % HF_NS_PER_S;
	if (out->tv_nsec < 0) {
		out->tv_sec--;
		out->tv_nsec += HF_NS_PER_S;
	}
}

static mode_t mode_of(enum hf_type type)
{
	static const mode_t types[] = {
		0, S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK};

	return types[type];
}

static void print_stat(const struct hf_attr *attr, struct stat *st)
{
	*st = (struct stat){
		.st_ino = attr->ino,
		.st_mode = mode_of(attr->type) | attr->mode,
		.st_nlink = (nlink_t)attr->nlink,
		.st_uid = attr->uid,
		.st_gid = attr->gid,
		.st_size = (off_t)attr->size,
		.st_blocks = (blkcnt_t)attr->blocks,
		.st_blksize = 131072,
		.st_rdev = makedev(attr->rdev_major, attr->rdev_minor),
	};
	print_time(attr->mtime, &st->st_mtim);
	print_time(attr->ctime, &st->st_ctim);
	st->st_atim = st->st_mtim;
}

static double timeout(bool fixed)
{
	return fixed ? HF_FIXED_TIMEOUT : HF_COMPUTED_TIMEOUT;
}

/* Looks the node up once more for the kernel. */
static hf_err print_entry(
	struct hf_session *session, struct hf_node *node, bool fixed, struct fuse_entry_param *out)
{
	struct hf_attr attr;

	*out = (struct fuse_entry_param){0};
	HF_TRY(hf_node_attr(node, &attr));
	print_stat(&attr, &out->attr);
	out->attr_timeout = timeout(attr.fixed);
	out->entry_timeout = timeout(fixed);
	out->ino = (fuse_ino_t)(uintptr_t)hf_inode_table_look_up(session->inodes, node);
	return NULL;
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct hf_attr attr;
	struct stat st;
	struct hf_error *err = hf_node_attr(inode_of(req, ino)->node, &attr);

	(void)fi;
	if (err) {
		reply_error(req, err);
		return;
	}
	print_stat(&attr, &st);
	if (ino == FUSE_ROOT_ID)
		st.st_ino = 1;
	fuse_reply_attr(req, &st, timeout(attr.fixed));
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct hf_session *session = session_of(req);
	HF_NODE_REF node = NULL;
	struct fuse_entry_param entry = {0};
	bool fixed = false;

	if (strlen(name) > NAME_MAX) {
		fuse_reply_err(req, ENAMETOOLONG);
		return;
	}
	struct hf_error *err =
		hf_node_lookup(inode_of(req, parent)->node, hf_span_str(name), &node, &fixed);

	if (!err && node)
		err = print_entry(session, node, fixed, &entry);
	if (err) {
		reply_error(req, err);
	} else if (!node && !fixed) {
		fuse_reply_err(req, ENOENT);
	} else {
		if (node && !S_ISDIR(entry.attr.st_mode))
			hf_askers_looked_up(&session->askers, fuse_req_ctx(req)->pid);
		/* Without an inode: "there is none", for as long as the timeout says. */
		entry.entry_timeout = timeout(fixed);
		if (fuse_reply_entry(req, &entry) != 0 && node)
			hf_inode_table_forget(
				session->inodes, (struct hf_inode *)(uintptr_t)entry.ino, 1);
	}
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	if (ino != FUSE_ROOT_ID)
		hf_inode_table_forget(session_of(req)->inodes, inode_of(req, ino), n);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *all)
{
	for (size_t i = 0; i < count; i++) {
		if (all[i].ino != FUSE_ROOT_ID)
			hf_inode_table_forget(
				session_of(req)->inodes, inode_of(req, all[i].ino), all[i].nlookup);
	}
	fuse_reply_none(req);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct hf_node *node = inode_of(req, ino)->node;
	HF_RELEASED(hf_buf) target = {0};
	struct hf_error *err = node->ops->target ? node->ops->target(node, &target)
						 : hf_error_new(HF_INVALID, "no symbolic link");

	if (err)
		reply_error(req, err);
	else
		fuse_reply_readlink(req, hf_buf_text(&target));
}

/* ---- directories ---- */

/* Offsets: 0 before ".", 1 before "..", 2 + cookie behind a name. */
struct page {
	fuse_req_t req;
	struct hf_session *session;
	char *bytes;
	size_t len, size;
	bool fixed; /* its names lead to the same for ever, whatever they lead to */
	bool names_suffice, gave_names; /* without the attributes of files */
	struct hf_error *err;
};

static bool add_dot(struct page *page, const char *name, off_t next)
{
	const struct fuse_entry_param entry = {.attr = {.st_mode = S_IFDIR, .st_ino = 1}};
	const size_t need = fuse_add_direntry_plus(
		page->req, page->bytes + page->len, page->size - page->len, name, &entry, next);

	if (need > page->size - page->len)
		return false;
	page->len += need;
	return true;
}

/* An entry without an inode is a name and a kind: who wants more looks it up. */
static hf_err print_listed(
	struct page *page, const struct hf_listed *listed, struct fuse_entry_param *out)
{
	if (page->names_suffice && !listed->node) {
		*out = (struct fuse_entry_param){
			.attr = {.st_ino = listed->ino, .st_mode = mode_of(listed->entry->type)}};
		page->gave_names = true;
		return NULL;
	}
	HF_NODE_REF node = hf_listed_node(listed);

	HF_TRY(print_entry(page->session, node, page->fixed, out));
	struct hf_inode *inode = (struct hf_inode *)(uintptr_t)out->ino;

	atomic_store_explicit(&inode->lister, fuse_req_ctx(page->req)->pid, memory_order_relaxed);
	return NULL;
}

static bool add_listed(void *arg, const struct hf_listed *listed)
{
	struct page *page = arg;
	char name[HF_MAX_NAME + 1];
	struct fuse_entry_param entry;

	memcpy(name, listed->name.at, listed->name.len);
	name[listed->name.len] = 0;
	/* How much it takes is known before the kernel is told that it knows one more. */
	if (fuse_add_direntry_plus(page->req, NULL, 0, name, NULL, 0) > page->size - page->len)
		return false;
	page->err = print_listed(page, listed, &entry);
	if (page->err)
		return false;
	page->len += fuse_add_direntry_plus(page->req, page->bytes + page->len,
		page->size - page->len, name, &entry, (off_t)listed->next + 2);
	return true;
}

static void op_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t from, struct fuse_file_info *fi)
{
	struct page page = {.req = req, .session = session_of(req), .size = size};
	HF_FREED char *bytes = hf_alloc(size);
	struct hf_attr attr;
	struct hf_error *err = hf_node_attr(inode_of(req, ino)->node, &attr);

	(void)fi;
	const pid_t pid = fuse_req_ctx(req)->pid;

	page.bytes = bytes;
	page.names_suffice = hf_askers_names_suffice(&page.session->askers, pid, from == 0);
	page.fixed = !err && attr.fixed;
	const bool room = !err && (from > 0 || add_dot(&page, ".", 1)) &&
		(from > 1 || add_dot(&page, "..", 2));

	if (room)
		err = hf_node_list(inode_of(req, ino)->node, from > 2 ? (uint64_t)from - 2 : 0,
			add_listed, &page);
	if (page.gave_names)
		hf_askers_gave_names(&page.session->askers, pid);
	if (!err)
		err = page.err;
	else
		hf_error_free(page.err); /* the listing's own error says more */
	/* What is on the page was counted as looked up: it must be sent. The error comes with the
	 * next page. */
	if (err && page.len == 0) {
		reply_error(req, err);
		return;
	}
	hf_error_free(err); /* the next call meets it again */
	fuse_reply_buf(req, page.bytes, page.len);
}

/* Answered once: from then on the kernel opens and releases by itself, and keeps what it has
 * cached. */
static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, ENOSYS);
}

/* ---- content ---- */

static void read_ahead(struct hf_inode *inode, uint64_t end)
{
	const uint64_t begun = atomic_load_explicit(&inode->ahead_end, memory_order_relaxed);

	if (!inode->node->ops->ahead || (begun > end + AHEAD / 2 && begun <= end + 2 * AHEAD))
		return;
	atomic_store_explicit(&inode->ahead_end, end + AHEAD, memory_order_relaxed);
	const uint64_t from = begun > end && begun < end + AHEAD ? begun : end;

	/* A failure to look ahead is met again by the read itself. */
	hf_error_free(inode->node->ops->ahead(inode->node, from, end + AHEAD - from));
}

static void reply_held(fuse_req_t req, const struct hf_held *held)
{
	struct iovec pieces[HF_MAX_HELD];

	for (size_t i = 0; i < held->n; i++)
		pieces[i] = (struct iovec){
			.iov_base = (void *)(uintptr_t)held->bytes[i].at,
			.iov_len = held->bytes[i].len,
		};
	fuse_reply_iov(req, pieces, (int)held->n);
}

/* Answered with the decoded chunks themselves where they can be held: a copy less. */
static void op_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t from, struct fuse_file_info *fi)
{
	struct hf_session *session = session_of(req);
	struct hf_inode *inode = inode_of(req, ino);
	struct hf_node *node = inode->node;
	const bool sequential = size >= SEQUENTIAL ||
		atomic_exchange_explicit(&inode->read_end, (uint64_t)from + size,
			memory_order_relaxed) == (uint64_t)from;
	HF_RELEASED(hf_held) held = {0};
	HF_FREED uint8_t *bytes = NULL;
	struct hf_error *err = NULL;
	size_t got = 0;

	(void)fi;
	size = HF_MIN(size, MAX_READ);
	if (sequential)
		read_ahead(inode, (uint64_t)from + size);
	if (node->ops->hold)
		err = node->ops->hold(node, (uint64_t)from, size, &held);
	if (!err && held.n == 0) {
		bytes = hf_alloc(size);
		err = hf_node_read(node, (uint64_t)from, bytes, size, &got);
	}
	if (err) {
		reply_error(req, err);
		return;
	}
	/* Before the answer: after it the kernel may forget the inode. */
	if (!sequential)
		hf_handover_offer(session->handover, inode, (uint64_t)from);
	if (from == 0)
		hf_handover_begun(session->handover, inode, fuse_req_ctx(req)->pid);
	if (held.n > 0)
		reply_held(req, &held);
	else
		fuse_reply_buf(req, (const char *)bytes, got);
}

static void op_lseek(
	fuse_req_t req, fuse_ino_t ino, off_t from, int whence, struct fuse_file_info *fi)
{
	struct hf_node *node = inode_of(req, ino)->node;
	struct hf_attr attr;
	uint64_t found = 0;

	(void)fi;
	struct hf_error *err = hf_node_attr(node, &attr);

	if (!err && (whence != SEEK_DATA && whence != SEEK_HOLE))
		err = hf_error_new(HF_INVALID, "seek");
	if (!err && (from < 0 || (uint64_t)from >= attr.size)) {
		fuse_reply_err(req, ENXIO);
		return;
	}
	if (!err && !node->ops->seek)
		err = hf_error_new(HF_INVALID, "seek");
	if (!err)
		err = node->ops->seek(node, (uint64_t)from, whence == SEEK_HOLE, &found);
	if (err)
		reply_error(req, err);
	else if (whence == SEEK_DATA && found >= attr.size)
		fuse_reply_err(req, ENXIO);
	else
		fuse_reply_lseek(req, (off_t)found);
}

/* ---- xattrs ---- */

/* ACLs are never hidden: without them the mode's group bits, which are the mask then, would give
 * the owning group what the ACL denies. */
static bool shows_xattr(const struct hf_session *session, const char *name)
{
	return !session->options->no_xattrs || hf_text_begins(name, "system.posix_acl_") ||
		hf_text_begins(name, "user.holdfast.");
}

static void reply_bytes(fuse_req_t req, const struct hf_buf *bytes, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, bytes->len);
	else if (bytes->len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, (const char *)bytes->at, bytes->len);
}

/* Never ENOSYS, which the kernel would take for an answer for good: the next snapshot may have
 * ACLs. */
static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct hf_node *node = inode_of(req, ino)->node;
	HF_RELEASED(hf_buf) value = {0};

	if (!shows_xattr(session_of(req), name)) {
		fuse_reply_err(req, ENODATA);
		return;
	}
	struct hf_error *err = node->ops->xattr ? node->ops->xattr(node, name, &value)
						: hf_error_new(HF_NOT_FOUND, "no xattr");

	if (err && hf_error_kind(err) == HF_NOT_FOUND) {
		hf_error_free(err); /* answered in the kernel's own word for it */
		fuse_reply_err(req, ENODATA);
	} else if (err) {
		reply_error(req, err);
	} else {
		reply_bytes(req, &value, size);
	}
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct hf_node *node = inode_of(req, ino)->node;
	HF_RELEASED(hf_buf) names = {0};

	struct hf_error *err = node->ops->xattrs && !session_of(req)->options->no_xattrs
		? node->ops->xattrs(node, &names)
		: NULL;

	if (err)
		reply_error(req, err);
	else
		reply_bytes(req, &names, size);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const struct statvfs st = {
		.f_bsize = 4096, .f_frsize = 4096, .f_namemax = NAME_MAX, .f_flag = ST_RDONLY};

	(void)ino;
	fuse_reply_statfs(req, &st);
}

static void op_init(void *arg, struct fuse_conn_info *conn)
{
	struct hf_session *session = arg;
	const unsigned wanted = FUSE_CAP_READDIRPLUS | FUSE_CAP_POSIX_ACL |
		FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_PARALLEL_DIROPS |
		FUSE_CAP_ASYNC_READ | FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_CACHE_SYMLINKS;

	conn->want |= conn->capable & wanted;
	conn->want &= ~(unsigned)FUSE_CAP_READDIRPLUS_AUTO;
	conn->max_readahead = HF_MIN(conn->max_readahead, (unsigned)MAX_READ);
	conn->max_background = 64;
	hf_refresh_start(session);
}

const struct fuse_lowlevel_ops hf_fuse_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.open = op_open,
	.opendir = op_open,
	.readdirplus = op_readdirplus,
	.read = op_read,
	.lseek = op_lseek,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.statfs = op_statfs,
};
