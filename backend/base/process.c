/* Another program: its input, its output and its status. */
#include "backend/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backend/base/fd.h"

#define READ_STEP 4096u

extern char **environ;

struct child {
	pid_t pid;
	int to, from; /* its stdin and stdout */
};

static void child_release(struct child *child)
{
	hf_fd_close_at(&child->to);
	hf_fd_close_at(&child->from);
}

static hf_err start(struct child *child, const char *const *argv)
{
	HF_FD theirs_in = -1;
	HF_FD theirs_out = -1;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return hf_error_sys("making a pipe");
	theirs_in = ends[0];
	child->to = ends[1];
	if (pipe2(ends, O_CLOEXEC))
		return hf_error_sys("making a pipe");
	child->from = ends[0];
	theirs_out = ends[1];

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, theirs_in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, theirs_out, STDOUT_FILENO);
	/* posix_spawn does not change the strings, its prototype is older than const. */
	errno = posix_spawnp(
		&child->pid, argv[0], &files, &attributes, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return errno ? hf_error_as(hf_error_sys("starting it"), HF_SYSTEM) : NULL;
}

/* Writes what fits; a child that does not want its input (EPIPE) is fine. */
static hf_err feed(struct child *child, struct hf_span *input)
{
	ssize_t n = write(child->to, input->at, input->len);

	if (n < 0 && errno != EPIPE && errno != EAGAIN && errno != EINTR)
		return hf_error_sys("writing to it");
	if (n > 0)
		*input = hf_span(input->at + n, input->len - (size_t)n);
	if (!input->len || (n < 0 && errno == EPIPE))
		hf_fd_close_at(&child->to);
	return NULL;
}

/* Reads what is there, up to max bytes in all. */
static hf_err collect(struct child *child, size_t *left, struct hf_buf *out)
{
	ssize_t n;

	hf_buf_reserve(out, READ_STEP);
	n = read(child->from, out->at + out->len, READ_STEP);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return hf_error_sys("reading from it");
	if (n == 0)
		hf_fd_close_at(&child->from);
	if (n > 0 && (size_t)n > *left)
		return hf_error_new(HF_INVALID, "it printed too much");
	if (n > 0) {
		out->len += (size_t)n;
		*left -= (size_t)n;
	}
	return NULL;
}

static hf_err exchange(struct child *child, struct hf_span input, size_t max, struct hf_buf *out)
{
	if (fcntl(child->to, F_SETFL, O_NONBLOCK))
		return hf_error_sys("preparing its input");
	if (!input.len)
		hf_fd_close_at(&child->to);
	while (child->from >= 0) {
		struct pollfd ends[] = {{.fd = child->from, .events = POLLIN},
			{.fd = child->to, .events = POLLOUT}}; /* poll passes over fd -1 */

		if (poll(ends, 2, -1) < 0 && errno != EINTR)
			return hf_error_sys("waiting for it");
		if (ends[1].revents)
			HF_TRY(feed(child, &input));
		if (ends[0].revents)
			HF_TRY(collect(child, &max, out));
	}
	return NULL;
}

static hf_err wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return hf_error_sys("waiting for its end");
	if (WIFSIGNALED(status))
		return hf_error_new(HF_SYSTEM, "it was ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status))
		return hf_error_new(HF_SYSTEM, "it ended with status %d", WEXITSTATUS(status));
	return NULL;
}

static hf_err run(const char *const *argv, struct hf_span input, size_t max, struct hf_buf *out)
{
	HF_RELEASED(child) child = {.to = -1, .from = -1};
	struct hf_error *err, *ended;

	HF_TRY(start(&child, argv));
	err = exchange(&child, input, max, out);
	if (err)
		kill(child.pid, SIGKILL);
	child_release(&child);
	ended = wait_for(child.pid);
	if (!err)
		return ended;
	hf_error_free(ended); /* it was killed here */
	return err;
}

hf_err hf_process_run(const char *const *argv, struct hf_span input, size_t max, struct hf_buf *out)
{
	static const struct timespec at_once;
	size_t before = out->len;
	sigset_t pipe_only, old, pending;
	struct hf_error *err;
	bool was_pending;

	/* A child that ends early must not end us: this thread holds SIGPIPE back and takes it
	 * away. */
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, &old);

	err = run(argv, input, max, out);

	if (!was_pending)
		sigtimedwait(&pipe_only, NULL, &at_once);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		out->len = before;
	return hf_error_in(err, "running %s", argv[0]);
}
