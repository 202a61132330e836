/*
 * Prune needs no lock because everybody keeps to an order. Each row here is the shortest way in
 * which content is lost without one of the rules: one process is stopped at a call, and others go
 * on meanwhile. Whatever comes of it, what was reported as done stays done.
 */
#include <string.h>

#include "backend/base/time.h"
#include "backend/repo/forget.h"
#include "backend/repo/prune.h"
#include "backend/tree/mark.h"
#include "tests/lib/numbered.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"
#include "tests/lib/turn.h"

#define DAY (24 * 3600 * HF_NS_PER_S)
#define CACHE ((size_t)1 << 20)

/* In the setup: "files/a" had OLD, which was forgotten and is alone in its pack, and has KEPT. */
#define OLD 0x00ffu
#define KEPT 0xf000u
#define FRESH 0xf0000u

enum actor {
	NOBODY,
	BACKUP_OLD,   /* of "files/b", needs only what the old pack has */
	BACKUP_FRESH, /* of "files/b", needs nothing that is there */
	BACKUP_HEIR,  /* of "files/a", takes over what its parent reaches without putting it */
	BACKUP_SAME,  /* of "files/d", needs what BACKUP_FRESH needs */
	FORGET,       /* of the first of "files/c" */
	PRUNE,        /* all three steps */
};

/* What the others do meanwhile: one letter each, by machines of their own. */
#define ANNOUNCE "a"
#define SETTLE "s"
#define SWEEP "w"
#define DAYS "d"  /* four days go by */
#define OTHER "b" /* another backup of KEPT, whole */
#define DROP "f"  /* forgets the parent that BACKUP_HEIR relies on */
#define BACK "k"  /* the clock is turned back by two days */
#define WAIT "p"  /* announces what no commit names, and lets the packs of commits be */

static const struct row {
	const char *rule;
	enum actor actor;
	const char *first; /* by others, after the actor has read the state, before it goes on */
	enum hf_store_call call;
	const char *prefix; /* the actor is stopped before the at-th such call */
	unsigned at;
	const char *then;
	enum hf_error_kind expect; /* 0: success */
} rows[] = {
	{"a commit is looked at after it was put", BACKUP_OLD, "", HF_CALL_PUT, "commits/", 1,
		ANNOUNCE SETTLE SWEEP, HF_TRANSIENT},
	{"a commit that a cutoff has passed by is none", BACKUP_FRESH, "", HF_CALL_PUT, "commits/",
		1, DAYS ANNOUNCE SETTLE SWEEP, HF_TRANSIENT},
	{"cutoffs count when they are announced", BACKUP_FRESH, "", HF_CALL_PUT, "commits/", 1,
		DAYS ANNOUNCE, HF_TRANSIENT},
	{"the last commit is looked at, too", BACKUP_FRESH, "", HF_CALL_PUT, "commits/", 2,
		DAYS ANNOUNCE SETTLE SWEEP, HF_TRANSIENT},
	{"the last commit and an announced cutoff", BACKUP_FRESH, "", HF_CALL_PUT, "commits/", 2,
		DAYS ANNOUNCE, HF_TRANSIENT},
	{"a look that has listed before the checkpoint", BACKUP_OLD, "", HF_CALL_LIST,
		"checkpoints", 2, ANNOUNCE SETTLE SWEEP, 0},
	{"a look that begins after the checkpoint", BACKUP_OLD, "", HF_CALL_LIST, "commits/", 2,
		ANNOUNCE SETTLE SWEEP, 0},
	{"what is announced is absent for a look", BACKUP_OLD, "", HF_CALL_PUT, "commits/", 1,
		ANNOUNCE, HF_TRANSIENT},
	{"what is announced is absent for who begins", BACKUP_OLD, ANNOUNCE, HF_CALL_PUT,
		"commits/", 1, SETTLE SWEEP, 0},
	{"what no commit names is announced before it goes", BACKUP_FRESH, "", HF_CALL_PUT,
		"commits/", 1, ANNOUNCE DAYS ANNOUNCE, HF_TRANSIENT},
	{"the parent is looked at", BACKUP_HEIR, "", HF_CALL_PUT, "commits/", 1,
		DROP DAYS ANNOUNCE SETTLE SWEEP, HF_TRANSIENT},
	{"the parent is looked at after the last commit", BACKUP_HEIR, "", HF_CALL_PUT, "commits/",
		2, DROP, HF_TRANSIENT},
	{"a tombstone is looked at", FORGET, "", HF_CALL_PUT, "commits/", 1,
		DAYS ANNOUNCE SETTLE SWEEP, 0},
	{"a tombstone and an announced cutoff", FORGET, "", HF_CALL_PUT, "commits/", 1,
		DAYS ANNOUNCE, 0},
	{"a tombstone and what it names in one checkpoint", FORGET, "", HF_CALL_LIST, "commits/", 1,
		DAYS ANNOUNCE SETTLE SWEEP, 0},
	{"a checkpoint that is not the next one is not made", PRUNE, ANNOUNCE, HF_CALL_PUT,
		"checkpoints", 1, OTHER ANNOUNCE SETTLE, 0},
	{"a checkpoint below the highest is void", PRUNE, ANNOUNCE, HF_CALL_PUT, "checkpoints", 1,
		SETTLE OTHER ANNOUNCE SETTLE SWEEP, 0},
	{"who announced and was settled stops", PRUNE, "", HF_CALL_LIST, "commits/", 3,
		SETTLE SWEEP, 0},
	{"commits that come while one settles", PRUNE, ANNOUNCE, HF_CALL_PUT, "checkpoints", 1,
		OTHER, 0},
	{"commits that come while one sweeps", PRUNE, ANNOUNCE, HF_CALL_REMOVE, "", 1,
		OTHER ANNOUNCE SETTLE SWEEP, 0},
};

