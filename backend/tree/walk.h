/*
 * The feed of local paths. One directory: the snapshot shows what is in it. Several paths, or
 * files: each under its absolute path, the directories above it made from their own stat.
 */
#ifndef HF_TREE_WALK_H
#define HF_TREE_WALK_H

#include "backend/base/error.h"
#include "backend/base/pool.h"
#include "backend/tree/exclude.h"
#include "backend/tree/feed.h"

struct hf_walk_options {
	const char *const *paths; /* as typed; made absolute here */
	size_t n_paths;
	const struct hf_exclude *exclude; /* NULL ok */
	bool one_file_system;
	bool exclude_caches; /* directories with a CACHEDIR.TAG: only the tag is kept */
	const struct hf_stop *stop;
};
/* A path that does not exist is a step that failed; HF_NOT_FOUND: none does. */
hf_err hf_walk_open(const struct hf_walk_options *options, struct hf_feed **out);
/* A feed of one file with the content of fd: --stdin --name. */
hf_err hf_pipe_open(int fd, const char *name, struct hf_feed **out);

#endif
