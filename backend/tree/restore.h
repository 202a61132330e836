/*
 * A stored tree, written to a local directory. Names from a repository never lead out of the
 * target: everything is opened below a directory descriptor, without following links. What can't be
 * restored is reported and counted, the rest is restored.
 */
#ifndef HF_TREE_RESTORE_H
#define HF_TREE_RESTORE_H

#include "backend/base/pool.h"
#include "backend/base/talk.h"
#include "backend/repo/reader.h"
#include "backend/tree/meta.h"

struct hf_restore {
	struct hf_reader *reader;
	const char *target;      /* made if absent */
	const char *target_name; /* NULL: a directory's entries go into target itself; else the
	                            entry becomes target/target_name */
	bool overwrite;          /* replace what is there; else HF_EXISTS for each name that is */
	bool dry_run;
	unsigned workers;
	struct hf_meta_apply apply;
	const struct hf_stop *stop;
	struct hf_progress *progress;
	/* One thing that was not restored: takes no ownership of err's text; any error kind.
	 * Caller's thread. */
	void (*failed)(void *arg, const char *path, const struct hf_error *err);
	void *arg;
};
/* HF_CORRUPT: done, but damaged data was met; HF_PARTIAL: done, but something else failed. */
hf_err hf_restore_run(const struct hf_restore *restore, const struct hf_entry *entry);

#endif
