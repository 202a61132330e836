/* Errors: a kind for the caller, a sentence for a person. */
#include "backend/base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buf.h"

struct hf_error {
	enum hf_error_kind kind;
	int number; /* errno of a system error, else 0 */
	char *text;
};

/* What a kind means to the shell, to the kernel and in JSON. */
static const struct {
	const char *word;
	int status, number;
} kinds[] = {
	[HF_NOT_FOUND] = {"not-found", 6, ENOENT},
	[HF_EXISTS] = {"exists", 1, EEXIST},
	[HF_INVALID] = {"invalid", 2, EINVAL},
	[HF_DENIED] = {"denied", 8, EACCES},
	[HF_NO_KEY] = {"no-key", 5, EACCES},
	[HF_CORRUPT] = {"corrupt", 4, EIO},
	[HF_UNSUPPORTED] = {"unsupported", 1, EOPNOTSUPP},
	[HF_COLD] = {"cold", 7, EAGAIN},
	[HF_TRANSIENT] = {"transient", 1, EIO},
	[HF_CANCELLED] = {"cancelled", 130, EINTR},
	[HF_PARTIAL] = {"partial", 3, EIO},
	[HF_DIFFERS] = {"differs", 9, EIO},
	[HF_SYSTEM] = {"system", 1, EIO},
	[HF_LOCAL] = {"local", 1, EIO},
	[HF_BUG] = {"bug", 1, EIO},
};

static HF_PRINTF(1, 0) char *format_text(const char *format, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, format, args) < 0)
		return hf_strdup(format);
	return text;
}

static struct hf_error *error_of(enum hf_error_kind kind, int number, char *text)
{
	struct hf_error *err = hf_alloc(sizeof(*err));

	*err = (struct hf_error){.kind = kind, .number = number, .text = text};
	return err;
}

struct hf_error *hf_error_new(enum hf_error_kind kind, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	text = format_text(format, args);
	va_end(args);
	return error_of(kind, 0, text);
}

static enum hf_error_kind kind_of(int number)
{
	switch (number) {
	case ENOENT:
		return HF_NOT_FOUND;
	case EEXIST:
		return HF_EXISTS;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return HF_LOCAL;
	default:
		return HF_SYSTEM;
	}
}

struct hf_error *hf_error_sys(const char *format, ...)
{
	int number = errno;
	char reason[128], *what, *text;
	va_list args;

	va_start(args, format);
	what = format_text(format, args);
	va_end(args);
	text = hf_format("%s: %s", what, strerror_r(number, reason, sizeof(reason)));
	free(what);

	return error_of(kind_of(number), number, text);
}

struct hf_error *hf_error_in(struct hf_error *err, const char *format, ...)
{
	char *context, *text;
	va_list args;

	if (!err)
		return NULL;
	va_start(args, format);
	context = format_text(format, args);
	va_end(args);
	text = hf_format("%s: %s", context, err->text);
	free(context);
	free(err->text);
	err->text = text;
	return err;
}

struct hf_error *hf_error_as(struct hf_error *err, enum hf_error_kind kind)
{
	if (err)
		err->kind = kind;
	return err;
}

struct hf_error *hf_error_copy(const struct hf_error *err)
{
	return err ? error_of(err->kind, err->number, hf_strdup(err->text)) : NULL;
}

enum hf_error_kind hf_error_kind(const struct hf_error *err)
{
	return err->kind;
}

bool hf_error_may_pass(const struct hf_error *err)
{
	return err->kind == HF_SYSTEM || err->kind == HF_LOCAL || err->kind == HF_TRANSIENT;
}

int hf_error_errno(const struct hf_error *err)
{
	if ((err->kind == HF_SYSTEM || err->kind == HF_LOCAL) && err->number > 0)
		return err->number;
	return kinds[err->kind].number;
}

int hf_error_exit_status(const struct hf_error *err)
{
	return kinds[err->kind].status;
}

const char *hf_error_word(enum hf_error_kind kind)
{
	return kinds[kind].word;
}

const char *hf_error_text(const struct hf_error *err)
{
	return err->text;
}

void hf_error_free(struct hf_error *err)
{
	if (!err)
		return;
	free(err->text);
	free(err);
}
