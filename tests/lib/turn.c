#include "tests/lib/turn.h"

#include "tests/lib/test.h"

static void await(sem_t *turn)
{
	while (sem_wait(turn) != 0)
		; /* a signal came */
}

static void *run(void *arg)
{
	struct hf_turn *turn = arg;

	await(&turn->go);
	turn->run(turn->arg);
	turn->ended = true;
	sem_post(&turn->back);
	return NULL;
}

void hf_turn_begin(struct hf_turn *turn, void (*each)(void *arg), void *arg)
{
	turn->run = each;
	turn->arg = arg;
	turn->ended = false;
	sem_init(&turn->go, 0, 0);
	sem_init(&turn->back, 0, 0);
	ck_assert_int_eq(pthread_create(&turn->thread, NULL, run, turn), 0);
}

void hf_turn_go(struct hf_turn *turn)
{
	sem_post(&turn->go);
	await(&turn->back);
}

void hf_turn_give_back(struct hf_turn *turn)
{
	sem_post(&turn->back);
	await(&turn->go);
}

void hf_turn_end(struct hf_turn *turn)
{
	pthread_join(turn->thread, NULL);
	sem_destroy(&turn->go);
	sem_destroy(&turn->back);
}
