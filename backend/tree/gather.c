/*
 * What the feed gives is compared with the past: what is as it was is taken over at once, the rest
 * goes to the intake. The path that most entries of most backups take is find, same, copy: no
 * allocation, no other thread.
 */
#include <stdlib.h>

#include "backend/tree/run.h"

static void give_back(struct hf_run *run, struct hf_item *item)
{
	struct hf_feed *feed = run->backup->feed;

	feed->ops->done(feed, item);
}

static struct hf_frame *top_of(struct hf_run *run)
{
	return &run->frames[run->depth - 1];
}

void hf_run_frames_release(struct hf_run *run)
{
	while (run->depth > 0)
		hf_past_leave(&run->frames[--run->depth].past);
	free(run->frames);
	run->frames = NULL;
}

/* ---- directories ---- */

static bool names_differ(const struct hf_entry *now, const struct hf_entry *then)
{
	/* A name that can't be found out now (a directory service that is down) is no change. */
	return (now->user.len > 0 && !hf_span_equal(now->user, then->user)) ||
		(now->group.len > 0 && !hf_span_equal(now->group, then->group));
}

static struct hf_frame *push(struct hf_run *run)
{
	run->frames = hf_grow(run->frames, &run->cap, run->depth + 1, sizeof(*run->frames));
	run->frames[run->depth] = (struct hf_frame){0};
	return &run->frames[run->depth++];
}

static hf_err rely_on(struct hf_run *run, const struct hf_extents *extents, bool *can)
{
	for (size_t i = 0; i < extents->n && *can; i++) {
		if (!hf_extent_is_hole(&extents->at[i]))
			HF_TRY(hf_writer_rely(run->writer, &extents->at[i].chunk, can));
	}
	return NULL;
}

/*
 * What a finished snapshot names stays while it is there. Of an unfinished one each chunk is looked
 * at, and noted.
 */
static hf_err may_take_over(
	struct hf_run *run, bool unfinished, const struct hf_entry *entry, bool *can)
{
	*can = true;
	if (!unfinished || !run->writer)
		return NULL;
	/* Thousands of extents: it is read again, and found stored. */
	*can = !(entry->extents_file && entry->type == HF_REG);
	HF_TRY(rely_on(run, &entry->extents, can));
	return entry->fingerprinted ? rely_on(run, &entry->secret, can) : NULL;
}

/* What a draft begins with: the place in the past, if it is whole. */
static struct hf_draft_base base_of(const struct hf_past_dir *past)
{
	const struct hf_past_place *place = &past->places[0];

	if (past->n == 0 || place->own->incomplete)
		return (struct hf_draft_base){.number = HF_NOT_IN_BASE};
	return (struct hf_draft_base){
		.dir = place->dir,
		.entry = place->own,
		.block = place->block,
		.number = place->number,
	};
}

/* A directory whose own metadata must be captured. */
static hf_err add_directory(struct hf_run *run, struct hf_draft *parent, struct hf_item *item,
	struct hf_member **member)
{
	struct hf_event event = {.kind = HF_EVENT_OPEN, .item = item};

	*member = &run->drafts.root;
	if (parent)
		HF_TRY(hf_draft_add(parent, item->entry.name, 2, member));
	event.member = *member;
	return hf_intake_add(run->intake, &event);
}

/* But not where its bytes lie: they may change. */
static void keep_root_metadata(struct hf_run *run, const struct hf_entry *then)
{
	run->drafts.root.entry = *then;
	run->drafts.root.entry.extents = (struct hf_extents){0};
	run->drafts.root.entry.extents_file = false;
	run->drafts.root.missing = 1;
}

static hf_err enter(struct hf_run *run, struct hf_item *item)
{
	struct hf_frame *frame = push(run);
	struct hf_frame *above = run->depth > 1 ? frame - 1 : NULL;
	struct hf_draft *parent = above ? above->draft : NULL;
	struct hf_member *member = above ? NULL : &run->drafts.root;
	struct hf_draft_base base;
	struct hf_error *err = NULL;
	bool can = true;

	HF_TRY(hf_past_enter(
		&run->past, above ? &above->past : NULL, item->entry.name, &frame->past));
	frame->inode_key = above ? hf_inodes_key(above->inode_key, item->entry.name) : 0;
	base = base_of(&frame->past);
	if (base.dir)
		HF_TRY(may_take_over(run, frame->past.places[0].unfinished, base.entry, &can));
	if (!can)
		base = (struct hf_draft_base){.number = HF_NOT_IN_BASE};
	hf_run_count(run, &item->entry);
	if (base.dir && hf_past_same(&item->entry, base.entry) &&
		!names_differ(&item->entry, base.entry)) {
		run->result->with_xattrs += base.entry->n_xattrs > 0;
		if (!above)
			keep_root_metadata(run, base.entry);
		give_back(run, item);
	} else {
		err = add_directory(run, parent, item, &member);
	}
	HF_TRY(err);
	return hf_draft_begin(&run->drafts, parent, &base, member, &frame->draft);
}

