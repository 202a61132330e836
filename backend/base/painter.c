/* Progress: one line that is painted over and over, or JSON for a program that reads. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "backend/base/buf.h"
#include "backend/base/talk.h"
#include "backend/base/talk_line.h"
#include "backend/base/text.h"
#include "backend/base/time.h"

#define TERMINAL_TICK_NS (HF_NS_PER_S / 2)
#define JSON_TICK_NS HF_NS_PER_S
/* How much of the last tick's rate is in the shown one: calm, and right after some seconds. */
#define RATE_WEIGHT 0.2

struct hf_painter {
	char *verb;
	struct hf_progress *progress;
	bool json;
	pthread_t thread;

	/* Only the painting thread uses these; two lines, since the shown one must not change. */
	struct hf_buf lines[2];
	unsigned shown;
	int64_t last;
	uint64_t last_bytes;
	double rate;

	pthread_mutex_t lock;
	pthread_cond_t stop;
	bool stopping;
};

static uint64_t load(atomic_uint_least64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* "1,234,567" */
static void add_count(struct hf_buf *out, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			hf_buf_add(out, ",", 1);
		hf_buf_add(out, digits + i, 1);
	}
}

static void add_bytes(struct hf_buf *out, uint64_t bytes, uint64_t total)
{
	char done_text[HF_SIZE_TEXT], total_text[HF_SIZE_TEXT];
	const char *done = hf_size_text(bytes, done_text), *of = hf_size_text(total, total_text);
	const char *unit = strchr(done, ' ');

	if (!total)
		hf_buf_printf(out, "%s", done);
	else if (strcmp(unit, strchr(of, ' ')) == 0)
		hf_buf_printf(out, "%.*s of %s", (int)(unit - done), done, of);
	else
		hf_buf_printf(out, "%s of %s", done, of);
}

/* Seconds until all is done, 0 if nobody can tell. */
static uint64_t seconds_left(uint64_t bytes, uint64_t total, uint64_t rate)
{
	return rate && total > bytes ? (total - bytes) / rate + 1 : 0;
}

void hf_progress_text(
	const char *verb, struct hf_progress *progress, uint64_t rate, struct hf_buf *out)
{
	uint64_t files = load(&progress->files), files_total = load(&progress->files_total);
	uint64_t bytes = load(&progress->bytes), bytes_total = load(&progress->bytes_total);
	uint64_t failed = load(&progress->failed);
	uint64_t left = seconds_left(bytes, bytes_total, rate);
	char size[HF_SIZE_TEXT], time[HF_TIME_TEXT];

	hf_buf_printf(out, "%s: ", verb);
	if (files || files_total) {
		add_count(out, files);
		if (files_total)
			hf_buf_add_span(out, hf_span_str(" of "));
		if (files_total)
			add_count(out, files_total);
		hf_buf_add_span(out, hf_span_str(" files, "));
	}
	add_bytes(out, bytes, bytes_total);
	if (rate)
		hf_buf_printf(out, ", %s/s", hf_size_text(rate, size));
	if (left && left < INT32_MAX)
		hf_buf_printf(
			out, ", %s left", hf_duration_text((int64_t)left * HF_NS_PER_S, time));
	if (failed) {
		hf_buf_add_span(out, hf_span_str(", "));
		add_count(out, failed);
		hf_buf_add_span(out, hf_span_str(" failed"));
	}
}

static void print_json(const struct hf_painter *painter, uint64_t rate)
{
	struct hf_progress *progress = painter->progress;
	uint64_t bytes = load(&progress->bytes), total = load(&progress->bytes_total);

	HF_RELEASED(hf_buf) line = {0};

	hf_buf_printf(&line,
		"{\"type\":\"progress\",\"verb\":\"%s\",\"files\":%llu,\"files_total\":%llu,"
		"\"bytes\":%llu,\"bytes_total\":%llu,\"stored\":%llu,\"failed\":%llu,"
		"\"bytes_per_second\":%llu,\"seconds_left\":%llu}\n",
		painter->verb, (unsigned long long)load(&progress->files),
		(unsigned long long)load(&progress->files_total), (unsigned long long)bytes,
		(unsigned long long)total, (unsigned long long)load(&progress->stored),
		(unsigned long long)load(&progress->failed), (unsigned long long)rate,
		(unsigned long long)seconds_left(bytes, total, rate));
	hf_talk_print(hf_buf_span(&line));
	fflush(stdout); /* a failure stays in its error flag */
}

