/*
 * How much a backup will read, for its progress line: counted by a walk of its own beside the
 * backup's, which is that walk's read-ahead as well. Only where somebody looks.
 */
#ifndef HF_CMD_TOTALS_H
#define HF_CMD_TOTALS_H

#include "backend/base/talk.h"
#include "backend/tree/walk.h"

struct hf_totals;
/* Sets the totals of progress once all is counted. walk and progress stay until the stop. */
struct hf_totals *hf_totals_start(const struct hf_walk_options *walk, struct hf_progress *progress);
void hf_totals_stop(struct hf_totals *totals); /* NULL ok */

#endif