static struct hf_small small;
static uint8_t parent[HF_SNAPSHOT_ID_LEN], dropped[HF_SNAPSHOT_ID_LEN];

static void forget_one(struct hf_repo *repo, const uint8_t id[HF_SNAPSHOT_ID_LEN])
{
	uint8_t ids[1][HF_SNAPSHOT_ID_LEN];

	memcpy(ids[0], id, HF_SNAPSHOT_ID_LEN);
	ck_ok(hf_forget(repo, ids, 1));
}

static void setup(void)
{
	uint8_t first[HF_SNAPSHOT_ID_LEN];

	hf_small_init(&small, 1);
	ck_ok(hf_numbered_backup(small.repo, "files/c", 1, 0x100000, dropped));
	ck_ok(hf_numbered_backup(small.repo, "files/c", 2, KEPT, NULL));
	ck_ok(hf_numbered_backup(small.repo, "files/a", 3, OLD, first));
	ck_ok(hf_numbered_backup(small.repo, "files/a", 4, 0x3000000, parent));
	ck_ok(hf_numbered_backup(small.repo, "files/a", 5, KEPT, NULL));
	forget_one(small.repo, first);
	hf_mem_pass(small.mem, 4);
}

static void teardown(void)
{
	hf_small_end(&small);
}

/* ---- the others ---- */

static void maintain(char step)
{
	HF_OWNED(hf_repo) repo = hf_small_open(&small);
	HF_OWNED(hf_reader) reader = NULL;
	HF_OWNED(hf_prune) prune = NULL;

	ck_ok(hf_reader_open(repo, CACHE, 0, &reader));
	HF_OWNED(hf_marker) marker = hf_marker_new(reader, NULL, NULL);
	/* The shortest wait there is: whoever is caught by it, safety never rests on waiting. */
	const struct hf_prune_options options = {
		.grace = step == *WAIT ? 100 * DAY : 0, .mark = hf_mark_live, .arg = marker};

	ck_ok(hf_prune_begin(repo, &options, &prune));
	if (step == *ANNOUNCE || step == *WAIT) {
		ck_ok(hf_prune_judge(prune));
		ck_ok(hf_prune_announce(prune));
	} else if (step == *SETTLE) {
		ck_ok(hf_prune_settle(prune));
	} else {
		ck_ok(hf_prune_sweep(prune));
	}
}

static void others(const char *steps)
{
	for (; *steps; steps++) {
		if (*steps == *DAYS || *steps == *BACK) {
			hf_mem_pass(small.mem, *steps == *DAYS ? 4 : -2);
		} else if (*steps == *OTHER || *steps == *DROP) {
			HF_OWNED(hf_repo) repo = hf_small_open(&small);

			if (*steps == *DROP)
				forget_one(repo, parent);
			else
				ck_ok(hf_numbered_backup(repo, "files/d", 9, KEPT | 1, NULL));
		} else {
			maintain(*steps);
		}
	}
}

struct stop {
	const struct row *row;
	unsigned met;
};

static struct hf_error *stop_there(void *arg, enum hf_store_call call, const char *name)
{
	struct stop *stop = arg;
	const struct row *row = stop->row;

	if (call != row->call || strncmp(name, row->prefix, strlen(row->prefix)) != 0 ||
		++stop->met != row->at)
		return NULL;
	hf_mem_hook(small.mem, NULL, NULL);
	others(row->then);
	return NULL;
}

