/* The calls of a store, to choose among them; they can be or-ed. */
#ifndef HF_TESTS_LIB_STORE_CALL_H
#define HF_TESTS_LIB_STORE_CALL_H

enum hf_store_call {
	HF_CALL_PUT = 1,
	HF_CALL_GET = 2,
	HF_CALL_STAT = 4,
	HF_CALL_LIST = 8,
	HF_CALL_REMOVE = 16,
	HF_CALL_MEND = 32,
	HF_CALL_NOW = 64,
};

#endif
