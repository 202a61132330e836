#include "fs/fuse/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/talk.h"
#include "fs/fuse/session.h"

/* ---- the parent that waits ---- */

struct hf_mount_parent {
	int pipe; /* to it: one byte of status, then a message */
};

static void wait_for_child(int from, pid_t child)
{
	uint8_t bytes[4096];
	size_t got = 0;
	struct hf_error *err = hf_fd_read(from, bytes, sizeof(bytes) - 1, &got);
	int status = 0;

	if (err || got == 0) {
		hf_error_free(err); /* said better below */
		waitpid(child, &status, 0);
		hf_log(HF_ERROR, "the mount's daemon ended before it was ready", NULL);
		_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1);
	}
	bytes[got] = 0;
	if (bytes[0] != 0)
		hf_log(HF_ERROR, (const char *)bytes + 1, NULL);
	_exit(bytes[0]);
}

hf_err hf_mount_detach(struct hf_mount_parent **out)
{
	int ends[2];

	fflush(NULL);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return hf_error_sys("mount: a pipe");
	const pid_t child = fork();

	if (child < 0) {
		close(ends[0]);
		close(ends[1]);
		return hf_error_sys("mount: fork");
	}
	if (child > 0) {
		close(ends[1]);
		wait_for_child(ends[0], child);
	}
	close(ends[0]);
	setsid();
	*out = hf_alloc(sizeof(**out));
	(*out)->pipe = ends[1];
	return NULL;
}

void hf_mount_ready(struct hf_mount_parent *parent)
{
	const uint8_t done = 0;

	if (!parent || parent->pipe < 0)
		return;
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
	hf_error_free(
		hf_fd_write(parent->pipe, &done, 1)); /* a parent that is gone needs no answer */
	close(parent->pipe);
	parent->pipe = -1;
}

void hf_mount_failed(struct hf_mount_parent *parent, const char *message, int exit_status)
{
	HF_FREED char *text = hf_format("%c%s", exit_status, message);

	if (parent->pipe >= 0)
		hf_error_free(hf_fd_write(parent->pipe, text, strlen(text))); /* as above */
	_exit(exit_status);
}

/* ---- the session ---- */

static void print_options(const struct hf_mount_options *options, struct hf_buf *out)
{
	hf_buf_printf(out, "ro,default_permissions,nosuid,nodev,subtype=holdfast,fsname=");
	/* A comma would end the name. */
	for (const char *at = options->name; *at; at++)
		hf_buf_printf(out, "%s%c", *at == ',' || *at == '\\' ? "\\" : "", *at);
	if (options->fuse_options)
		hf_buf_printf(out, ",%s", options->fuse_options);
}

static hf_err serve(struct hf_session *session)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const unsigned threads =
		session->options->threads ? session->options->threads : (unsigned)HF_MAX(cpus, 4);

	fuse_loop_cfg_set_clone_fd(config, 1);
	fuse_loop_cfg_set_max_threads(config, threads);
	fuse_loop_cfg_set_idle_threads(config, threads);
	session->handover = hf_handover_start(session);
	session->server = pthread_self();
	const int failed = fuse_session_loop_mt(session->fuse, config);

	fuse_loop_cfg_destroy(config);
	hf_refresh_stop(session);
	hf_handover_stop(session->handover);
	/* A signal that ended us gives a positive number: an end in good order. */
	return failed < 0 ? hf_error_new(HF_SYSTEM, "serving the mount: %s", strerror(-failed))
			  : NULL;
}

/* libfuse leaves alone what has a handler already, and the command's own only asks for a stop. */
static hf_err handle_signals(struct hf_session *session)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	return fuse_set_signal_handlers(session->fuse) == 0
		? NULL
		: hf_error_new(HF_SYSTEM, "mount: signal handlers");
}

/* libfuse does not know it. */
static hf_err follow_no_symlinks(const char *mountpoint)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSYMFOLLOW};

	if (mount_setattr(AT_FDCWD, mountpoint, 0, &attr, sizeof(attr)) == 0)
		return NULL;
	return errno == EPERM ? hf_error_new(HF_INVALID, "-o nosymfollow takes root")
			      : hf_error_sys("-o nosymfollow");
}

/* What libfuse has to say is said as all else is. */
static void say(enum fuse_log_level level, const char *format, va_list args)
{
	char text[256];
	int len = vsnprintf(text, sizeof(text), format, args);

	(void)level;
	for (len = HF_MIN(len, (int)sizeof(text) - 1); len > 0 && text[len - 1] == '\n'; len--)
		text[len - 1] = '\0';
	hf_log(HF_WARN, "libfuse", "said", text, NULL);
}

/* Over a file the kernel would take our root for a file. */
static hf_err check_mountpoint(const char *mountpoint)
{
	struct stat st;

	if (stat(mountpoint, &st) != 0)
		return hf_error_sys("can't mount at %s", mountpoint);
	return S_ISDIR(st.st_mode)
		? NULL
		: hf_error_new(HF_INVALID, "can't mount at %s: it is no directory", mountpoint);
}

static hf_err mount_and_serve(struct hf_session *session, struct fuse_args *args)
{
	session->fuse = fuse_session_new(args, &hf_fuse_ops, sizeof(hf_fuse_ops), session);
	if (!session->fuse)
		return hf_error_new(HF_INVALID, "the mount options were refused: %s",
			session->options->fuse_options ? session->options->fuse_options : "");
	struct hf_error *err = handle_signals(session);
	bool mounted = false;

	if (!err) {
		mounted = fuse_session_mount(session->fuse, session->options->mountpoint) == 0;
		if (!mounted)
			err = hf_error_new(
				HF_SYSTEM, "can't mount at %s", session->options->mountpoint);
	}
	if (!err && session->options->nosymfollow)
		err = follow_no_symlinks(session->options->mountpoint);
	if (!err)
		err = serve(session);
	if (mounted)
		fuse_session_unmount(session->fuse);
	fuse_remove_signal_handlers(session->fuse);
	fuse_session_destroy(session->fuse);
	return err;
}

hf_err hf_mount_run(struct hf_view *view, const struct hf_mount_options *options,
	struct hf_mount_parent *parent)
{
	HF_TRY(check_mountpoint(options->mountpoint));
	HF_RELEASED(hf_buf) text = {0};
	HF_OWNED(hf_inode_table) inodes = hf_inode_table_new(hf_view_root(view));
	struct hf_session session = {
		.options = options, .view = view, .inodes = inodes, .parent = parent};
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);

	print_options(options, &text);
	fuse_set_log_func(say);
	fuse_opt_add_arg(&args, "holdfast");
	fuse_opt_add_arg(&args, "-o");
	fuse_opt_add_arg(&args, hf_buf_text(&text));
	struct hf_error *err = mount_and_serve(&session, &args);

	fuse_opt_free_args(&args);
	return err;
}