/* ---- the one that is stopped ---- */

static hf_err publish_and_look(struct hf_writer *writer)
{
	HF_TRY(hf_writer_publish(writer));
	return hf_writer_look(writer);
}

/* Its directory names a chunk that it does not put, for its parent reaches it. */
static hf_err back_up_heir(struct hf_repo *repo)
{
	const struct hf_numbered_snapshot heir = {.source = "files/a", .moment = 8};
	HF_OWNED(hf_writer) writer = hf_small_writer(repo);
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots all;
	struct hf_entry root = {0};

	ck_ok(hf_history_snapshots(repo, "files/a", &arena, &all));
	for (size_t i = 0; i < all.n; i++)
		if (memcmp(all.at[i].id, parent, sizeof(parent)) == 0)
			ck_ok(hf_entry_parse_alone(all.at[i].snapshot.root, &arena, &root));
	ck_assert_uint_gt(root.size, 0);
	hf_writer_inherit(writer, parent);
	HF_TRY(hf_numbered_add(writer, &heir, &root, false, NULL));
	HF_TRY(publish_and_look(writer));
	HF_TRY(hf_numbered_add(writer, &heir, &root, true, NULL));
	return publish_and_look(writer);
}

static hf_err act(enum actor actor, struct hf_repo *repo)
{
	uint8_t ids[1][HF_SNAPSHOT_ID_LEN];

	switch (actor) {
	case BACKUP_OLD:
		return hf_numbered_backup(repo, "files/b", 8, OLD, NULL);
	case BACKUP_FRESH:
		return hf_numbered_backup(repo, "files/b", 8, FRESH, NULL);
	case BACKUP_HEIR:
		return back_up_heir(repo);
	case BACKUP_SAME:
		return hf_numbered_backup(repo, "files/d", 7, FRESH, NULL);
	case FORGET:
		memcpy(ids[0], dropped, sizeof(dropped));
		return hf_forget(repo, ids, 1);
	case PRUNE:
		return hf_numbered_prune(repo, 0, NULL);
	default:
		return NULL;
	}
}

/* ---- what must hold ---- */

/* How often each moment is shown to somebody who comes anew; whatever is, is whole. */
static void look_at_all(unsigned moments[10])
{
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);
	HF_OWNED(hf_reader) reader = NULL;
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots all;
	hf_files files;
	size_t kept = 0;

	ck_ok(hf_reader_open(fresh, CACHE, 0, &reader));
	ck_ok(hf_history_snapshots(fresh, NULL, &arena, &all));
	for (size_t i = 0; i < all.n; i++) {
		ck_ok(hf_numbered_read(reader, &all.at[i], &files));
		moments[all.at[i].snapshot.moment]++;
		kept += files == KEPT;
	}
	ck_assert_uint_eq(kept, 2);
	ck_ok(hf_numbered_check(fresh));
}

static void expect(enum actor actor, bool done)
{
	unsigned moments[10] = {0};

	look_at_all(moments);
	if (done && actor == BACKUP_SAME)
		ck_assert_uint_eq(moments[7], 1);
	else if (done && actor <= BACKUP_HEIR)
		ck_assert_uint_eq(moments[8], 1);
	if (actor == FORGET)
		ck_assert_uint_eq(moments[1], 0);
}

START_TEST(each_rule_holds)
{
	const struct row *row = &rows[_i];
	struct stop stop = {.row = row};
	HF_OWNED(hf_repo) early = hf_small_open(&small);

	others(row->first);
	hf_mem_hook(small.mem, stop_there, &stop);
	struct hf_error *err = act(row->actor, early);

	hf_mem_hook(small.mem, NULL, NULL);
	ck_assert_msg(stop.met >= row->at, "%s: it was never stopped", row->rule);
	ck_assert_msg((err ? hf_error_kind(err) : 0) == row->expect, "%s: %s", row->rule,
		err ? hf_error_text(err) : "done");
	const bool done = !err;

	hf_error_free(err); /* as expected */
	expect(row->actor, done);
	for (int i = 0; i < 2; i++) {
		others(DAYS ANNOUNCE SETTLE SWEEP);
		expect(row->actor, done);
	}
}
END_TEST

/* ---- several that are stopped ---- */

#define MOST_STEPS 8
#define PLAYERS 3

/*
 * A player goes on until it is about to make such a call for the at-th time from there on; call 0:
 * to its end. With "then" it is others' turn. Whoever is left goes on last.
 */
struct step {
	unsigned who;
	enum hf_store_call call;
	const char *prefix;
	unsigned at;
	const char *then;
	bool perhaps; /* it may end before */
};

