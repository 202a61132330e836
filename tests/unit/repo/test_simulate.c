/*
 * Machines back up, forget, prune and read at once. One scheduler lets one of them go on to its
 * next call of the store, chosen by the seed; it makes calls fail, ends processes, lets days go by
 * and turns the clock back. After each schedule, somebody who comes anew must find whole whatever
 * was reported, and nothing that was reported as forgotten.
 *
 * HF_SCHEDULES: how many, else 300. HF_TEST_SEED: the first one's seed; a failure prints its own,
 * and every step.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/pool.h"
#include "backend/base/talk.h"
#include "backend/base/time.h"
#include "backend/format/key.h"
#include "backend/repo/forget.h"
#include "tests/lib/kept_catalogs.h"
#include "tests/lib/numbered.h"
#include "tests/lib/remembered.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"
#include "tests/lib/turn.h"

#define HOUR (3600 * HF_NS_PER_S)
#define DAY (24 * HOUR)
#define CACHE ((size_t)1 << 20)
#define GRACE (8 * HOUR) /* so that cutoffs often pass by what sleeps */
#define MACHINES 4
#define RUNS 3 /* of a machine, one after the other */
#define MOST 64
#define SCHEDULES 300

/* No pool has threads: so a machine is one thread, and a seed is one order of calls. */
hf_err __real_hf_pool_new(
	const struct hf_pool_ops *ops, unsigned workers, unsigned window, struct hf_pool **out);
hf_err __wrap_hf_pool_new(
	const struct hf_pool_ops *ops, unsigned workers, unsigned window, struct hf_pool **out);
hf_err __wrap_hf_pool_new(
	const struct hf_pool_ops *ops, unsigned workers, unsigned window, struct hf_pool **out)
{
	(void)workers;
	return __real_hf_pool_new(ops, 0, window, out);
}

unsigned __wrap_hf_cpus(void);
unsigned __wrap_hf_cpus(void)
{
	return 1; /* to ask takes as long as to read a commit */
}

/* Memory that was freed is used again soon, or most of the time would go into new pages. */
const char *__asan_default_options(void) __attribute__((visibility("default")));
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=4:malloc_context_size=8";
}

struct known {
	uint8_t id[HF_SNAPSHOT_ID_LEN];
	hf_files files;
	bool reported;  /* as stored */
	bool attempted; /* to be forgotten */
	bool forgotten; /* reported so */
};

struct machine {
	struct world *world;
	unsigned number;
	char *cache;
	struct hf_turn turn;
	uint64_t random;
	unsigned left;   /* calls until it is another's turn */
	unsigned asleep; /* turns of others */
	bool dated;      /* what it is about to put rests on what it has read */
	bool killed;     /* killed: every call fails until the next run */
	enum hf_error_kind fails;
};

struct world {
	struct hf_small small;
	struct machine machines[MACHINES];
	uint64_t random;
	int64_t now, latest;
	struct known known[MOST];
	size_t n;
	struct hf_buf steps;
	unsigned moments;
};

static _Thread_local struct machine *me; /* NULL: the scheduler looks for itself */

static unsigned below(uint64_t *state, unsigned n)
{
	return (unsigned)(hf_test_random(state) % n);
}

static void note(struct world *world, const char *what, const char *name)
{
	hf_buf_printf(&world->steps, "%u: %s %s\n", me ? me->number : MACHINES, what, name);
}

static void set_clock(struct world *world, int64_t now)
{
	world->now = now;
	world->latest = HF_MAX(world->latest, now);
	hf_time_set(now);
}

/* ---- one machine ---- */

static const char *word(enum hf_store_call call)
{
	switch (call) {
	case HF_CALL_PUT:
		return "put";
	case HF_CALL_GET:
		return "get";
	case HF_CALL_STAT:
		return "stat";
	case HF_CALL_LIST:
		return "list";
	case HF_CALL_REMOVE:
		return "remove";
	case HF_CALL_MEND:
		return "mend";
	case HF_CALL_NOW:
		return "now";
	}
	return "?";
}

/* Mostly before a call that others may see or that tells of them. */
static bool turn_ends(struct machine *machine, enum hf_store_call call, const char *name)
{
	machine->dated = call == HF_CALL_PUT &&
		(strncmp(name, "commits/", 8) == 0 || strncmp(name, "checkpoints/", 12) == 0);
	if (machine->left-- == 0)
		return true;
	return call & (HF_CALL_PUT | HF_CALL_LIST) &&
		below(&machine->world->random, machine->dated ? 2 : 4) == 0;
}

