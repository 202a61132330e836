#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "fs/fuse/session.h"

#define READ_AHEAD_KB "1024"

/* Measured: about twice the cold throughput of the kernel's default. Needs root; without it our own
 * prefetch must do. */
static void raise_read_ahead(const struct stat *st)
{
	HF_FREED char *path = hf_format(
		"/sys/class/bdi/%u:%u/read_ahead_kb", major(st->st_dev), minor(st->st_dev));
	FILE *file = fopen(path, "we");

	if (!file)
		return;
	fputs(READ_AHEAD_KB, file);
	fclose(file);
}

/* stat() of our own mount comes back once the kernel has our INIT: then the mount is there. */
static void *refresh(void *arg)
{
	struct hf_session *session = arg;
	const struct hf_mount_options *options = session->options;
	struct stat st;

	if (stat(options->mountpoint, &st) == 0)
		raise_read_ahead(&st);
	hf_mount_ready(session->parent);
	for (unsigned tick = 1; !atomic_load(&session->stopping); tick++) {
		const struct timespec tenth = {.tv_nsec = 100000000};

		nanosleep(&tenth, NULL);
		/* libfuse looks whether it shall end, and then sleeps: a signal in between is
		 * noted and wakes nobody. */
		if (fuse_session_exited(session->fuse))
			pthread_kill(session->server, SIGTERM);
		if (tick % (10 * HF_MAX(options->refresh_s, 1)) != 0)
			continue;
		if (options->retry)
			options->retry(options->arg);
		hf_view_refresh(session->view);
	}
	return NULL;
}

void hf_refresh_start(struct hf_session *session)
{
	session->refreshing = pthread_create(&session->refresher, NULL, refresh, session) == 0;
}

void hf_refresh_stop(struct hf_session *session)
{
	atomic_store(&session->stopping, 1);
	if (session->refreshing)
		pthread_join(session->refresher, NULL);
}