static const struct trace {
	const char *rule;
	enum actor players[PLAYERS];
	enum hf_error_kind expect[PLAYERS];
	struct step steps[MOST_STEPS];
} traces[] = {
	{"who finds the next checkpoint made looks anew", {BACKUP_FRESH, PRUNE}, {0, 0},
		{{0, HF_CALL_PUT, "commits/", 2}, {.then = DAYS},
			{1, HF_CALL_PUT, "checkpoints", 1}, {0, HF_CALL_LIST, "checkpoints", 1},
			{.then = SETTLE}, {0}, {1}}},
	{"a checkpoint is void if there is a higher one", {BACKUP_OLD, PRUNE}, {0, 0},
		{{0, HF_CALL_PUT, "commits/", 1}, {1, HF_CALL_PUT, "checkpoints", 1},
			{0, HF_CALL_LIST, "checkpoints", 1}, {.then = SETTLE}, {0},
			{.then = DROP ANNOUNCE SETTLE SWEEP}, {1}}},
	{"a commit names the packs that the checkpoint lacks", {BACKUP_FRESH, PRUNE, BACKUP_SAME},
		{HF_TRANSIENT, 0, 0},
		{{0, HF_CALL_LIST, "keyring", 2}, {.then = BACK}, {0, HF_CALL_PUT, "commits/", 1},
			{.then = DAYS}, {1, HF_CALL_PUT, "checkpoints", 1},
			{0, HF_CALL_LIST, "commits/", 1}, {2}, {1}}},
	{"an announcement that was settled is over for who made it", {BACKUP_OLD, PRUNE}, {0, 0},
		{{0, HF_CALL_PUT, "commits/", 1}, {1, HF_CALL_PUT, "commits/", 1},
			{1, HF_CALL_LIST, "checkpoints", 1}, {0, HF_CALL_LIST, "checkpoints", 1},
			{.then = SETTLE}, {0}, {1}}},
	{"an announcement that a cutoff passed by is over for who made it",
		{BACKUP_OLD, PRUNE, BACKUP_FRESH}, {0, 0, HF_TRANSIENT},
		{{2, HF_CALL_PUT, "commits/", 1}, {1, HF_CALL_PUT, "commits/", 1},
			{.then = DAYS WAIT SETTLE},
			{1, HF_CALL_PUT, "checkpoints", 1, .perhaps = true}, {0}, {1}}},
	{"checkpoints keep the names of swept packs", {BACKUP_FRESH, PRUNE}, {HF_TRANSIENT, 0},
		{{0, HF_CALL_LIST, "keyring", 2}, {.then = DAYS},
			{1, HF_CALL_PUT, "checkpoints", 1}, {0, HF_CALL_LIST, "checkpoints", 1},
			{1}, {.then = DROP ANNOUNCE SETTLE SWEEP}, {0}}},
};

struct player {
	struct hf_turn turn;
	enum actor actor;
	struct hf_repo *repo;
	const struct step *step; /* that it is in; NULL: to its end */
	unsigned met;
	struct hf_error *err;
};

static _Thread_local struct player *player; /* NULL: the test itself */

static struct hf_error *wait_there(void *arg, enum hf_store_call call, const char *name)
{
	(void)arg;
	if (!player)
		return NULL;
	const struct step *step = player->step;

	if (step->call == call && strncmp(name, step->prefix, strlen(step->prefix)) == 0 &&
		++player->met == step->at)
		hf_turn_give_back(&player->turn);
	return NULL;
}

static void play(void *arg)
{
	player = arg;
	player->err = act(player->actor, player->repo);
}

static void go(struct player *who, const struct step *step)
{
	if (who->turn.ended)
		return;
	who->step = step;
	who->met = 0;
	hf_turn_go(&who->turn);
	ck_assert(step->perhaps || who->turn.ended == (step->call == 0));
}

static void end(struct player *who, const char *rule, enum hf_error_kind expected)
{
	static const struct step to_its_end = {0};

	go(who, &to_its_end);
	hf_turn_end(&who->turn);
	ck_assert_msg((who->err ? hf_error_kind(who->err) : 0) == expected, "%s: %s", rule,
		who->err ? hf_error_text(who->err) : "done");
	hf_repo_free(who->repo);
}

static void expect_all(const struct player *players)
{
	for (size_t i = 0; i < PLAYERS && players[i].actor; i++)
		expect(players[i].actor, !players[i].err);
}

