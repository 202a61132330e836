/* The feed of what comes through a pipe: one directory with one file. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/base/time.h"
#include "backend/tree/local_file.h"
#include "backend/tree/meta.h"
#include "backend/tree/walk.h"

struct pipe_feed {
	struct hf_feed feed;
	int fd;
	char *name;
	struct hf_owners *owners;
	struct hf_item items[4]; /* ENTER, ENTRY, LEAVE, END */
	size_t next;
};

static hf_err pipe_next(struct hf_feed *feed, struct hf_item **out)
{
	struct pipe_feed *from = (struct pipe_feed *)feed;

	*out = &from->items[from->next];
	from->next += from->next + 1 < ARRAY_LEN(from->items);
	return NULL;
}

static void pipe_done(struct hf_feed *feed, struct hf_item *item)
{
	(void)feed;
	(void)item;
}

static hf_err pipe_open(struct hf_feed *feed, struct hf_item *item, struct hf_arena *arena,
	struct hf_feed_file **file)
{
	struct pipe_feed *from = (struct pipe_feed *)feed;

	(void)arena;
	*file = NULL;
	if (item->entry.type != HF_REG)
		return NULL;
	const int fd = fcntl(from->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return hf_error_sys("opening standard input");
	*file = hf_local_file_of(fd);
	return NULL;
}

static void pipe_free(struct hf_feed *feed)
{
	struct pipe_feed *from = (struct pipe_feed *)feed;

	hf_owners_free(from->owners);
	free(from->name);
	free(from);
}

static const struct hf_feed_ops pipe_ops = {
	.next = pipe_next,
	.done = pipe_done,
	.open = pipe_open,
	.read = hf_local_file_read,
	.close = hf_local_file_close,
	.free = pipe_free,
};

hf_err hf_pipe_open(int fd, const char *name, struct hf_feed **out)
{
	const size_t len = strlen(name);
	const int64_t now = hf_time_now();
	struct hf_entry entry = {.mtime = now, .ctime = now, .uid = geteuid(), .gid = getegid()};
	struct pipe_feed *from;

	if (len == 0 || len > 255 || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return hf_error_new(HF_INVALID, "\"%s\" is no name for a file", name);
	from = hf_calloc(1, sizeof(*from));
	from->feed.ops = &pipe_ops;
	from->fd = fd;
	from->name = hf_strdup(name);
	from->owners = hf_owners_new();
	entry.user = hf_owners_user(from->owners, entry.uid);
	entry.group = hf_owners_group(from->owners, entry.gid);
	entry.nlink = 1;
	for (size_t i = 0; i < ARRAY_LEN(from->items); i++) {
		static const enum hf_step steps[] = {
			HF_STEP_ENTER, HF_STEP_ENTRY, HF_STEP_LEAVE, HF_STEP_END};
		const bool is_file = steps[i] == HF_STEP_ENTRY;

		from->items[i] = (struct hf_item){.step = steps[i], .entry = entry, .path = ""};
		from->items[i].entry.type = is_file ? HF_REG : HF_DIR;
		from->items[i].entry.mode = is_file ? 0600 : 0700;
	}
	from->items[1].entry.name = hf_span_str(from->name);
	from->items[1].entry.size = HF_SIZE_UNKNOWN;
	from->items[1].path = from->name;
	*out = &from->feed;
	return NULL;
}
