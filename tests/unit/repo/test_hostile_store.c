/*
 * Whoever has the store in hand and no key: what he can do to the objects, a row of the table each,
 * and what a machine that followed the repository and one that comes with nothing make of it.
 * Whatever he does, bytes that are given out are the right ones. docs/security.md has these rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/repo/history.h"
#include "backend/repo/reader.h"
#include "tests/lib/attacks.h"
#include "tests/lib/forged.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define MOMENT INT64_C(1795514400000000000)
#define CHUNK 5000u
#define SNAPSHOTS 3u
#define COPIES 2u
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

/* ---- the repository, and what it was ---- */

static struct hf_small small, foreign;
static struct hf_mem *before; /* after the first snapshot */
static char commits[SNAPSHOTS][HF_COMMIT_NAME_LEN + 1];
static char packs[SNAPSHOTS][HF_PACK_NAME_LEN + 1], metas[SNAPSHOTS][HF_PACK_NAME_LEN + 1];

/* What a snapshot consists of. */
static struct written {
	struct hf_id content[2], directory;
} written[SNAPSHOTS];

static void each_object(const char *prefix, hf_object_fn *each, void *arg)
{
	ck_ok(hf_store_list(hf_repo_store(small.repo), prefix, "", each, arg));
}

/* A name that is not among the first n. */
struct search {
	char *names;
	size_t size, n;
};

static struct hf_error *note_if_new(void *arg, const struct hf_object *object)
{
	struct search *search = arg;

	for (size_t i = 0; i < search->n; i++)
		if (strcmp(search->names + i * search->size, object->name) == 0)
			return NULL;
	snprintf(search->names + search->n * search->size, search->size, "%s", object->name);
	return NULL;
}

static void find_new(const char *prefix, char *names, size_t size, size_t n)
{
	struct search search = {names, size, n};

	each_object(prefix, note_if_new, &search);
	ck_assert_str_ne(names + n * size, "");
}

/* Two chunks of equal stored length that no zip makes smaller, so that they can be swapped. */
static struct hf_buf content(unsigned snapshot, unsigned i)
{
	uint64_t state = snapshot * 2 + i + 1;
	struct hf_buf bytes = {0};

	while (bytes.len < CHUNK) {
		const uint64_t random = hf_test_random(&state);

		hf_buf_add(&bytes, &random, sizeof(random));
	}
	return bytes;
}

static struct written publish(struct hf_repo *repo, unsigned i)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(repo);
	struct hf_entry file, root;
	struct written out;

	for (unsigned j = 0; j < 2; j++) {
		HF_RELEASED(hf_buf) bytes = content(i, j);

		out.content[j] = hf_small_put(writer, HF_CONTENT_PACK, hf_buf_span(&bytes));
	}
	file = hf_small_file("file", &out.content[0], CHUNK);
	root = hf_small_dir(writer, "", &file, 1);
	out.directory = root.extents.at[0].chunk;
	hf_small_snapshot(writer, "files/home", MOMENT + i, &root);
	ck_ok(hf_writer_publish(writer));
	hf_extents_release(&root.extents);
	hf_extents_release(&file.extents);
	return out;
}

static void publish_and_name(unsigned i)
{
	written[i] = publish(small.repo, i);
	find_new("commits/", commits[0], sizeof(commits[0]), i);
	find_new("packs/", packs[0], sizeof(packs[0]), i);
	find_new("meta/", metas[0], sizeof(metas[0]), i);
}

/* ---- what he can do ---- */

/* "commit 1" is the one that brought snapshot 1; so are "pack 1" and "meta 1". */
static const char *name_of(const char *what)
{
	static const struct {
		const char *word;
		const char *names;
		size_t size;
	} kinds[] = {{"commit ", commits[0], sizeof(commits[0])},
		{"pack ", packs[0], sizeof(packs[0])}, {"meta ", metas[0], sizeof(metas[0])}};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const size_t len = strlen(kinds[i].word);

		if (strncmp(what, kinds[i].word, len) == 0)
			return kinds[i].names + (size_t)(what[len] - '0') * kinds[i].size;
	}
	return what;
}

