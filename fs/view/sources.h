/*
 * Which sources there are, in all repositories of a view, and which snapshot of one a selection
 * means. The only place of the view that asks the history.
 */
#ifndef HF_VIEW_SOURCES_H
#define HF_VIEW_SOURCES_H

#include "backend/repo/history.h"
#include "fs/view/root.h"

struct hf_view_repository {
	struct hf_reader *reader;
	char *name;
	bool failing; /* its last sync failed; only the thread that refreshes looks */
};
/* They are added, never taken away: whoever read n may use so many without a lock. */
struct hf_view_repositories {
	struct hf_view_repository *at;
	atomic_size_t n;
	size_t most; /* as many as the view was made for, there or not */
};

struct hf_view_source {
	char *shown; /* "files/h-etc"; "files/h-etc@platform" where that alone would be ambiguous */
	char *full;  /* "files/h-etc@platform": not listed, but always names it */
	char *name;
	size_t repository;
};
struct hf_view_sources {
	struct hf_view_source *at; /* by shown name */
	size_t n, cap;
};
void hf_view_sources_release(struct hf_view_sources *sources);

/* What of each source: its newest snapshot up to a time, perhaps only of those with a label. */
struct hf_selection {
	int64_t until;
	const char *key, *value; /* NULL: any */
};
/* The sources that have such a snapshot. */
hf_err hf_view_sources_list(const struct hf_view_repositories *repositories,
	const struct hf_selection *selection, struct hf_view_sources *out);
/* By its shown or its full name. NULL: there is no such source. */
const struct hf_view_source *hf_view_sources_find(
	const struct hf_view_sources *sources, struct hf_span name);
/* HF_NOT_FOUND: none. */
hf_err hf_view_snapshot(const struct hf_view_repositories *repositories,
	const struct hf_view_source *source, const struct hf_selection *selection,
	struct hf_arena *arena, struct hf_snapshot_info *out);
/* Every moment at which something that is selected changed: sorted, each once. Free it. */
hf_err hf_view_moments(const struct hf_view_repositories *repositories,
	const struct hf_selection *selection, int64_t **times, size_t *n);
/* Label keys (key NULL), or a key's values, of all repositories: sorted, each once. */
hf_err hf_view_labels(const struct hf_view_repositories *repositories, const char *key,
	struct hf_arena *arena, struct hf_names *out);

#endif