static struct hf_error *before_call(void *arg, enum hf_store_call call, const char *name)
{
	struct world *world = arg;

	if (!me)
		return NULL;
	if (!me->killed && turn_ends(me, call, name))
		hf_turn_give_back(&me->turn);
	if (me->killed)
		return hf_error_new(HF_SYSTEM, "the process was ended");
	set_clock(world, world->now + HF_NS_PER_S / 8);
	note(world, word(call), name);
	if (!me->fails)
		return NULL;
	const enum hf_error_kind kind = me->fails;

	note(world, "which fails", "");
	me->fails = (enum hf_error_kind)0;
	return hf_error_new(kind, "this call was to fail");
}

static struct known *find(struct world *world, const uint8_t id[HF_SNAPSHOT_ID_LEN])
{
	for (size_t i = 0; i < world->n; i++)
		if (memcmp(world->known[i].id, id, HF_SNAPSHOT_ID_LEN) == 0)
			return &world->known[i];
	ck_assert_uint_lt(world->n, MOST);
	memcpy(world->known[world->n].id, id, HF_SNAPSHOT_ID_LEN);
	return &world->known[world->n++];
}

static hf_err back_up(struct machine *machine, struct hf_repo *repo)
{
	struct world *world = machine->world;
	const hf_files files = (1u << below(&machine->random, 6)) * 5u;
	const char *source = below(&machine->random, 2) ? "files/a" : "files/b";
	uint8_t id[HF_SNAPSHOT_ID_LEN];

	note(world, "backs up", source);
	HF_TRY(hf_numbered_backup(repo, source, ++world->moments, files, id));
	find(world, id)->files = files;
	find(world, id)->reported = true;
	note(world, "reports", source);
	return NULL;
}

static hf_err forget(struct machine *machine, struct hf_repo *repo)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots all;
	uint8_t ids[1][HF_SNAPSHOT_ID_LEN];

	HF_TRY(hf_history_snapshots(repo, NULL, &arena, &all));
	if (all.n == 0)
		return NULL;
	memcpy(ids[0], all.at[below(&machine->random, (unsigned)all.n)].id, sizeof(ids[0]));
	find(machine->world, ids[0])->attempted = true;
	note(machine->world, "forgets", "");
	HF_TRY(hf_forget(repo, ids, 1));
	find(machine->world, ids[0])->forgotten = true;
	note(machine->world, "has forgotten", "");
	return NULL;
}

static hf_err read_all(struct hf_repo *repo)
{
	HF_OWNED(hf_reader) reader = NULL;
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots all;
	hf_files files;

	HF_TRY(hf_reader_open(repo, CACHE, 0, &reader));
	HF_TRY(hf_history_snapshots(repo, NULL, &arena, &all));
	for (size_t i = 0; i < all.n; i++)
		HF_TRY(hf_numbered_read(reader, &all.at[i], &files));
	return NULL;
}

static hf_err prune(struct machine *machine, struct hf_repo *repo)
{
	static const int64_t graces[] = {-1, 0, 0, DAY};

	note(machine->world, "prunes", "");
	return hf_numbered_prune(repo, graces[below(&machine->random, ARRAY_LEN(graces))], NULL);
}

static hf_err one_run(struct machine *machine)
{
	HF_OWNED(hf_repo) repo = NULL;
	const unsigned what = below(&machine->random, 8);

	HF_TRY(hf_small_try(&machine->world->small, machine->cache, &repo));
	if (what < 3)
		return back_up(machine, repo);
	if (what < 4)
		return forget(machine, repo);
	return what < 7 ? prune(machine, repo) : read_all(repo);
}

/* The files of a session that was cut off are as old as it is by the clock of this world. */
static void date_files(const struct machine *machine)
{
	HF_FREED char *pattern = hf_format("%s/*/sent-*", machine->cache);
	const time_t now = (time_t)(machine->world->now / HF_NS_PER_S);
	const struct timespec times[2] = {{.tv_sec = now}, {.tv_sec = now}};
	glob_t found = {0};

	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			ck_assert_int_eq(utimensat(AT_FDCWD, found.gl_pathv[i], times, 0), 0);
	globfree(&found);
}

