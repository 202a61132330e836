/* Runs another program without a shell. */
#ifndef HF_BASE_PROCESS_H
#define HF_BASE_PROCESS_H

#include "backend/base/buf.h"
#include "backend/base/error.h"

/*
 * argv[0] is looked up in PATH; input goes to its stdin, its stdout (at most max bytes, else
 * HF_INVALID) is appended to out, stderr is ours. HF_SYSTEM when it can't be run or its status is
 * not 0.
 */
hf_err hf_process_run(
	const char *const *argv, struct hf_span input, size_t max, struct hf_buf *out);

#endif