static void lose(const char *what)
{
	hf_attack_lose(&small, name_of(what));
}

static void plant(const char *what, struct hf_span bytes)
{
	hf_attack_plant(&small, name_of(what), bytes);
}

static struct hf_buf bytes_of(const char *what)
{
	return hf_attack_bytes(&small, name_of(what));
}

/* The bytes of one under the name of the other, too. */
static void copy_over(const char *one, const char *as)
{
	HF_RELEASED(hf_buf) bytes = bytes_of(one);

	plant(as, hf_buf_span(&bytes));
}

static void pass_off_copy(const struct hf_attack *attack, unsigned copy)
{
	HF_RELEASED(hf_buf) bytes = bytes_of(attack->one);

	hf_attack_plant_copy(&small, name_of(attack->other), copy, hf_buf_span(&bytes));
}

static void pass_off_first(const struct hf_attack *attack)
{
	pass_off_copy(attack, 0);
}

static void pass_off_twin(const struct hf_attack *attack)
{
	pass_off_copy(attack, 1);
}

static void swap(const struct hf_attack *attack)
{
	HF_RELEASED(hf_buf) first = bytes_of(attack->one), second = bytes_of(attack->other);

	plant(attack->one, hf_buf_span(&second));
	plant(attack->other, hf_buf_span(&first));
}

static void flip(const struct hf_attack *attack)
{
	HF_RELEASED(hf_buf) bytes = bytes_of(attack->one);

	bytes.at[bytes.len / 2] ^= 0x10;
	plant(attack->one, hf_buf_span(&bytes));
}

/* Longer by a text, or cut short. */
static void resize(const struct hf_attack *attack)
{
	HF_RELEASED(hf_buf) bytes = bytes_of(attack->one);

	if (attack->other)
		hf_buf_add_span(&bytes, hf_span_str(attack->other));
	plant(attack->one, hf_span(bytes.at, bytes.len - !attack->other));
}

static struct hf_error *plant_foreign(void *arg, const struct hf_object *object)
{
	const char *as = arg;

	plant(as ? as : object->name, hf_buf_span(hf_mem_at(foreign.mem, object->name, 0)));
	return NULL;
}

/* The other repository's objects below the prefix: under their names, or as one. */
static void bring_foreign(const char *prefix, const char *as)
{
	ck_ok(hf_store_list(hf_repo_store(foreign.repo), prefix, "", plant_foreign, (void *)as));
}

static struct hf_error *take_each(void *arg, const struct hf_object *object)
{
	(void)arg;
	lose(object->name);
	return NULL;
}

/* One, or all below a prefix. */
static void take(const struct hf_attack *attack)
{
	each_object(name_of(attack->one), take_each, NULL);
}

static void forge_keyring(const struct hf_attack *attack)
{
	HF_RELEASED(hf_buf) bytes = bytes_of(attack->one), forged = {0};
	HF_RELEASED(hf_arena) arena = {0};
	const struct hf_key root = {{7}};
	struct hf_keyring parsed;

	ck_ok(hf_keyring_parse(hf_buf_span(&bytes), &arena, &parsed));
	parsed.n++;
	parsed.slots[1].rights = HF_ALL_RIGHTS;
	hf_keyring_print(&parsed, &root, &forged);
	plant(attack->other, hf_buf_span(&forged));
}

static void plant_four(const struct hf_attack *attack)
{
	char name[HF_NUMBERED_NAME_LEN + 1];

	for (uint32_t n = 5; n < 9; n++) {
		hf_numbered_name(attack->one, n, name);
		plant(name, hf_span_str(attack->other));
	}
}

/* Under the name that it would have at another time, and no more under its own. */
static void redate(const struct hf_attack *attack)
{
	char other[HF_COMMIT_NAME_LEN + 1];
	struct hf_id id;
	int64_t time;

	ck_ok(hf_commit_name_parse(name_of(attack->one), &time, &id));
	hf_commit_name(time + atoi(attack->other) * 3600 * HF_NS_PER_S, &id, other);
	copy_over(attack->one, other);
	lose(attack->one);
}