/* A line that is too long would wrap, and the next would be painted below it. */
static void cut_to_terminal(struct hf_buf *line)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
		line->len = HF_MIN(line->len, (size_t)size.ws_col - 1);
}

static void paint(struct hf_painter *painter)
{
	int64_t now = hf_time_monotonic();
	uint64_t bytes = load(&painter->progress->bytes);
	double seconds = (double)(now - painter->last) / (double)HF_NS_PER_S;
	double rate = (double)(bytes - painter->last_bytes) / HF_MAX(seconds, 0.001);
	struct hf_buf *line = &painter->lines[!painter->shown];

	if (painter->rate > 0)
		rate = RATE_WEIGHT * rate + (1 - RATE_WEIGHT) * painter->rate;
	painter->rate = rate;
	painter->last = now;
	painter->last_bytes = bytes;
	if (painter->json) {
		print_json(painter, (uint64_t)rate);
		return;
	}
	hf_buf_clear(line);
	hf_progress_text(painter->verb, painter->progress, (uint64_t)rate, line);
	cut_to_terminal(line);
	hf_talk_line(line);
	painter->shown = !painter->shown;
}

static struct timespec after(int64_t ns)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	ns += at.tv_nsec;
	at.tv_sec += ns / HF_NS_PER_S;
	at.tv_nsec = ns % HF_NS_PER_S;
	return at;
}

static void *paint_until_stopped(void *arg)
{
	struct hf_painter *painter = arg;

	pthread_mutex_lock(&painter->lock);
	while (!painter->stopping) {
		struct timespec next = after(painter->json ? JSON_TICK_NS : TERMINAL_TICK_NS);
		int waited = 0;

		while (!painter->stopping && !waited)
			waited = pthread_cond_timedwait(&painter->stop, &painter->lock, &next);
		if (!painter->stopping)
			paint(painter);
	}
	pthread_mutex_unlock(&painter->lock);
	return NULL;
}

static void painter_free(struct hf_painter *painter)
{
	pthread_cond_destroy(&painter->stop);
	pthread_mutex_destroy(&painter->lock);
	hf_buf_release(&painter->lines[0]);
	hf_buf_release(&painter->lines[1]);
	free(painter->verb);
	free(painter);
}

static int start_thread(struct hf_painter *painter)
{
	sigset_t all, before;
	int number;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	number = pthread_create(&painter->thread, NULL, paint_until_stopped, painter);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return number;
}

struct hf_painter *hf_painter_start(const char *verb, struct hf_progress *progress, bool json)
{
	struct hf_painter *painter;
	pthread_condattr_t attributes;

	if (!json && !isatty(STDERR_FILENO))
		return NULL;
	painter = hf_calloc(1, sizeof(*painter));
	*painter = (struct hf_painter){.verb = hf_strdup(verb),
		.progress = progress,
		.json = json,
		.last = hf_time_monotonic(),
		.last_bytes = load(&progress->bytes)};
	pthread_mutex_init(&painter->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&painter->stop, &attributes);
	pthread_condattr_destroy(&attributes);

	/* Work without a progress line is better than no work. */
	if (start_thread(painter)) {
		painter_free(painter);
		return NULL;
	}
	return painter;
}

void hf_painter_stop(struct hf_painter *painter)
{
	if (!painter)
		return;
	pthread_mutex_lock(&painter->lock);
	painter->stopping = true;
	pthread_cond_signal(&painter->stop);
	pthread_mutex_unlock(&painter->lock);
	pthread_join(painter->thread, NULL);
	hf_talk_line(NULL);
	painter_free(painter);
}