static hf_err leave(struct hf_run *run)
{
	struct hf_frame *frame = top_of(run);
	struct hf_event event = {.kind = HF_EVENT_LEAVE, .draft = frame->draft};
	bool kept;

	HF_TRY(hf_draft_end(frame->draft, &kept));
	hf_past_leave(&frame->past);
	run->depth--;
	return kept ? NULL : hf_intake_add(run->intake, &event);
}

/* ---- entries ---- */

static bool inode_differs(struct hf_run *run, uint64_t key, uint64_t inode)
{
	uint64_t known;

	if (!run->inodes)
		return false;
	known = hf_inodes_find(run->inodes, key);
	return known != HF_INODE_UNKNOWN && known != inode;
}

/* An owner was renamed: the file was not, and need not be read. */
static hf_err copy_renamed(struct hf_run *run, struct hf_item *item, const struct hf_entry *then)
{
	struct hf_entry entry = *then;
	struct hf_member *member;

	(void)run;
	if (item->entry.user.len > 0)
		entry.user = item->entry.user;
	if (item->entry.group.len > 0)
		entry.group = item->entry.group;
	HF_TRY(hf_draft_add(top_of(run)->draft, entry.name, 1, &member));
	hf_member_set(member, &entry, NULL);
	return NULL;
}

static hf_err take_over(
	struct hf_run *run, struct hf_item *item, const struct hf_found *found, uint64_t key)
{
	const struct hf_entry *then = found->entry;

	hf_past_use(&run->past, then);
	hf_heal_kept(&run->heal, key, then);
	hf_run_count(run, then);
	if (then->type == HF_REG) {
		run->result->unchanged_files++;
		hf_run_went_on(run, then->size);
	}
	if (run->inodes)
		hf_inodes_note(run->inodes, key, item->inode);
	if (names_differ(&item->entry, then))
		return copy_renamed(run, item, then);
	return hf_draft_copy(top_of(run)->draft, then, found->block, found->number);
}

static hf_err add_file(struct hf_run *run, struct hf_event *event)
{
	event->draft = top_of(run)->draft;
	HF_TRY(hf_draft_add(event->draft, event->item->entry.name, 1, &event->member));
	return hf_intake_add(run->intake, event);
}

/* One of several names: all take what the first one is. */
static hf_err take_link(struct hf_run *run, struct hf_event *event, const struct hf_found *found,
	bool same, bool *taken)
{
	struct hf_item *item = event->item;
	bool fresh;
	struct hf_link *link =
		hf_links_get(&run->links, item->device, item->inode, item->path, &fresh);

	*taken = false;
	if (fresh && same && found->entry->linked) {
		link->kept = true;
		memcpy(link->id, found->entry->link_id, sizeof(link->id));
		hf_link_set(link, found->entry, NULL);
		return NULL;
	}
	event->link = link;
	event->kind = fresh ? HF_EVENT_OPEN : HF_EVENT_LINK;
	if (!fresh && same && link->kept && found->entry->linked &&
		memcmp(link->id, found->entry->link_id, sizeof(link->id)) == 0)
		return NULL;
	*taken = true;
	return add_file(run, event);
}

static hf_err entry(struct hf_run *run, struct hf_item *item)
{
	struct hf_frame *frame = top_of(run);
	struct hf_event event = {.kind = HF_EVENT_OPEN, .item = item};
	struct hf_found found;
	bool same, needed, taken = false;

	HF_TRY(hf_past_find(&run->past, &frame->past, &item->entry, &found));
	event.inode_key = hf_inodes_key(frame->inode_key, item->entry.name);
	event.known = found.entry != NULL;
	same = found.entry && hf_past_same(&item->entry, found.entry) &&
		!inode_differs(run, event.inode_key, item->inode) &&
		!hf_past_leaves(&run->past, found.entry);
	if (same)
		HF_TRY(may_take_over(run, found.unfinished, found.entry, &same));
	if (same) {
		HF_TRY(hf_heal_needs(&run->heal, found.entry, &needed));
		same = !needed;
	}
	if (item->entry.nlink > 1)
		HF_TRY(take_link(run, &event, &found, same, &taken));
	if (taken)
		return NULL;
	if (!same)
		return add_file(run, &event);
	HF_TRY(take_over(run, item, &found, event.inode_key));
	give_back(run, item);
	return NULL;
}

static void failed(struct hf_run *run, struct hf_item *item)
{
	hf_run_report(run, item->path, HF_STEAL(item->error), false);
	give_back(run, item);
}

hf_err hf_run_gather(struct hf_run *run)
{
	struct hf_feed *feed = run->backup->feed;
	struct hf_item *item;

	HF_TRY(feed->ops->next(feed, &item));
	switch (item->step) {
	case HF_STEP_ENTER:
		return enter(run, item);
	case HF_STEP_ENTRY:
		return entry(run, item);
	case HF_STEP_LEAVE:
		give_back(run, item);
		return leave(run);
	case HF_STEP_FAILED:
		failed(run, item);
		return NULL;
	case HF_STEP_END:
		give_back(run, item);
		run->ended = true;
		return NULL;
	}
	return hf_error_new(HF_BUG, "an unknown step");
}
