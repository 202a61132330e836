#include "tests/lib/kept_catalogs.h"

#include <stdlib.h>
#include <string.h>

#include "backend/base/text.h"
#include "backend/repo/catalog_db.h"
#include "tests/lib/test.h"

#define MOST 16

hf_err __real_hf_catalog_open(const char *path, struct hf_catalog **out);
void __real_hf_catalog_free(struct hf_catalog *catalog);
hf_err __wrap_hf_catalog_open(const char *path, struct hf_catalog **out);
void __wrap_hf_catalog_free(struct hf_catalog *catalog);

static struct kept {
	struct hf_catalog *catalog;
	char *path; /* NULL: it is empty, and whoever comes may have it */
	bool open;
} all[MOST];

static struct kept *find(const char *path)
{
	for (size_t i = 0; i < MOST; i++) {
		if (path && all[i].path ? strcmp(all[i].path, path) == 0 : !path && !all[i].path)
			return &all[i];
	}
	return NULL;
}

hf_err __wrap_hf_catalog_open(const char *path, struct hf_catalog **out)
{
	struct kept *kept = find(path);

	if (!kept) {
		kept = find(NULL);
		ck_assert_msg(kept, "more than %d catalogs", MOST);
		kept->path = hf_strdup(path);
	}
	ck_assert(!kept->open);
	if (!kept->catalog)
		HF_TRY(__real_hf_catalog_open(NULL, &kept->catalog));
	kept->open = true;
	*out = kept->catalog;
	return NULL;
}

static int empty_table(void *db, int n, char **values, char **names)
{
	HF_FREED char *text = hf_format("DELETE FROM \"%s\"", values[0]);

	(void)n;
	(void)names;
	return sqlite3_exec(db, text, NULL, NULL, NULL);
}

static void clear(struct kept *kept)
{
	sqlite3 *db = kept->catalog->db;

	ck_assert(!kept->open);
	/* The last one has the numbers that rows are given. */
	ck_assert_int_eq(sqlite3_exec(db, "SELECT name FROM sqlite_schema WHERE type = 'table'",
				 empty_table, db, NULL),
		SQLITE_OK);
	free(HF_STEAL(kept->path));
}

void __wrap_hf_catalog_free(struct hf_catalog *catalog)
{
	for (size_t i = 0; i < MOST; i++) {
		if (!catalog || all[i].catalog != catalog)
			continue;
		ck_assert(!catalog->open);
		hf_view_drop(catalog);
		all[i].open = false;
		/* A file without a name: nobody finds it again. */
		if (strstr(all[i].path, "/aside-"))
			clear(&all[i]);
	}
}

void hf_kept_catalogs_clear(void)
{
	for (size_t i = 0; i < MOST; i++) {
		if (all[i].path)
			clear(&all[i]);
	}
}

void hf_kept_catalogs_end(void)
{
	hf_kept_catalogs_clear();
	for (size_t i = 0; i < MOST; i++)
		__real_hf_catalog_free(HF_STEAL(all[i].catalog));
}
