/*
 * Attacks on a repository's store, a row of a table each, and what two machines make of them: one
 * that followed the repository, and one that comes with nothing. docs/security.md has the rows;
 * tests/style/promises.py compares.
 */
#ifndef HF_TESTS_LIB_ATTACKS_H
#define HF_TESTS_LIB_ATTACKS_H

#include "tests/lib/small_repo.h"

/* What a machine makes of an attack. */
enum hf_notice {
	HARMLESS, /* all is shown and read, and a check has nothing to say */
	NOTED,    /* all is shown and read, and a check notes what does not belong there */
	FOUND,    /* all is shown and read, and a check finds it: exit status 4 */
	LACKS,    /* something is not shown or can't be read, and a check finds it */
	HINTED,   /* something is not shown, and all that a check has is notes */
	UNSEEN,   /* something is not shown, and nothing tells */
	REFUSED,  /* the repository is not opened */
};

struct hf_attack {
	const char *what; /* as docs/security.md has it */
	void (*act)(const struct hf_attack *attack);
	const char *one, *other; /* what they mean is the act's */
	enum hf_notice known, fresh;
};

struct hf_attacked {
	struct hf_small *small;
	struct hf_mem *whole; /* what each attack is done to; owned */
	/* Is all shown and read? Fails the test where something is that nobody backed up. */
	bool (*all_is_there)(struct hf_repo *repo);
	unsigned machines;
};

/* What is in the store now is whole, and a machine follows it. */
void hf_attacked_begin(struct hf_attacked *attacked);
void hf_attacked_end(struct hf_attacked *attacked);
void hf_attack_try(struct hf_attacked *attacked, const struct hf_attack *attack);

/* ---- what acts consist of ---- */

/* A copy of what the store has under the name; release it. */
struct hf_buf hf_attack_bytes(struct hf_small *small, const char *name);
/* All copies of the name become these bytes; or one. */
void hf_attack_plant(struct hf_small *small, const char *name, struct hf_span bytes);
void hf_attack_plant_copy(
	struct hf_small *small, const char *name, unsigned copy, struct hf_span bytes);
/* All copies go. */
void hf_attack_lose(struct hf_small *small, const char *name);

#endif
