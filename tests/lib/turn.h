/*
 * Threads of which one runs, ever: each has its turn until it gives it back. So what they do
 * together has one order, which the owner decides.
 */
#ifndef HF_TESTS_LIB_TURN_H
#define HF_TESTS_LIB_TURN_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

struct hf_turn {
	pthread_t thread;
	sem_t go, back;
	void (*run)(void *arg);
	void *arg;
	bool ended;
};

/* Does not run yet. It must not move until the end. */
void hf_turn_begin(struct hf_turn *turn, void (*run)(void *arg), void *arg);
/* By the owner: until it gives its turn back, or has ended. */
void hf_turn_go(struct hf_turn *turn);
/* In the thread: returns when it is its turn again. */
void hf_turn_give_back(struct hf_turn *turn);
/* By the owner, once it has ended. */
void hf_turn_end(struct hf_turn *turn);

#endif