/* One whose digest is what its name says, but that nobody signed. */
static void forge_commit(const struct hf_attack *attack)
{
	HF_RELEASED(hf_buf) bytes = bytes_of(attack->one);
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_id id;
	int64_t time;

	ck_ok(hf_commit_name_parse(name_of(attack->one), &time, &id));
	bytes.at[bytes.len - 100] ^= 1;
	hf_sha256(hf_buf_span(&bytes), &id);
	hf_commit_name(time, &id, name);
	plant(name, hf_buf_span(&bytes));
}

static void blow_up(const struct hf_attack *attack)
{
	HF_FREED void *zeros = hf_calloc(1, HF_MAX_COMMIT + 1);

	plant(attack->one, hf_span(zeros, HF_MAX_COMMIT + 1));
}

/* The two sealed chunks, within their pack. */
static void swap_chunks(const struct hf_attack *attack)
{
	const size_t len = CHUNK + HF_TAG_LEN;
	HF_RELEASED(hf_buf) bytes = bytes_of(attack->one), swapped = bytes_of(attack->one);
	uint8_t *chunks = swapped.at + HF_HEADER_LEN;

	memcpy(chunks, bytes.at + HF_HEADER_LEN + len, len);
	memcpy(chunks + len, bytes.at + HF_HEADER_LEN, len);
	plant(attack->one, hf_buf_span(&swapped));
}

/* "0": the first copies of all that has two; "1": the second ones. */
static struct hf_error *flip_copy(void *arg, const struct hf_object *object)
{
	const unsigned copy = (unsigned)atoi(arg);
	struct hf_buf *bytes = hf_mem_at(small.mem, object->name, copy);

	if (bytes && hf_mem_at(small.mem, object->name, 1))
		bytes->at[bytes->len / 2] ^= 4;
	return NULL;
}

static struct hf_error *take_copy(void *arg, const struct hf_object *object)
{
	if (hf_mem_at(small.mem, object->name, 1))
		hf_mem_lose(small.mem, object->name, (unsigned)atoi(arg));
	return NULL;
}

static void flip_copies(const struct hf_attack *attack)
{
	each_object("", flip_copy, (void *)attack->one);
}

static void take_copies(const struct hf_attack *attack)
{
	each_object("", take_copy, (void *)attack->one);
}

static void replace_all(const struct hf_attack *attack)
{
	hf_mem_go_back(small.mem, *attack->one == 'o' ? before : foreign.mem);
}

static void take_snapshot(const struct hf_attack *attack)
{
	for (int i = atoi(attack->one); i <= atoi(attack->other); i++) {
		hf_mem_lose(small.mem, packs[i], 0);
		lose(metas[i]);
		lose(commits[i]);
	}
}

static void plant_text(const struct hf_attack *attack)
{
	plant(attack->one, hf_span_str(attack->other));
}

static void pass_off(const struct hf_attack *attack)
{
	copy_over(attack->one, attack->other);
}

static void pass_off_foreign(const struct hf_attack *attack)
{
	bring_foreign(attack->one, attack->other);
}