static void live(void *arg)
{
	struct machine *machine = arg;

	me = machine;
	for (unsigned i = 0; i < RUNS; i++) {
		struct hf_error *err = one_run(machine);

		note(machine->world, "ends", err ? hf_error_text(err) : "well");
		hf_error_free(err); /* nothing was promised: what was, is looked at in the end */
		date_files(machine);
		machine->killed = false;
	}
}

/* ---- the scheduler ---- */

/* Forward by days; back by less than the day that commits may be ahead of the clock. */
static void turn_clock(struct world *world)
{
	if (below(&world->random, 4) == 0)
		set_clock(world, world->latest - below(&world->random, 20) * HOUR);
	else
		set_clock(world, world->latest + below(&world->random, 100) * HOUR);
	hf_buf_printf(&world->steps, "the clock: %lld h\n", (long long)(world->now / HOUR));
}

static struct machine *choose(struct world *world)
{
	struct machine *alive[MACHINES], *awake[MACHINES];
	unsigned n_alive = 0, n_awake = 0;

	for (unsigned i = 0; i < MACHINES; i++) {
		struct machine *machine = &world->machines[i];

		if (machine->turn.ended)
			continue;
		alive[n_alive++] = machine;
		if (machine->asleep == 0)
			awake[n_awake++] = machine;
		else
			machine->asleep--;
	}
	if (n_awake)
		return awake[below(&world->random, n_awake)];
	return n_alive ? alive[below(&world->random, n_alive)] : NULL;
}

/* Now and then one sleeps while others do all they have to do. */
static void schedule(struct world *world)
{
	struct machine *machine;

	while ((machine = choose(world))) {
		const unsigned fate = below(&world->random, 40);

		if (fate < 8)
			turn_clock(world);
		if (fate == 8)
			machine->killed = true;
		if (fate == 9)
			machine->fails = below(&world->random, 2) ? HF_TRANSIENT : HF_SYSTEM;
		machine->left = (1u << below(&world->random, 10)) - 1;
		hf_turn_go(&machine->turn);
		if (below(&world->random, machine->dated ? 3 : 8) == 0)
			machine->asleep = 1u << below(&world->random, 8);
	}
}

/* ---- what must hold ---- */

static hf_err expect_one(struct world *world, const struct hf_snapshot_info *info, bool newest,
	struct hf_reader *reader)
{
	struct known *known = find(world, info->id);
	hf_files files;

	HF_TRY(hf_error_in(hf_numbered_read(reader, info, &files), "snapshot %lld",
		(long long)info->snapshot.moment));
	if (known->reported && files != known->files)
		return hf_error_new(HF_CORRUPT, "it has other files");
	if (known->forgotten && !newest)
		return hf_error_new(HF_CORRUPT, "a forgotten snapshot is shown");
	known->reported = false; /* seen */
	return NULL;
}

static bool is_newest(const struct hf_snapshots *all, size_t at)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct hf_snapshot_info *other = &all->at[i], *info = &all->at[at];

		if (i != at && other->seen >= info->seen &&
			other->snapshot.source.len == info->snapshot.source.len &&
			memcmp(other->snapshot.source.at, info->snapshot.source.at,
				info->snapshot.source.len) == 0 &&
			(other->seen > info->seen ||
				other->snapshot.moment > info->snapshot.moment))
			return false;
	}
	return true;
}

static hf_err expect(struct world *world)
{
	HF_FREED char *cache = hf_format("%s/fresh-%u", world->small.dir, world->small.opened++);
	HF_OWNED(hf_repo) fresh = NULL;
	HF_OWNED(hf_reader) reader = NULL;
	HF_RELEASED(hf_arena) arena = {0};
	struct known before[MOST];
	struct hf_snapshots all;

	memcpy(before, world->known, sizeof(before));
	HF_TRY(hf_small_try(&world->small, cache, &fresh));
	HF_TRY(hf_reader_open(fresh, CACHE, 0, &reader));
	HF_TRY(hf_history_snapshots(fresh, NULL, &arena, &all));
	for (size_t i = 0; i < all.n; i++)
		HF_TRY(expect_one(world, &all.at[i], is_newest(&all, i), reader));
	for (size_t i = 0; i < world->n; i++)
		if (world->known[i].reported && !world->known[i].attempted)
			return hf_error_new(HF_CORRUPT, "a snapshot that was reported is gone");
	memcpy(world->known, before, sizeof(before));
	return hf_error_in(hf_numbered_check(fresh), "check");
}

