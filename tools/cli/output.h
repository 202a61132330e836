/*
 * Results on stdout: text for people, or one JSON object a line. A table lines its columns up;
 * names are shown so that no byte of theirs can play tricks on a terminal.
 */
#ifndef HF_CLI_OUTPUT_H
#define HF_CLI_OUTPUT_H

#include <jansson.h>

#include "backend/base/buf.h"
#include "backend/base/error.h"
#include "backend/base/talk.h"

/* Prints the object on a line of its own and frees it. */
void hf_json_line(json_t *object);
/* Bytes as a JSON string: invalid UTF-8 is shown as \xNN, and then "<key>_base64" carries the
 * bytes. */
void hf_json_set_bytes(json_t *object, const char *key, struct hf_span bytes);
/* The same of several; "<key>_base64" then carries all of them. */
void hf_json_set_list(json_t *object, const char *key, const struct hf_span *bytes, size_t n);
/* Text of ours, which may hold bytes of names: what is no UTF-8 is shown as \xNN. */
void hf_json_set_text(json_t *object, const char *key, const char *text);
/* One thing that was passed over: {"type":…, "path":…, "kind":…, "error":…}, or a message. */
void hf_show_failure(bool json, const char *type, enum hf_level level, const char *words,
	const char *path, const struct hf_error *err);
void hf_json_set_time(json_t *object, const char *key, int64_t time);

struct hf_table_out;
/* titles: NULL at the end; one that begins with '>' is aligned to the right. */
struct hf_table_out *hf_table_new(const char *const *titles);
/* From left to right, row by row; shown so that a terminal is safe. */
void hf_table_cell(struct hf_table_out *table, const char *text);
void hf_table_show(struct hf_table_out *table); /* prints and frees */
void hf_table_free(struct hf_table_out *table); /* not shown */

/* Escaped for a terminal, or raw for a pipe. */
void hf_show_name(struct hf_span name, struct hf_buf *out);
void hf_print_name(struct hf_span name, FILE *to);
bool hf_stdout_is_terminal(void);
/* Nobody reads any more, or there is no room: what only prints need not go on. */
bool hf_stdout_failed(void);

#endif