#define K "keyring/000000000"
#define C "checkpoints/000000000"
static const struct hf_attack attacks[] = {
	{"flip a bit of the newest keyring", flip, K "4", NULL, REFUSED, LACKS},
	{"delete the newest keyring", take, K "4", NULL, REFUSED, LACKS},
	{"delete an older keyring", take, K "2", NULL, FOUND, FOUND},
	{"delete all keyrings", take, "keyring/", NULL, REFUSED, REFUSED},
	{"an older keyring in the newest one's place", pass_off, K "3", K "4", REFUSED, LACKS},
	{"an older keyring again under the next number", pass_off, K "3", K "5", FOUND, FOUND},
	{"swap the two newest keyrings", swap, K "3", K "4", REFUSED, LACKS},
	{"a keyring that gives a slot more rights, under a root of his own", forge_keyring, K "4",
		K "5", FOUND, FOUND},
	{"another repository's keyring under the next number", pass_off_foreign, "keyring/", K "5",
		FOUND, FOUND},
	{"junk under the next keyring's number", plant_text, K "5", "no keyring", FOUND, FOUND},
	{"junk under the next four keyrings' numbers", plant_four, "keyring", "no keyring", FOUND,
		FOUND},

	{"flip a bit of the newest checkpoint", flip, C "2", NULL, REFUSED, FOUND},
	{"cut the newest checkpoint short", resize, C "2", NULL, REFUSED, FOUND},
	{"delete the newest checkpoint", take, C "2", NULL, REFUSED, FOUND},
	{"delete all checkpoints", take, "checkpoints/", NULL, REFUSED, REFUSED},
	{"an older checkpoint in the newest one's place", pass_off, C "1", C "2", REFUSED, FOUND},
	{"an older checkpoint again under the next number", pass_off, C "1", C "3", FOUND, FOUND},
	{"another repository's checkpoint under the next number", pass_off_foreign, "checkpoints/",
		C "3", FOUND, FOUND},
	{"a commit in the place of the next checkpoint", pass_off, "commit 0", C "3", FOUND, FOUND},

	{"flip a bit of a commit", flip, "commit 1", NULL, FOUND, LACKS},
	{"cut a commit short", resize, "commit 1", NULL, FOUND, LACKS},
	{"empty a commit", plant_text, "commit 1", "", FOUND, LACKS},
	{"make a commit larger than a commit may be", blow_up, "commit 1", NULL, FOUND, LACKS},
	{"delete a commit", take, "commit 1", NULL, FOUND, HINTED},
	{"delete all commits", take, "commits/", NULL, FOUND, HINTED},
	{"delete a commit and all that only it names", take_snapshot, "2", "2", LACKS, UNSEEN},
	{"swap two commits", swap, "commit 0", "commit 1", FOUND, LACKS},
	{"give a commit a later time", redate, "commit 0", "1", FOUND, HINTED},
	{"give a commit an earlier time", redate, "commit 0", "-1", FOUND, HINTED},
	{"a commit with a byte changed, under a name that fits", forge_commit, "commit 0", NULL,
		NOTED, NOTED},
	{"another repository's commits", pass_off_foreign, "commits/", NULL, NOTED, NOTED},
	{"a pack in a commit's place", pass_off, "pack 1", "commit 1", FOUND, LACKS},

	{"flip a bit of a pack", flip, "pack 1", NULL, LACKS, LACKS},
	{"cut a pack short", resize, "pack 1", NULL, FOUND, FOUND},
	{"add bytes to a pack", resize, "pack 1", "more", FOUND, FOUND},
	{"delete a pack", take, "pack 1", NULL, LACKS, LACKS},
	{"swap two packs", swap, "pack 0", "pack 1", LACKS, LACKS},
	{"swap two chunks within a pack", swap_chunks, "pack 1", NULL, LACKS, LACKS},
	{"another repository's pack in a pack's place", pass_off_foreign, "packs/", "pack 0", LACKS,
		LACKS},
	{"directories in a pack's place", pass_off, "meta 1", "pack 1", LACKS, LACKS},
	{"flip a bit of a directory's object", flip, "meta 1", NULL, FOUND, FOUND},
	{"delete a directory's object", take, "meta 1", NULL, LACKS, LACKS},
	{"swap two directories' objects", swap, "meta 1", "meta 2", LACKS, LACKS},
	{"directories of an older epoch in newer ones' place", pass_off, "meta 0", "meta 2", LACKS,
		LACKS},
	{"a pack in the place of directories", pass_off, "pack 1", "meta 1", LACKS, LACKS},

	{"flip a bit in every first copy", flip_copies, "0", NULL, FOUND, FOUND},
	{"flip a bit in every second copy", flip_copies, "1", NULL, FOUND, FOUND},
	{"delete every first copy", take_copies, "0", NULL, FOUND, FOUND},
	{"delete every second copy", take_copies, "1", NULL, FOUND, FOUND},
	{"an older keyring as the newest one's first copy", pass_off_first, K "3", K "4", FOUND,
		FOUND},
	{"an older keyring as the newest one's second copy", pass_off_twin, K "3", K "4", FOUND,
		FOUND},
	{"another commit as a commit's second copy", pass_off_twin, "commit 0", "commit 1", FOUND,
		FOUND},

	{"roll the whole store back", replace_all, "older", NULL, REFUSED, UNSEEN},
	{"roll back all but keyrings and checkpoints", take_snapshot, "1", "2", LACKS, UNSEEN},
	{"another repository that the key opens, in the place of all", replace_all, "foreign", NULL,
		UNSEEN, UNSEEN},
	{"a pack that no commit names", plant_text, "packs/00/" ZEROS, "his own", NOTED, NOTED},
	{"an object that has no name of ours", plant_text, "commits/now", "his own", NOTED, NOTED},
};

