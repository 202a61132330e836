/* The few macros that a function can't replace: ownership, length, location. */
#ifndef HF_BASE_MACROS_H
#define HF_BASE_MACROS_H

#include <stddef.h>

#define HF_MUST_USE __attribute__((warn_unused_result))
#define HF_PRINTF(at, first) __attribute__((format(printf, at, first)))
#define HF_NORETURN __attribute__((noreturn))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define HF_MIN(a, b) ((a) < (b) ? (a) : (b))
#define HF_MAX(a, b) ((a) > (b) ? (a) : (b))

/* HF_OWNED(hf_store) store = NULL: freed by hf_store_free() when the scope ends. */
#define HF_OWNED(type) __attribute__((cleanup(type##_free_at))) struct type *
/* HF_RELEASED(hf_buf) buf = {0}: a value, ended by hf_buf_release() when the scope ends. */
#define HF_RELEASED(type) __attribute__((cleanup(type##_release))) struct type

/* Beside the declaration of <type>_free() in its header. */
#define HF_OWNABLE(type) \
	static inline void type##_free_at(struct type **at) \
	{ \
		type##_free(*at); \
	}

/* Hands an owned pointer on: the scope's end finds NULL. */
#define HF_STEAL(pointer) \
	__extension__({ \
		__typeof__(pointer) stolen_ = (pointer); \
		(pointer) = NULL; \
		stolen_; \
	})

#endif
