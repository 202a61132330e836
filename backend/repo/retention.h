/*
 * Which snapshots of one source a policy keeps, and why. Times are the store's, of the commits, so
 * what a snapshot says of itself moves nothing. Periods are of UTC. Pure.
 */
#ifndef HF_REPO_RETENTION_H
#define HF_REPO_RETENTION_H

#include "backend/format/commit.h"

#define HF_PROTECT_DEFAULT (7 * 24 * 3600 * INT64_C(1000000000))

/* Zero: no such rule. Without any, only a ttl that is over lets a snapshot go. */
struct hf_retention {
	uint64_t last, hourly, daily, weekly, monthly, yearly; /* how many are kept */
	int64_t within;  /* ns before the newest snapshot, or before now if that is earlier */
	int64_t protect; /* ns before now: nothing younger goes by a rule */
};

struct hf_retained {
	uint8_t id[HF_SNAPSHOT_ID_LEN];
	int64_t moment, seen;
	int64_t ttl; /* not 0: it stays so long after it was seen, and no rule counts it */
	bool good;   /* everything could be read */
};

/* Why it is kept: any of them; none: it goes. */
enum hf_keep {
	HF_KEEP_NEWEST = 1 << 0,
	HF_KEEP_GOOD = 1 << 1, /* the newest good one */
	HF_KEEP_LAST = 1 << 2,
	HF_KEEP_HOURLY = 1 << 3,
	HF_KEEP_DAILY = 1 << 4,
	HF_KEEP_WEEKLY = 1 << 5,
	HF_KEEP_MONTHLY = 1 << 6,
	HF_KEEP_YEARLY = 1 << 7,
	HF_KEEP_WITHIN = 1 << 8,
	HF_KEEP_PROTECTED = 1 << 9,
	HF_KEEP_TTL = 1 << 10,     /* its own time is not over */
	HF_KEEP_NO_RULE = 1 << 11, /* the policy has none */
	HF_KEEP_FLOOD = 1 << 12,   /* the whole source is left alone */
};
struct hf_decision {
	unsigned keep; /* enum hf_keep */
	bool expired;  /* its own time is over */
};

/*
 * Rhythm: the median of how many snapshots a day has (24 hours, back from now), over the days
 * within `protect`, or over all that are not thinned out yet if that is more. Not thinned out:
 * within `protect`, or one would go by a rule. A flood: one of these days has more than four times
 * that and eight. Then nothing goes by a rule. n decisions, one for each of all; true: a flood.
 */
bool hf_retention_decide(const struct hf_retention *policy, const struct hf_retained *all, size_t n,
	int64_t now, struct hf_decision *out);
/* By the store's time, then moment, then id: as "newest" is meant above, and by tombstones. */
int hf_retained_compare(const void *one, const void *other);
/* "daily, monthly"; "its time to live is over"; "no rule keeps it". Appends. */
void hf_decision_text(const struct hf_decision *decision, struct hf_buf *out);

#endif
