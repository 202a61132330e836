/* Log lines on stderr, above the progress line if there is one. */
#include "backend/base/talk.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/buf.h"
#include "backend/base/fd.h"
#include "backend/base/talk_line.h"
#include "backend/base/text.h"
#include "backend/base/time.h"

/* What is one for the whole process because stderr is. */
static struct {
	atomic_int lowest, format;
	pthread_mutex_t lock;      /* of what follows, and of writing */
	const struct hf_buf *line; /* what the painter has on the terminal; NULL: nothing */
} talk = {.lowest = HF_INFO, .format = HF_LOG_TEXT, .lock = PTHREAD_MUTEX_INITIALIZER};

static const struct {
	const char *word, *before; /* in JSON; before the message */
	char priority;             /* syslog's */
} levels[] = {
	[HF_DEBUG] = {"debug", "debug: ", '7'},
	[HF_INFO] = {"info", "", '6'},
	[HF_WARN] = {"warning", "warning: ", '4'},
	[HF_ERROR] = {"error", "error: ", '3'},
};

void hf_log_setup(enum hf_level lowest, enum hf_log_format format)
{
	atomic_store(&talk.lowest, (int)lowest);
	atomic_store(&talk.format, (int)format);
}

/* systemd names the journal's socket; stderr may be another file by now. */
static bool stderr_is_journal(void)
{
	const char *named = getenv("JOURNAL_STREAM");
	HF_FREED char *ours = NULL;
	struct stat stat_of;

	if (!named || fstat(STDERR_FILENO, &stat_of))
		return false;
	ours = hf_format("%llu:%llu", (unsigned long long)stat_of.st_dev,
		(unsigned long long)stat_of.st_ino);
	return strcmp(named, ours) == 0;
}

static void add_quoted(struct hf_buf *line, const struct hf_buf *text)
{
	hf_buf_add(line, "\"", 1);
	for (size_t i = 0; i < text->len; i++) {
		if (text->at[i] == '"' || text->at[i] == '\\')
			hf_buf_add(line, "\\", 1);
		hf_buf_add(line, text->at + i, 1);
	}
	hf_buf_add(line, "\"", 1);
}

static void add_value(struct hf_buf *line, const char *value, bool quote_always)
{
	HF_RELEASED(hf_buf) shown = {0};

	hf_text_show(hf_span_str(value), &shown);
	if (quote_always || !shown.len || strpbrk(hf_buf_text(&shown), " \"="))
		add_quoted(line, &shown);
	else
		hf_buf_add(line, shown.at, shown.len);
}

static void add_text(struct hf_buf *line, enum hf_level level, const char *message, va_list pairs)
{
	const char *name;

	if (stderr_is_journal())
		hf_buf_printf(line, "<%c>", levels[level].priority);
	else
		hf_buf_printf(line, "%s", levels[level].before);
	hf_text_show(hf_span_str(message), line);
	while ((name = va_arg(pairs, const char *))) {
		hf_buf_printf(line, " %s=", name);
		add_value(line, va_arg(pairs, const char *), false);
	}
	hf_buf_add(line, "\n", 1);
}

static void add_json(struct hf_buf *line, enum hf_level level, const char *message, va_list pairs)
{
	char time[HF_TIME_TEXT];
	const char *name;

	hf_buf_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":",
		hf_time_rfc3339(hf_time_now(), time), levels[level].word);
	add_value(line, message, true);
	while ((name = va_arg(pairs, const char *))) {
		hf_buf_add(line, ",", 1);
		add_value(line, name, true);
		hf_buf_add(line, ":", 1);
		add_value(line, va_arg(pairs, const char *), true);
	}
	hf_buf_add(line, "}\n", 2);
}

/* A log line that can't be written has nowhere to be reported. */
static void write_stderr(const void *bytes, size_t len)
{
	hf_error_free(hf_fd_write(STDERR_FILENO, bytes, len));
}

/* Clears the line, prints text above it and paints it again, in one write. The lock is held. */
static void write_above(struct hf_span text)
{
	HF_RELEASED(hf_buf) all = {0};

	hf_buf_add_span(&all, hf_span_str("\r\x1b[K"));
	hf_buf_add_span(&all, text);
	if (talk.line)
		hf_buf_add(&all, talk.line->at, talk.line->len);
	write_stderr(all.at, all.len);
}

void hf_talk_line(const struct hf_buf *line)
{
	pthread_mutex_lock(&talk.lock);
	if (line || talk.line) {
		talk.line = line;
		write_above(hf_span_str(""));
	}
	pthread_mutex_unlock(&talk.lock);
}

void hf_talk_print(struct hf_span text)
{
	pthread_mutex_lock(&talk.lock);
	if (talk.line)
		write_stderr("\r\x1b[K", 4);
	fwrite(text.at, 1, text.len, stdout);
	if (talk.line) {
		fflush(stdout); /* a failure stays in its error flag */
		write_stderr(talk.line->at, talk.line->len);
	}
	pthread_mutex_unlock(&talk.lock);
}

void hf_log(enum hf_level level, const char *message, ...)
{
	HF_RELEASED(hf_buf) line = {0};
	int kept = errno;
	va_list pairs;

	if ((int)level < atomic_load(&talk.lowest))
		return;
	va_start(pairs, message);
	if (atomic_load(&talk.format) == HF_LOG_JSON)
		add_json(&line, level, message, pairs);
	else
		add_text(&line, level, message, pairs);
	va_end(pairs);

	pthread_mutex_lock(&talk.lock);
	if (talk.line)
		write_above(hf_buf_span(&line));
	else
		write_stderr(line.at, line.len);
	pthread_mutex_unlock(&talk.lock);
	errno = kept;
}
