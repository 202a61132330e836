#include <stdlib.h>

#include "backend/base/error.h"
#include "backend/base/time.h"
#include "fs/fuse/session.h"

#define QUEUE 32
#define MAX_PIECE ((uint64_t)1 << 20)
#define PAGE UINT64_C(4096)
/* For so long what was given is taken to be in the page cache still. */
#define FRESH (30 * HF_NS_PER_S)

struct wish {
	struct hf_inode *inode; /* looked up once more, so that its address stays its own */
	bool behind;            /* the files behind it; else the piece around: */
	uint64_t from;
};

struct hf_handover {
	struct hf_session *session;
	pthread_t thread;

	pthread_mutex_t lock; /* guards everything below */
	pthread_cond_t more;
	struct wish wishes[QUEUE];
	size_t first, n;
	bool stop;
};

/* false: the kernel forgot the file, or it can't be read, and who reads it will say so. */
static bool give(struct hf_handover *handover, struct hf_inode *inode, uint64_t from, size_t len,
	uint8_t *bytes)
{
	struct fuse_bufvec vec = FUSE_BUFVEC_INIT(len);
	size_t got = 0;
	struct hf_error *err = hf_node_read(inode->node, from, bytes, len, &got);

	if (err || got != len) {
		hf_error_free(err); /* as above */
		return false;
	}
	vec.buf[0].mem = bytes;
	return fuse_lowlevel_notify_store(handover->session->fuse, (fuse_ino_t)(uintptr_t)inode,
		       (off_t)from, &vec, 0) == 0;
}

/* ---- the piece around a read ---- */

static void give_piece(struct hf_handover *handover, const struct wish *wish, uint8_t *bytes)
{
	struct hf_inode *inode = wish->inode;
	uint64_t begin, end;
	struct hf_error *err = inode->node->ops->piece(inode->node, wish->from, &begin, &end);

	if (err) {
		hf_error_free(err); /* a read that fails will say so itself */
		return;
	}
	end = HF_MIN(end, begin + MAX_PIECE);
	/* Whole pages only: the kernel would have to read the rest of one. */
	begin = (begin + PAGE - 1) & ~(PAGE - 1);
	end &= ~(PAGE - 1);
	if (end > begin &&
		atomic_exchange_explicit(&inode->handed, begin + 1, memory_order_relaxed) !=
			begin + 1)
		(void)give(handover, inode, begin, (size_t)(end - begin), bytes);
}

/* ---- the files behind one ---- */

struct behind {
	struct hf_handover *handover;
	uint8_t *bytes; /* [MAX_PIECE] */
	uint64_t given;
};

static bool is_fresh(const struct hf_inode *inode)
{
	const int64_t given = atomic_load_explicit(&inode->given, memory_order_relaxed);

	return given != 0 && hf_time_monotonic() - given < FRESH;
}

static bool give_listed(void *arg, const struct hf_listed *listed)
{
	struct behind *behind = arg;
	struct hf_inode_table *inodes = behind->handover->session->inodes;

	if (listed->node || listed->entry->type != HF_REG || listed->entry->size == 0 ||
		listed->entry->size > MAX_PIECE)
		return true;
	HF_NODE_REF node = hf_listed_node(listed);
	struct hf_inode *inode = hf_inode_table_find(inodes, node);

	if (!inode)
		return false;
	bool more = false;

	if (!is_fresh(inode)) {
		atomic_store_explicit(&inode->given, hf_time_monotonic(), memory_order_relaxed);
		behind->given += listed->entry->size;
		more = give(behind->handover, inode, 0, (size_t)listed->entry->size,
			       behind->bytes) &&
			behind->given < MAX_PIECE;
	}
	hf_inode_table_forget(inodes, inode, 1);
	return more;
}

static void give_behind(struct hf_handover *handover, struct hf_inode *inode, uint8_t *bytes)
{
	struct behind behind = {.handover = handover, .bytes = bytes};

	hf_error_free(inode->node->ops->behind(inode->node, give_listed, &behind)); /* as above */
}

/* ---- the thread ---- */

static void *serve(void *arg)
{
	struct hf_handover *handover = arg;
	HF_FREED uint8_t *bytes = hf_alloc(MAX_PIECE);

	pthread_mutex_lock(&handover->lock);
	for (;;) {
		while (handover->n == 0 && !handover->stop)
			pthread_cond_wait(&handover->more, &handover->lock);
		if (handover->n == 0)
			break;
		const struct wish wish = handover->wishes[handover->first];
		const bool stop = handover->stop;

		handover->first = (handover->first + 1) % QUEUE;
		handover->n--;
		pthread_mutex_unlock(&handover->lock);
		if (!stop && wish.behind)
			give_behind(handover, wish.inode, bytes);
		else if (!stop)
			give_piece(handover, &wish, bytes);
		hf_inode_table_forget(handover->session->inodes, wish.inode, 1);
		pthread_mutex_lock(&handover->lock);
	}
	pthread_mutex_unlock(&handover->lock);
	return NULL;
}

struct hf_handover *hf_handover_start(struct hf_session *session)
{
	struct hf_handover *handover = hf_calloc(1, sizeof(*handover));

	handover->session = session;
	pthread_mutex_init(&handover->lock, NULL);
	pthread_cond_init(&handover->more, NULL);
	if (pthread_create(&handover->thread, NULL, serve, handover) != 0) {
		free(handover);
		return NULL;
	}
	return handover;
}

void hf_handover_stop(struct hf_handover *handover)
{
	if (!handover)
		return;
	pthread_mutex_lock(&handover->lock);
	handover->stop = true;
	pthread_cond_signal(&handover->more);
	pthread_mutex_unlock(&handover->lock);
	pthread_join(handover->thread, NULL);
	pthread_mutex_destroy(&handover->lock);
	pthread_cond_destroy(&handover->more);
	free(handover);
}

static void offer(struct hf_handover *handover, const struct wish *wish)
{
	pthread_mutex_lock(&handover->lock);
	const bool room = handover->n < QUEUE && !handover->stop;

	pthread_mutex_unlock(&handover->lock);
	if (!room)
		return;
	/* Outside our lock: the table has its own. Only this side adds, and one too many is dropped
	 * below. */
	hf_inode_table_look_up(handover->session->inodes, wish->inode->node);
	pthread_mutex_lock(&handover->lock);
	const bool taken = handover->n < QUEUE;

	if (taken) {
		handover->wishes[(handover->first + handover->n++) % QUEUE] = *wish;
		pthread_cond_signal(&handover->more);
	}
	pthread_mutex_unlock(&handover->lock);
	if (!taken)
		hf_inode_table_forget(handover->session->inodes, wish->inode, 1);
}

void hf_handover_offer(struct hf_handover *handover, struct hf_inode *inode, uint64_t from)
{
	if (handover && inode->node->ops->piece)
		offer(handover, &(struct wish){.inode = inode, .from = from});
}

/* cp, tar, grep -r: who lists a directory and then reads one of its files will read the next. */
void hf_handover_begun(struct hf_handover *handover, struct hf_inode *inode, pid_t pid)
{
	atomic_store_explicit(&inode->given, hf_time_monotonic(), memory_order_relaxed);
	/* 0 is anyone outside the daemon's own pid namespace. */
	if (handover && inode->node->ops->behind && pid != 0 &&
		pid == atomic_load_explicit(&inode->lister, memory_order_relaxed))
		offer(handover, &(struct wish){.inode = inode, .behind = true});
}