/* Prunes go on after whatever came before, and lose nothing. */
static hf_err expect_after_prunes(struct world *world)
{
	HF_OWNED(hf_repo) repo = NULL;
	HF_FREED char *cache = hf_format("%s/last", world->small.dir);

	HF_TRY(expect(world));
	HF_TRY(hf_small_try(&world->small, cache, &repo));
	for (unsigned i = 0; i < 2; i++) {
		set_clock(world, world->latest + 4 * DAY);
		HF_TRY(hf_error_in(hf_numbered_prune(repo, -1, NULL), "the last prunes"));
	}
	return hf_error_in(expect(world), "after the last prunes");
}

/* The same for all: a pack that is to go, and that backups would rely on; old enough. */
static void begin(struct world *world)
{
	const uint8_t entropy[32] = {0};
	uint8_t ids[1][HF_SNAPSHOT_ID_LEN];
	struct hf_settings settings;
	struct hf_repo *repo;

	hf_random_seed(entropy);
	set_clock(world, 1800000000 * HF_NS_PER_S);
	hf_settings_default(&settings);
	settings.grace = GRACE;
	hf_small_init_with(&world->small, 1, &settings);
	repo = world->small.repo;
	ck_ok(hf_numbered_backup(repo, "files/a", ++world->moments, 0x3ff, ids[0]));
	ck_ok(hf_numbered_backup(repo, "files/a", ++world->moments, 0xc00, NULL));
	ck_ok(hf_forget(repo, ids, 1));
	find(world, ids[0])->attempted = find(world, ids[0])->forgotten = true;
	hf_repo_free(HF_STEAL(world->small.repo));
	hf_kept_catalogs_clear();
	set_clock(world, world->now + 4 * DAY);
}

static void start(struct world *world, struct machine *machine, unsigned number)
{
	*machine = (struct machine){.world = world, .number = number};
	machine->random = hf_test_random(&world->random);
	machine->cache = hf_format("%s/machine-%u", world->small.dir, number);
	hf_turn_begin(&machine->turn, live, machine);
}

static void run(const struct world *begun, uint64_t seed)
{
	struct world world = *begun;
	uint8_t entropy[32] = {1};

	memcpy(entropy + 1, &seed, sizeof(seed));
	hf_random_seed(entropy);
	world.random = seed;
	world.small.mem = hf_mem_save(begun->small.mem);
	world.small.dir = hf_test_dir();
	hf_mem_hook(world.small.mem, before_call, &world);
	for (unsigned i = 0; i < MACHINES; i++)
		start(&world, &world.machines[i], i);
	schedule(&world);
	for (unsigned i = 0; i < MACHINES; i++) {
		hf_turn_end(&world.machines[i].turn);
		free(world.machines[i].cache);
	}
	set_clock(&world, world.latest + DAY);
	struct hf_error *err = expect_after_prunes(&world);

	if (err)
		fprintf(stderr, "%.*sHF_TEST_SEED=%llu\n", (int)world.steps.len,
			(const char *)world.steps.at, (unsigned long long)seed);
	ck_ok(err);
	hf_buf_release(&world.steps);
	hf_mem_free(world.small.mem);
	hf_test_dir_free(world.small.dir);
	hf_kept_catalogs_clear();
	hf_remembered_clear();
}

START_TEST(no_order_of_calls_loses_what_was_reported)
{
	const char *wish = getenv("HF_SCHEDULES");
	const unsigned long most = wish ? strtoul(wish, NULL, 10) : SCHEDULES;
	const uint64_t seed = hf_test_seed();
	struct world begun = {0};
	unsigned long done = 0;

	begin(&begun);
	for (; done < most; done++)
		run(&begun, seed + done);
	fprintf(stderr, "%lu schedules\n", done);
	hf_small_end(&begun.small);
	hf_kept_catalogs_end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("simulate");
	TCase *tests = hf_test_case(suite, "simulate");

	hf_log_setup(HF_ERROR + 1, HF_LOG_TEXT);
	/* Catalogs are many, and short-lived. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	tcase_set_timeout(tests, 0);
	tcase_add_test(tests, no_order_of_calls_loses_what_was_reported);
	return hf_test_run_suite(suite);
}
