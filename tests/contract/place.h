/* The stores that the contract is tried on: some kinds made here, and each URL in HF_TEST_STORES.
 */
#ifndef HF_TESTS_CONTRACT_PLACE_H
#define HF_TESTS_CONTRACT_PLACE_H

#include "backend/store/store.h"
#include "tests/lib/fault_store.h"
#include "tests/lib/mem_store.h"

/* Where one test has its objects, alone. */
struct place {
	const char *kind;
	bool shared; /* another process can open it, and sees the same */
	char *dir;   /* removed at the end, or NULL */
	char *url;   /* NULL: not opened by one */
	struct hf_mem *mem;
	bool faulty; /* with the fault decorator around it */
	struct hf_fault fault;
};

int place_kinds(void);
void place_begin(struct place *place, int kind);
void place_open(struct place *place, struct hf_store **out);
void place_release(struct place *place);

#endif