/* ---- what the machines make of it ---- */

static bool reads(struct hf_reader *reader, enum hf_object_kind kind, const struct hf_id *id,
	const struct hf_buf *want)
{
	HF_CHUNK_REF chunk = NULL;
	struct hf_error *err = hf_reader_get(reader, kind, id, &chunk);

	if (err) {
		ck_assert_msg(hf_error_kind(err) == HF_CORRUPT || hf_error_kind(err) == HF_DENIED,
			"%s", hf_error_text(err));
		hf_error_free(err); /* told above, if it is another */
		return false;
	}
	if (want)
		ck_assert(hf_span_equal(hf_buf_span(want), hf_span(chunk->at, chunk->len)));
	return true;
}

static bool all_is_read(struct hf_repo *repo)
{
	HF_OWNED(hf_reader) reader = NULL;
	bool all = true;

	ck_ok(hf_reader_open(repo, 1 << 20, 0, &reader));
	for (unsigned i = 0; i < SNAPSHOTS; i++) {
		for (unsigned j = 0; j < 2; j++) {
			HF_RELEASED(hf_buf) want = content(i, j);

			all &= reads(reader, HF_CONTENT_PACK, &written[i].content[j], &want);
		}
		all &= reads(reader, HF_META_PACK, &written[i].directory, NULL);
	}
	return all;
}

/* Nothing is shown that nobody backed up. */
static bool all_is_shown(struct hf_repo *repo)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots snapshots;

	ck_ok(hf_history_snapshots(repo, "files/home", &arena, &snapshots));
	ck_assert_uint_le(snapshots.n, SNAPSHOTS);
	return snapshots.n == SNAPSHOTS;
}

static bool all_is_there(struct hf_repo *repo)
{
	return all_is_shown(repo) & all_is_read(repo);
}

static struct hf_attacked attacked = {.small = &small, .all_is_there = all_is_there};

/* Keyrings 1 to 4 of two epochs, checkpoints 1 and 2, three snapshots. */
static void setup(void)
{
	hf_small_init(&small, COPIES);
	hf_repo_free(hf_small_open_as(&small, HF_WRITE));
	publish_and_name(0);
	before = hf_mem_save(small.mem);
	hf_repo_free(hf_small_open_as(&small, HF_MAINTAIN));
	ck_ok(hf_repo_rotate(small.repo));
	publish_and_name(1);
	hf_forged_checkpoint_put(small.repo, hf_repo_slot(small.repo)->n, HF_NS_PER_S);
	publish_and_name(2);
	hf_attacked_begin(&attacked);

	hf_small_init(&foreign, COPIES);
	publish(foreign.repo, 0);
}

static void teardown(void)
{
	hf_mem_free(before);
	hf_attacked_end(&attacked);
	hf_small_end(&foreign);
	hf_small_end(&small);
}

START_TEST(what_is_done_to_the_store_is_noticed_as_the_table_says)
{
	for (size_t i = 0; i < ARRAY_LEN(attacks); i++)
		hf_attack_try(&attacked, &attacks[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hostile_store");
	TCase *tests = hf_test_case(suite, "hostile_store");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, what_is_done_to_the_store_is_noticed_as_the_table_says);
	return hf_test_run_suite(suite);
}
