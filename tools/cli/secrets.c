#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/process.h"
#include "backend/base/talk.h"
#include "backend/format/limits.h"
#include "tools/cli/cli.h"
#include "tools/cli/split.h"

#define KEY_FILE_MAX (64u << 10)
#define NEW_KEY_LEN 64

void hf_cli_unlock_release(struct hf_cli_unlock *unlock)
{
	hf_secret_release(&unlock->secret);
}

static void take(struct hf_cli_unlock *out, enum hf_unlock_kind kind, struct hf_span bytes)
{
	hf_secret_set(&out->secret, bytes);
	out->unlock.kind = kind;
	out->unlock.secret = &out->secret;
}

static void wipe_buf(struct hf_buf *buf)
{
	hf_wipe(buf->at, buf->cap);
	hf_buf_release(buf);
}
#define WIPED __attribute__((cleanup(wipe_buf))) struct hf_buf

hf_err hf_cli_read_key_file(const char *path, struct hf_cli_unlock *out)
{
	WIPED bytes = {0};
	struct hf_error *err = hf_file_read(path, KEY_FILE_MAX, &bytes);

	if (err)
		return hf_error_in(err, "key file");
	if (bytes.len < HF_MIN_KEY_FILE)
		return hf_error_new(HF_INVALID,
			"key file %s has %zu bytes; at least %d random ones are needed", path,
			bytes.len, HF_MIN_KEY_FILE);
	take(out, HF_KEY_FILE, hf_buf_span(&bytes));
	return NULL;
}

hf_err hf_cli_run_key_command(const char *command, struct hf_cli_unlock *out)
{
	__attribute__((cleanup(hf_split_release))) struct hf_split words = {0};
	WIPED bytes = {0};
	struct hf_error *err = hf_split(command, &words);

	if (!err) {
		/* The buffer must not move while it grows: what it leaves behind is not wiped. */
		hf_buf_reserve(&bytes, 2 * KEY_FILE_MAX);
		err = hf_process_run(words.at, hf_span(NULL, 0), KEY_FILE_MAX, &bytes);
	}
	if (err)
		return hf_error_in(err, "key command");
	if (bytes.len < HF_MIN_KEY_FILE)
		return hf_error_new(HF_INVALID,
			"key command %s printed %zu bytes; at least %d random ones are needed",
			words.at[0], bytes.len, HF_MIN_KEY_FILE);
	take(out, HF_COMMAND_KEY, hf_buf_span(&bytes));
	return NULL;
}

hf_err hf_cli_read_passphrase_file(const char *path, struct hf_cli_unlock *out)
{
	WIPED bytes = {0};
	struct hf_error *err = hf_file_read(path, KEY_FILE_MAX, &bytes);

	if (err)
		return hf_error_in(err, "passphrase file");
	const uint8_t *end = bytes.len ? memchr(bytes.at, '\n', bytes.len) : NULL;
	size_t len = end ? (size_t)(end - bytes.at) : bytes.len;

	if (len > 0 && bytes.at[len - 1] == '\r')
		len--;
	if (len == 0)
		return hf_error_new(
			HF_INVALID, "passphrase file %s: its first line is empty", path);
	take(out, HF_PASSPHRASE, hf_span(bytes.at, len));
	return NULL;
}

/* Unlike hf_fd_read() this ends by a signal: who is asked may want to leave. */
static hf_err read_line(int tty, struct hf_buf *line)
{
	char c = 0;
	ssize_t got = 1;

	while (got == 1 && c != '\n') {
		got = read(tty, &c, 1);
		if (got == 1 && c != '\n')
			hf_buf_add(line, &c, 1);
	}
	if (got < 0 && errno == EINTR)
		return hf_error_new(HF_CANCELLED, "interrupted");
	return got < 0 ? hf_error_sys("asking for a passphrase") : NULL;
}

/* One line from the terminal, not shown while it is typed. */
static hf_err read_hidden(int tty, const char *prompt, struct hf_buf *line)
{
	struct termios shown, hidden;

	HF_TRY(hf_fd_write(tty, prompt, strlen(prompt)));
	if (tcgetattr(tty, &shown) != 0)
		return hf_error_sys("asking for a passphrase");
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(tty, TCSAFLUSH, &hidden);
	struct hf_error *err = read_line(tty, line);

	tcsetattr(tty, TCSAFLUSH, &shown);
	return err ? err : hf_fd_write(tty, "\n", 1);
}

static hf_err no_key(void)
{
	return hf_error_new(HF_INVALID,
		"no key, and no terminal to ask for a passphrase; hint: --key-file FILE, "
		"or set HOLDFAST_KEY_FILE");
}

hf_err hf_cli_ask_passphrase(const char *prompt, bool twice, struct hf_cli_unlock *out)
{
	HF_FD tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	WIPED first = {0};
	WIPED second = {0};

	if (tty < 0)
		return no_key();
	HF_TRY(read_hidden(tty, prompt, &first));
	if (first.len == 0)
		return hf_error_new(HF_INVALID, "the passphrase is empty");
	if (twice) {
		HF_TRY(read_hidden(tty, "Once more: ", &second));
		if (!hf_span_equal(hf_buf_span(&first), hf_buf_span(&second)))
			return hf_error_new(HF_INVALID, "the two passphrases differ");
	}
	take(out, HF_PASSPHRASE, hf_buf_span(&first));
	return NULL;
}

/*
 * A new key: random bytes, for its owner alone. It is there whole and to stay before anything is
 * locked with it.
 */
static hf_err make_key_file(const char *path)
{
	uint8_t bytes[NEW_KEY_LEN];

	hf_random(bytes, sizeof(bytes));
	struct hf_error *err = hf_file_make(path, hf_span(bytes, sizeof(bytes)), 0400);

	hf_wipe(bytes, sizeof(bytes));
	if (err)
		return hf_error_in(err, "key file");
	hf_log(HF_INFO,
		"made a key file; whoever loses it loses the backups: keep a copy elsewhere",
		"file", path, NULL);
	return NULL;
}

static hf_err ask(const struct hf_cli *cli, const struct hf_cli_repository *repository, bool fresh,
	struct hf_cli_unlock *out)
{
	HF_FREED char *prompt = hf_format("%s%s%s: ", fresh ? "New passphrase" : "Passphrase",
		cli->n_chosen > 1 ? " of " : "", cli->n_chosen > 1 ? repository->name : "");

	return cli->unattended ? no_key() : hf_cli_ask_passphrase(prompt, fresh, out);
}

hf_err hf_cli_unlock(const struct hf_cli *cli, const struct hf_cli_repository *repository,
	bool fresh, struct hf_cli_unlock *out)
{
	const struct hf_cli_key *key = hf_cli_key(cli, repository);
	const char *slot = cli->slot || !repository->file ? cli->slot : repository->file->slot;

	out->unlock.slot = fresh ? NULL : slot;
	if (key->file) {
		if (fresh && access(key->file, F_OK) != 0 && errno == ENOENT)
			HF_TRY(make_key_file(key->file));
		return hf_cli_read_key_file(key->file, out);
	}
	if (key->command)
		return hf_cli_run_key_command(key->command, out);
	if (key->passphrase_file)
		return hf_cli_read_passphrase_file(key->passphrase_file, out);
	if (key->passphrase) {
		take(out, HF_PASSPHRASE, hf_span_str(key->passphrase));
		return NULL;
	}
	return ask(cli, repository, fresh, out);
}
