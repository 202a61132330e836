/*
 * A decorator that misbehaves at a chosen call: `struct hf_fault fault = {.calls = HF_CALL_PUT,
 * .at = 3, .kind = HF_TRANSIENT}` fails the third put. With nothing set it only counts. Any thread;
 * the test may change the fields between calls.
 */
#ifndef HF_TESTS_LIB_FAULT_STORE_H
#define HF_TESTS_LIB_FAULT_STORE_H

#include <stdatomic.h>

#include "backend/store/driver.h"
#include "tests/lib/store_call.h"

enum hf_fault_act {
	HF_FAULT_FAIL, /* with `kind` */
	HF_FAULT_FLIP, /* get: bit `bit` of what it gives (modulo its length) is wrong */
	HF_FAULT_CUT,  /* get: it gives half of what was asked for */
	HF_FAULT_KILL, /* calls `kill`, which need not return */
};

struct hf_fault {
	unsigned calls;     /* which count: HF_CALL_PUT | …; 0: all */
	const char *prefix; /* and only with names that begin so; NULL: all */
	unsigned at;        /* the call that is hit, from 1; 0: none */
	unsigned times;     /* how many from there; 0: one */
	enum hf_fault_act act;
	enum hf_error_kind kind; /* 0: HF_SYSTEM */
	bool late;               /* FAIL, KILL: after the call was done: only its answer is lost */
	uint64_t bit;
	void (*kill)(void *arg);
	void *arg;

	atomic_bool gone;  /* the store has vanished: all calls fail with HF_SYSTEM, uncounted */
	atomic_uint count; /* of calls that count, so far */
};

/* Takes inner on success. fault outlives the store. */
hf_err hf_fault_store_open(struct hf_store *inner, struct hf_fault *fault, struct hf_store **out);

#endif
