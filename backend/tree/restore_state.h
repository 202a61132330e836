/*
 * What restore.c (the walk, the jobs) and restore_folder.c (what is told, and when a folder is
 * done) share of one restore. For these files only; the owner's thread, but for the making inside
 * an item.
 */
#ifndef HF_TREE_RESTORE_STATE_H
#define HF_TREE_RESTORE_STATE_H

#include "backend/base/map.h"
#include "backend/tree/place.h"
#include "backend/tree/restore_file.h"

struct hf_restore_folder {
	struct hf_restore_folder *parent;
	struct hf_place *place;       /* NULL in a dry run, where it would be made */
	const struct hf_entry *entry; /* NULL: the target, which stays as it is */
	const struct hf_dir_block *block;
	size_t pending;
	bool kept; /* it was there before: not ours to change */
};

struct hf_restoring {
	const struct hf_restore *restore;
	struct hf_owner_ids *owners;
	struct hf_places *places;
	struct hf_pool *pool;
	struct hf_map firsts;             /* link id → struct hf_restore_first */
	struct hf_map met;                /* link ids that a dry run counted */
	struct hf_restore_waiting *again; /* for the walk: their first name could not be made */
	uint64_t corrupt, failed, foreign;
	bool ended; /* by what can't be got over: what is left is let go of silently */
};

/* A name of a folder that is being made. */
struct hf_restore_item {
	struct hf_making making;
	struct hf_restoring *run;
	struct hf_restore_folder *folder;
	const struct hf_dir_block *block;
	struct hf_restore_first *first; /* NULL: it has no other names */
	struct hf_error *err;
};

/* A further name, pending in its folder. */
struct hf_restore_waiting {
	struct hf_restore_waiting *next;
	struct hf_restore_folder *folder;
	const struct hf_dir_block *block; /* of the entry */
	const struct hf_entry *entry;
};

/* The first name of a file with several, and those that came while it was under way. */
struct hf_restore_first {
	struct hf_restore_folder *folder; /* pending in it until its last name was met: others are
	                                     linked to its name */
	char name[HF_NAME_SIZE];
	enum { LOST, UNDER_WAY, THERE } state;
	uint64_t left; /* names not met yet */
	struct hf_restore_waiting *waiting;
};

/* Takes both; gives the one that came first. */
struct hf_error *hf_restore_first_of(struct hf_error *first, struct hf_error *second);
/* What can't be got over: a full disk, an interruption. */
bool hf_restore_is_fatal(const struct hf_error *err);
/* Takes err. Tells it of folder/name (name empty: of the folder), or gives it back if it ends the
 * run. */
hf_err hf_restore_report(struct hf_restoring *run, const struct hf_restore_folder *folder,
	struct hf_span name, struct hf_error *err);

/* With the walk pending in it. */
struct hf_restore_folder *hf_restore_folder_new(struct hf_restore_folder *parent,
	const struct hf_entry *entry, const struct hf_dir_block *block);
/* Makes or enters its directory below its parent's; in a dry run only enters. */
hf_err hf_restore_make_folder(struct hf_restoring *run, struct hf_restore_folder *folder);
/* Of a dry run: HF_EXISTS where the name is there. */
hf_err hf_restore_look_for(struct hf_restoring *run, const struct hf_restore_folder *folder,
	const struct hf_entry *entry);
/* One thing less is pending. The last one finishes the folder, and so on upwards. */
hf_err hf_restore_leave(struct hf_restoring *run, struct hf_restore_folder *folder);

hf_err hf_restore_item_begin(struct hf_restoring *run, struct hf_restore_folder *folder,
	const struct hf_dir_block *block, const struct hf_entry *entry,
	struct hf_restore_item *item);
/*
 * A name of a file with several. The first one is made (item->first is set); later ones are linked
 * to it, now or when it is there: *linked.
 */
hf_err hf_restore_item_link(struct hf_restore_item *item, bool *linked);
/* Made or failed: reported, counted, linked; ends the item. */
hf_err hf_restore_settle(struct hf_restore_item *item);
/* It waits no more: frees it. */
hf_err hf_restore_waiting_end(struct hf_restoring *run, struct hf_restore_waiting *waiting);
/* At the end: names that never came are waited for no more. */
hf_err hf_restore_links_end(struct hf_restoring *run);

#endif
