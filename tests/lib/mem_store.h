/*
 * A store in memory. Several can be opened on one memory, as machines share a bucket, and what was
 * put outlives each of them. Any thread.
 */
#ifndef HF_TESTS_LIB_MEM_STORE_H
#define HF_TESTS_LIB_MEM_STORE_H

#include "backend/store/driver.h"
#include "tests/lib/store_call.h"

struct hf_mem;

struct hf_mem *hf_mem_new(unsigned copies); /* of all but packs/: 1 or 2 */
void hf_mem_free(struct hf_mem *mem);       /* after the stores on it; NULL ok */
HF_OWNABLE(hf_mem)
/* Its clock goes so many ns ahead of the machine's from now on. */
void hf_mem_shift(struct hf_mem *mem, int64_t shift);
void hf_mem_pass(struct hf_mem *mem, int64_t days); /* further ahead; below 0: less far */
hf_err hf_mem_store_open(struct hf_mem *mem, struct hf_store **out);

/*
 * Called before each call of any store on it, on the caller's thread, without a lock: it may wait
 * (a slow store, an order of calls that a test wants), count, or give an error instead.
 */
typedef struct hf_error *hf_mem_hook_fn(void *arg, enum hf_store_call call, const char *name);
void hf_mem_hook(struct hf_mem *mem, hf_mem_hook_fn *hook, void *arg);

/* How many first copies have names that begin with prefix, and their bytes. */
size_t hf_mem_count(struct hf_mem *mem, const char *prefix);
uint64_t hf_mem_bytes(struct hf_mem *mem, const char *prefix);
/* The stored bytes, to look at or to hurt; NULL if absent. Not while others use the store. */
struct hf_buf *hf_mem_at(struct hf_mem *mem, const char *name, unsigned copy);
/* Loses one copy. */
void hf_mem_lose(struct hf_mem *mem, const char *name, unsigned copy);
/* All that is in it now, to go back to; hf_mem_free() it. */
struct hf_mem *hf_mem_save(struct hf_mem *mem);
void hf_mem_go_back(struct hf_mem *mem, const struct hf_mem *saved);

#endif
