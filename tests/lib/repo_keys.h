/*
 * A keyring with a slot for each right, and what each slot's owner has once it is unlocked. Made
 * with key files, so that no test waits for scrypt. The same bytes each time under
 * hf_random_seed().
 */
#ifndef HF_TESTS_LIB_REPO_KEYS_H
#define HF_TESTS_LIB_REPO_KEYS_H

#include "backend/format/keyring.h"

/* Slots by number, from 1; their names are "admin", "writer", … */
enum hf_test_slot { HF_TEST_ADMIN = 1, HF_TEST_WRITER, HF_TEST_READER, HF_TEST_MAINTAINER };
#define HF_TEST_SLOTS 4

struct hf_test_repo_keys {
	struct hf_arena arena;
	struct hf_buf bytes;                               /* keyring 1 as stored */
	struct hf_keyring keyring;                         /* parsed from them */
	struct hf_slot_secrets secrets[HF_TEST_SLOTS + 1]; /* by enum hf_test_slot */
};
void hf_test_repo_keys_make(struct hf_test_repo_keys *out);
void hf_test_repo_keys_release(struct hf_test_repo_keys *keys);

/* The key file of the slot with this name: SHA-256 of the name. */
void hf_test_key_file(const char *name, struct hf_secret *out);
extern const struct hf_settings hf_test_settings;
#define HF_TEST_NOW INT64_C(1795514400000000000) /* 2026-11-24 10:00:00 */

#endif
