/*
 * Times are int64_t nanoseconds since 1970 UTC. Read as RFC 3339, "YYYY-MM-DD HH:MM[:SS][zone]",
 * "2026-11-24T10-00-00Z" (as the mount shows them), "@epoch[.fraction]", "today|yesterday 14:30",
 * "now", "2h ago" (s, m, min, h, d, w and the words); shown in UTC. No zone means UTC.
 */
#ifndef HF_BASE_TIME_H
#define HF_BASE_TIME_H

#include "backend/base/error.h"
#include <stdbool.h>
#include <stdint.h>

#define HF_NS_PER_S INT64_C(1000000000)
#define HF_TIME_TEXT 40

int64_t hf_time_now(void);       /* the wall clock, or what a test set */
void hf_time_set(int64_t now);   /* tests only; 0: back to the wall clock */
bool hf_time_is_set(void);       /* a test's clock is in force */
int64_t hf_time_monotonic(void); /* CLOCK_BOOTTIME, ns: for durations */

/* HF_INVALID: no time. now: what "ago" counts from. *relative (NULL ok): the text depends on it. */
hf_err hf_time_parse(const char *text, int64_t now, int64_t *out, bool *relative);
/* "2026-11-24T10-00-00Z", "…00.5Z": with the fraction if `fraction` and it is not 0. */
const char *hf_time_name(int64_t time, bool fraction, char out[HF_TIME_TEXT]);
/* "2026-11-24T10:00:00Z", fraction if not 0: for JSON. */
const char *hf_time_rfc3339(int64_t time, char out[HF_TIME_TEXT]);
/* "2026-11-24 10:00:00": for tables. */
const char *hf_time_table(int64_t time, char out[HF_TIME_TEXT]);
/* "20261124T100000Z", the form in commit names; and back (HF_INVALID). Whole seconds. */
const char *hf_time_compact(int64_t time, char out[HF_TIME_TEXT]);
hf_err hf_time_parse_compact(const char *text, size_t len, int64_t *out);
/* "3d", "12h", "90s", "2w" → ns. HF_INVALID. */
hf_err hf_duration_parse(const char *text, int64_t *out);
/* "1h 03m", "42s", "3d 4h". */
const char *hf_duration_text(int64_t ns, char out[HF_TIME_TEXT]);

#endif
