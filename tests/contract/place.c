/* Kinds of stores, by number for loop tests. */
#include "tests/contract/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/time.h"
#include "tests/lib/test.h"

static const struct {
	const char *kind;
	unsigned mem_copies; /* 0: a directory */
	bool faulty;
} made_here[] = {
	{"memory", 1, false},
	{"memory with second copies", 2, false},
	{"directory", 0, false},
	{"memory behind a fault store without faults", 2, true},
	{"directory behind a fault store without faults", 0, true},
};

/* The n-th word of HF_TEST_STORES, or NULL. */
static char *test_store(int n)
{
	const char *list = getenv("HF_TEST_STORES");

	while (list && *list) {
		const size_t len = strcspn(list, " ");

		if (len > 0 && n-- == 0)
			return hf_strndup(list, len);
		list += len + strspn(list + len, " ");
	}
	return NULL;
}

int place_kinds(void)
{
	int n = 0;

	for (char *url; (url = test_store(n)); n++)
		free(url);
	return (int)ARRAY_LEN(made_here) + n;
}

void place_begin(struct place *place, int kind)
{
	const int here = (int)ARRAY_LEN(made_here);

	memset(place, 0, sizeof(*place));
	if (kind >= here) {
		char *base = test_store(kind - here);

		place->kind = "HF_TEST_STORES";
		place->shared = true;
		/* Tests run at the same time and again, and a store forgets nothing. */
		place->url = hf_format(
			"%s/%ld-%lld", base, (long)getpid(), (long long)hf_time_monotonic());
		free(base);
		return;
	}
	place->kind = made_here[kind].kind;
	place->faulty = made_here[kind].faulty;
	if (made_here[kind].mem_copies > 0) {
		place->mem = hf_mem_new(made_here[kind].mem_copies);
		return;
	}
	place->dir = hf_test_dir();
	place->url = hf_test_path(place->dir, "store");
	place->shared = true;
}

void place_open(struct place *place, struct hf_store **out)
{
	struct hf_store *store;

	if (place->mem)
		ck_ok(hf_mem_store_open(place->mem, &store));
	else
		ck_ok(hf_store_open(place->url, true, &store));
	if (place->faulty)
		ck_ok(hf_fault_store_open(store, &place->fault, &store));
	*out = store;
}

void place_release(struct place *place)
{
	hf_mem_free(place->mem);
	free(place->url);
	hf_test_dir_free(place->dir);
}
