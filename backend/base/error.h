/*
 * The one way to fail. A fallible function returns an owned error, or NULL when it is done. The
 * kind is a decision for a caller (retry? which exit status? which errno?), the text grows outwards
 * and reads as one sentence for a person. Any thread; an error belongs to one thread at a time.
 */
#ifndef HF_BASE_ERROR_H
#define HF_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

#include "backend/base/macros.h"

enum hf_error_kind {
	HF_NOT_FOUND = 1, /* no such repository, snapshot, path, object */
	HF_EXISTS,        /* a create-only name is taken */
	HF_INVALID,     /* the caller's input is wrong: usage, configuration, a time that is none */
	HF_DENIED,      /* the key may not do that */
	HF_NO_KEY,      /* no slot fits the key */
	HF_CORRUPT,     /* stored bytes are not what they should be */
	HF_UNSUPPORTED, /* made by a newer version, or not possible on this store or machine */
	HF_COLD,        /* the data waits in a cold tier */
	HF_TRANSIENT,   /* worth repeating */
	HF_CANCELLED,   /* a signal, or a failure elsewhere */
	HF_PARTIAL,     /* done, but something could not be read (each was named) */
	HF_DIFFERS,     /* what was asked does not hold */
	HF_SYSTEM,      /* the operating system said no; see hf_error_errno() */
	HF_LOCAL, /* this machine's memory, descriptors or catalog failed: no word on what is stored
	           */
	HF_BUG,   /* "can't happen" */
};

struct hf_error;
#define hf_err HF_MUST_USE struct hf_error *

struct hf_error *hf_error_new(enum hf_error_kind kind, const char *format, ...) HF_PRINTF(2, 3);
/* Kind from errno (ENOENT: NOT_FOUND, EEXIST: EXISTS, ENOMEM: LOCAL, …, else SYSTEM); adds ": No
 * space left". */
struct hf_error *hf_error_sys(const char *format, ...) HF_PRINTF(1, 2);
/* Takes err (NULL stays NULL), gives it with context in front: "pack 3f…: table: tag mismatch". */
struct hf_error *hf_error_in(struct hf_error *err, const char *format, ...) HF_PRINTF(2, 3);
/* Takes err; the same text under another kind. */
struct hf_error *hf_error_as(struct hf_error *err, enum hf_error_kind kind);
/* For several who waited for one thing that failed. NULL gives NULL. */
struct hf_error *hf_error_copy(const struct hf_error *err);

enum hf_error_kind hf_error_kind(const struct hf_error *err);
/* The same may work later, or elsewhere: nothing is wrong with what was asked for. */
bool hf_error_may_pass(const struct hf_error *err);
int hf_error_errno(const struct hf_error *err);        /* what FUSE answers; never 0 */
int hf_error_exit_status(const struct hf_error *err);  /* see holdfast(1) */
const char *hf_error_word(enum hf_error_kind kind);    /* "not-found": for JSON */
const char *hf_error_text(const struct hf_error *err); /* dies with err */
void hf_error_free(struct hf_error *err); /* NULL ok. Ignoring one needs a comment: why */
HF_OWNABLE(hf_error)

/* The only macro that returns. */
#define HF_TRY(call) \
	do { \
		struct hf_error *err_ = (call); \
		if (err_) \
			return err_; \
	} while (0)

#endif
