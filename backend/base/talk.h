/*
 * What a program says beside its result: log lines and progress, on stderr. A line is a constant
 * message and pairs: hf_log(HF_WARN, "pack vanished", "pack", hex, NULL). Text on a terminal, a
 * "<4>" prefix under systemd (JOURNAL_STREAM), JSON lines with --log-format json. Libraries call
 * hf_log() and count progress; only the program paints. Any thread. Nothing secret goes here.
 */
#ifndef HF_BASE_TALK_H
#define HF_BASE_TALK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum hf_level { HF_DEBUG, HF_INFO, HF_WARN, HF_ERROR };
enum hf_log_format { HF_LOG_TEXT, HF_LOG_JSON };

void hf_log_setup(enum hf_level lowest, enum hf_log_format format); /* default: HF_INFO, text */
/* Pairs of const char *: name, value, …, NULL. Values are shown with hf_text_show. */
void hf_log(enum hf_level level, const char *message, ...) __attribute__((sentinel));

/* Results for stdout: whole, whoever else prints, and above the progress line. Not flushed. */
struct hf_span;
void hf_talk_print(struct hf_span text);

/* Counters of one long work; relaxed atomics, so any thread adds. Totals 0: not known (yet). */
struct hf_progress {
	atomic_uint_least64_t files, bytes;             /* done */
	atomic_uint_least64_t files_total, bytes_total; /* to do */
	atomic_uint_least64_t stored;                   /* bytes sent to the store */
	atomic_uint_least64_t failed;                   /* things named and passed over */
};

/* "backup: 12,345 of 66,984 files, 1.2 of 2.3 GiB, 310 MiB/s, 4s left"; rate in bytes a second. */
struct hf_buf;
void hf_progress_text(
	const char *verb, struct hf_progress *progress, uint64_t rate, struct hf_buf *out);

/*
 * Paints that line on stderr twice a second while running, from a thread of its own; nothing unless
 * stderr is a terminal, or with json: one {"type":"progress",…} line a second on stdout. hf_log()
 * lines pass above it.
 */
struct hf_painter;
struct hf_painter *hf_painter_start(const char *verb, struct hf_progress *progress, bool json);
void hf_painter_stop(struct hf_painter *painter); /* clears the line; NULL ok */

#endif
