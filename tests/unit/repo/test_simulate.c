/*
 * Machines back up, forget, prune and read at once. One scheduler lets one of them go on to its
 * next call of the store, chosen by the seed; it makes calls fail, ends processes, lets days go by
 * and turns the clock back. After each schedule, somebody who comes anew must find whole whatever
 * was reported, and nothing that was reported as forgotten.
 *
 * HF_SCHEDULES: how many; else as many as a moment allows. HF_TEST_SEED: the first one's seed; a
 * failure prints its own, and every step.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/pool.h"
#include "backend/base/talk.h"
#include "backend/base/time.h"
#include "backend/format/key.h"
#include "backend/repo/forget.h"
#include "tests/lib/numbered.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define HOUR (3600 * HF_NS_PER_S)
#define DAY (24 * HOUR)
#define CACHE ((size_t)1 << 20)
#define MACHINES 4
#define RUNS 3 /* of a machine, one after the other */
#define MOST 64
#define SCHEDULES 300
#define MOMENT (15 * HF_NS_PER_S)

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
	pthread_t thread;
	pthread_cond_t go;
	uint64_t random;
	enum hf_store_call at; /* stopped before it */
	bool ended, killed;    /* killed: every call fails until the next run */
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

	pthread_mutex_t lock;
	pthread_cond_t back;
	struct machine *turn; /* NULL: the scheduler's */
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

/* ---- one machine ---- */

static void hand_over(struct machine *machine)
{
	struct world *world = machine->world;

	pthread_mutex_lock(&world->lock);
	world->turn = NULL;
	pthread_cond_signal(&world->back);
	while (!machine->ended && world->turn != machine)
		pthread_cond_wait(&machine->go, &world->lock);
	pthread_mutex_unlock(&world->lock);
}

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

static struct hf_error *before_call(void *arg, enum hf_store_call call, const char *name)
{
	struct world *world = arg;

	if (!me)
		return NULL;
	me->at = call;
	if (!me->killed)
		hand_over(me);
	if (me->killed)
		return hf_error_new(HF_SYSTEM, "the process was ended");
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
	HF_FREED char *cache =
		hf_format("%s/machine-%u", machine->world->small.dir, machine->number);
	HF_OWNED(hf_repo) repo = NULL;
	const unsigned what = below(&machine->random, 8);

	HF_TRY(hf_small_try(&machine->world->small, cache, &repo));
	if (what < 3)
		return back_up(machine, repo);
	if (what < 4)
		return forget(machine, repo);
	return what < 7 ? prune(machine, repo) : read_all(repo);
}

static void *live(void *arg)
{
	struct machine *machine = arg;

	me = machine;
	hand_over(machine);
	for (unsigned i = 0; i < RUNS; i++) {
		struct hf_error *err = one_run(machine);

		note(machine->world, "ends", err ? hf_error_text(err) : "well");
		hf_error_free(err); /* nothing was promised: what was, is looked at in the end */
		machine->killed = false;
	}
	machine->ended = true;
	hand_over(machine);
	return NULL;
}

/* ---- the scheduler ---- */

static void set_clock(struct world *world, int64_t now)
{
	world->now = now;
	world->latest = HF_MAX(world->latest, now);
	hf_time_set(now);
}

/* Forward by days; back by less than the day that commits may be ahead of the clock. */
static void turn_clock(struct world *world)
{
	if (below(&world->random, 4) == 0)
		set_clock(world, world->latest - below(&world->random, 20) * HOUR);
	else
		set_clock(world, world->latest + below(&world->random, 100) * HOUR);
	hf_buf_printf(&world->steps, "the clock: %lld h\n", (long long)(world->now / HOUR));
}

static void wait_for_turn(struct world *world)
{
	while (world->turn)
		pthread_cond_wait(&world->back, &world->lock);
	pthread_mutex_unlock(&world->lock);
}

static void run_on(struct world *world, struct machine *machine)
{
	pthread_mutex_lock(&world->lock);
	world->turn = machine;
	pthread_cond_signal(&machine->go);
	wait_for_turn(world);
}

static struct machine *choose(struct world *world)
{
	struct machine *alive[MACHINES];
	unsigned n = 0;

	for (unsigned i = 0; i < MACHINES; i++)
		if (!world->machines[i].ended)
			alive[n++] = &world->machines[i];
	return n ? alive[below(&world->random, n)] : NULL;
}

/* To the next call that others may see or that tells of them, most often. */
static void run_burst(struct world *world, struct machine *machine)
{
	for (unsigned left = 1u << below(&world->random, 10); left && !machine->ended; left--) {
		set_clock(world, world->now + HF_NS_PER_S / 8);
		run_on(world, machine);
		if (machine->at & (HF_CALL_PUT | HF_CALL_LIST) && below(&world->random, 4) == 0)
			return;
	}
}

/* In bursts: who waits meanwhile sleeps for long. */
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
		run_burst(world, machine);
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

/* A pack that is to go, and that backups would rely on; old enough. */
static void begin_history(struct world *world)
{
	struct hf_repo *repo = world->small.repo;
	uint8_t ids[1][HF_SNAPSHOT_ID_LEN];

	ck_ok(hf_numbered_backup(repo, "files/a", ++world->moments, 0x3ff, ids[0]));
	ck_ok(hf_numbered_backup(repo, "files/a", ++world->moments, 0xc00, NULL));
	ck_ok(hf_forget(repo, ids, 1));
	find(world, ids[0])->attempted = find(world, ids[0])->forgotten = true;
	set_clock(world, world->now + 4 * DAY);
}

static void run(uint64_t seed)
{
	struct world world = {.random = seed};
	uint8_t entropy[32] = {0};

	memcpy(entropy, &seed, sizeof(seed));
	hf_random_seed(entropy);
	set_clock(&world, 1800000000 * HF_NS_PER_S);
	hf_small_init(&world.small, 1);
	begin_history(&world);
	pthread_mutex_init(&world.lock, NULL);
	pthread_cond_init(&world.back, NULL);
	hf_mem_hook(world.small.mem, before_call, &world);
	for (unsigned i = 0; i < MACHINES; i++) {
		struct machine *machine = &world.machines[i];

		*machine = (struct machine){.world = &world, .number = i};
		machine->random = hf_test_random(&world.random);
		pthread_cond_init(&machine->go, NULL);
		pthread_mutex_lock(&world.lock);
		world.turn = machine;
		ck_assert_int_eq(pthread_create(&machine->thread, NULL, live, machine), 0);
		wait_for_turn(&world);
	}
	schedule(&world);
	for (unsigned i = 0; i < MACHINES; i++)
		pthread_join(world.machines[i].thread, NULL);
	set_clock(&world, world.latest + DAY);
	struct hf_error *err = expect_after_prunes(&world);

	if (err)
		fprintf(stderr, "%.*sHF_TEST_SEED=%llu\n", (int)world.steps.len,
			(const char *)world.steps.at, (unsigned long long)seed);
	ck_ok(err);
	hf_buf_release(&world.steps);
	hf_small_end(&world.small);
}

START_TEST(no_order_of_calls_loses_what_was_reported)
{
	const char *wish = getenv("HF_SCHEDULES");
	const unsigned long most = wish ? strtoul(wish, NULL, 10) : SCHEDULES;
	const uint64_t seed = hf_test_seed();
	const int64_t begun = hf_time_monotonic();
	unsigned long done = 0;

	for (; done < most && (wish || hf_time_monotonic() - begun < MOMENT); done++)
		run(seed + done);
	fprintf(stderr, "%lu schedules\n", done);
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
