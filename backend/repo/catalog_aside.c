/* A catalog of which what it holds is put aside, for one that begins empty. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/base/text.h"
#include "backend/repo/catalog_db.h"
#include "backend/repo/catalog_state.h"

/* SQLite has them open by now, and asks for none of them by its name again. */
static void take_names(const char *path)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		HF_FREED char *name = hf_format("%s%s", path, suffixes[i]);

		unlink(name); /* what stays is an empty catalog */
	}
}

/* Without a name, so that whoever is killed later leaves nothing behind. */
static hf_err open_nameless(const char *dir, struct hf_catalog **out)
{
	HF_FREED char *path = hf_format("%s/aside-XXXXXX", dir);
	const int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0)
		return hf_error_sys("a catalog in %s", dir);
	close(fd);
	struct hf_error *err = hf_catalog_open(path, out);

	take_names(path);
	return err;
}

/* All but the locks. The caller has the lock of a; nobody else knows b. */
static void exchange(struct hf_catalog *a, struct hf_catalog *b)
{
	sqlite3 *const db = a->db;
	char *const path = a->path;

	hf_view_drop(a);
	hf_view_drop(b);
	a->db = b->db;
	a->path = b->path;
	b->db = db;
	b->path = path;
	for (int i = 0; i < QUERIES; i++) {
		sqlite3_stmt *const statement = a->statements[i];

		a->statements[i] = b->statements[i];
		b->statements[i] = statement;
	}
	for (int i = 0; i < 2; i++) {
		sqlite3_stmt *const asked = a->asked[i];

		a->asked[i] = b->asked[i];
		b->asked[i] = asked;
	}
	atomic_fetch_add(&a->edition, 1);
}

hf_err hf_catalog_put_aside(struct hf_catalog *catalog, const char *dir)
{
	HF_OWNED(hf_catalog) empty = NULL;

	HF_TRY(dir ? open_nameless(dir, &empty) : hf_catalog_open(NULL, &empty));
	/* It need not outlive a power cut. */
	sqlite3_exec(empty->db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
	pthread_mutex_lock(&catalog->lock);
	exchange(catalog, empty);
	catalog->aside = HF_STEAL(empty);
	pthread_mutex_unlock(&catalog->lock);
	return NULL;
}

void hf_catalog_bring_back(struct hf_catalog *catalog)
{
	struct hf_catalog *aside;

	pthread_mutex_lock(&catalog->lock);
	aside = HF_STEAL(catalog->aside);
	exchange(catalog, aside);
	pthread_mutex_unlock(&catalog->lock);
	hf_catalog_free(aside);
}

struct hf_catalog *hf_catalog_aside(struct hf_catalog *catalog)
{
	return catalog->aside;
}

unsigned hf_catalog_edition(struct hf_catalog *catalog)
{
	return atomic_load(&catalog->edition);
}
