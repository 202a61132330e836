/*
 * Times as names of directories. Of several snapshots of one second the one that the repository got
 * first has the second alone for its name; the others have a fraction, or a short id behind it.
 * So a name stays when others come. When the first is forgotten the next takes its name, and keeps
 * the one that it had. Pure.
 */
#ifndef HF_VIEW_MOMENTS_H
#define HF_VIEW_MOMENTS_H

#include "backend/repo/history.h"

/* The name of snapshot i among its neighbours, which are in order of moment. Free it. */
char *hf_moment_name(const struct hf_snapshots *snapshots, size_t i);
/* The snapshot that has that name, or whose time with its short id is that. */
bool hf_moment_find(const struct hf_snapshots *snapshots, struct hf_span name, size_t *i);
/* Just times: sorted and each once after the call; the name of the i-th. Free it. */
void hf_times_sort(int64_t *times, size_t *n);
char *hf_times_name(const int64_t *times, size_t n, size_t i);

/*
 * A time as typed. Whole seconds stand for all of that second, so that a name without its fraction
 * still includes what it names. HF_NOT_FOUND: it is none.
 */
struct hf_typed_time {
	int64_t until;
	char name[HF_SNAPSHOT_ID_LEN + 32]; /* the canonical spelling */
	bool relative;                      /* "2h ago": means another time tomorrow */
};
hf_err hf_time_typed(struct hf_span text, struct hf_typed_time *out);

#endif