START_TEST(each_trace_is_harmless)
{
	const struct trace *trace = &traces[_i];
	struct player players[PLAYERS] = {0};

	for (size_t i = 0; i < PLAYERS && trace->players[i]; i++) {
		players[i].actor = trace->players[i];
		players[i].repo = hf_small_open(&small);
		hf_turn_begin(&players[i].turn, play, &players[i]);
	}
	hf_mem_hook(small.mem, wait_there, NULL);
	for (size_t i = 0; i < MOST_STEPS; i++) {
		const struct step *step = &trace->steps[i];

		if (step->then)
			others(step->then);
		else
			go(&players[step->who], step);
	}
	for (size_t i = 0; i < PLAYERS && trace->players[i]; i++)
		end(&players[i], trace->rule, trace->expect[i]);
	hf_mem_hook(small.mem, NULL, NULL);
	expect_all(players);
	for (int i = 0; i < 2; i++) {
		others(DAYS ANNOUNCE SETTLE SWEEP);
		expect_all(players);
	}
	for (size_t i = 0; i < PLAYERS; i++)
		hf_error_free(players[i].err); /* as expected */
}
END_TEST

/* The snapshot that it names is its source's last one in the checkpoint, and shown there. */
START_TEST(checkpoints_keep_tombstones)
{
	uint8_t id[HF_SNAPSHOT_ID_LEN];
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots all;

	ck_ok(hf_numbered_backup(small.repo, "files/e", 20, FRESH, id));
	forget_one(small.repo, id);
	hf_mem_pass(small.mem, 4);
	ck_ok(hf_numbered_backup(small.repo, "files/e", 21, KEPT, NULL));
	for (int i = 0; i < 3; i++) {
		HF_OWNED(hf_repo) fresh = NULL;

		others(ANNOUNCE SETTLE SWEEP);
		fresh = hf_small_open(&small);
		ck_ok(hf_history_snapshots(fresh, "files/e", &arena, &all));
		ck_assert_uint_eq(all.n, 1);
		ck_assert_int_eq(all.at[0].snapshot.moment, 21);
		hf_mem_pass(small.mem, 4);
		others(i ? DROP : DAYS);
	}
}
END_TEST

static struct hf_repo *open_shared(void)
{
	HF_FREED char *cache = hf_format("%s/shared", small.dir);
	struct hf_repo *repo;

	ck_ok(hf_small_try(&small, cache, &repo));
	return repo;
}

/* Of two processes with one catalog the other one has taken in the checkpoint. */
START_TEST(a_late_commit_does_not_count_in_a_catalog_that_two_share)
{
	static const struct row late = {"", BACKUP_FRESH, "", HF_CALL_PUT, "commits/", 2,
		DAYS ANNOUNCE SETTLE, HF_TRANSIENT};
	struct stop stop = {.row = &late};
	HF_OWNED(hf_repo) writer = hf_small_open(&small);
	HF_OWNED(hf_repo) one = open_shared();
	HF_OWNED(hf_repo) other = open_shared();
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots all;

	hf_mem_hook(small.mem, stop_there, &stop);
	ck_fails(HF_TRANSIENT, act(late.actor, writer));
	/* Not the commit, which comes only now for the one. */
	ck_ok(hf_repo_sync(other, NULL));
	ck_ok(hf_repo_sync(one, NULL));
	ck_ok(hf_history_snapshots(one, "files/b", &arena, &all));
	ck_assert_uint_eq(all.n, 0);
}
END_TEST

/* What a checkpoint contains may be deleted once that stands: so commits are listed first. */
START_TEST(who_lists_commits_while_they_are_swept_misses_no_snapshot)
{
	static const struct row swept = {
		"", NOBODY, "", HF_CALL_LIST, "commits/", 1, DAYS ANNOUNCE SETTLE SWEEP, 0};
	struct stop stop = {.row = &swept};
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots all;

	hf_mem_hook(small.mem, stop_there, &stop);
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_assert_uint_eq(stop.met, 1);
	ck_ok(hf_history_snapshots(fresh, NULL, &arena, &all));
	ck_assert_uint_eq(all.n, 4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("prune_rules");
	TCase *tests = hf_test_case(suite, "rules");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, each_rule_holds, 0, (int)ARRAY_LEN(rows));
	tcase_add_loop_test(tests, each_trace_is_harmless, 0, (int)ARRAY_LEN(traces));
	tcase_add_test(tests, checkpoints_keep_tombstones);
	tcase_add_test(tests, who_lists_commits_while_they_are_swept_misses_no_snapshot);
	tcase_add_test(tests, a_late_commit_does_not_count_in_a_catalog_that_two_share);
	return hf_test_run_suite(suite);
}
