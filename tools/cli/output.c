#include "tools/cli/output.h"

#include <stdlib.h>
#include <unistd.h>

#include "backend/base/text.h"
#include "backend/base/time.h"

void hf_json_line(json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);
	HF_FREED char *line = hf_format("%s\n", text);

	hf_talk_print(hf_span_str(line));
	free(text);
	json_decref(object);
}

static json_t *json_shown(struct hf_span bytes)
{
	HF_RELEASED(hf_buf) shown = {0};

	if (hf_utf8_valid(bytes))
		return json_stringn((const char *)bytes.at, bytes.len);
	hf_text_show(bytes, &shown);
	return json_stringn((const char *)shown.at, shown.len);
}

static json_t *json_base64(struct hf_span bytes)
{
	HF_RELEASED(hf_buf) coded = {0};

	hf_base64(bytes, &coded);
	return json_stringn((const char *)coded.at, coded.len);
}

/* Takes the value. */
static void set_base64(json_t *object, const char *key, json_t *value)
{
	HF_FREED char *coded_key = hf_format("%s_base64", key);

	json_object_set_new(object, coded_key, value);
}

void hf_json_set_bytes(json_t *object, const char *key, struct hf_span bytes)
{
	json_object_set_new(object, key, json_shown(bytes));
	if (!hf_utf8_valid(bytes))
		set_base64(object, key, json_base64(bytes));
}

void hf_json_set_list(json_t *object, const char *key, const struct hf_span *bytes, size_t n)
{
	json_t *shown = json_array(), *coded = json_array();
	bool text = true;

	for (size_t i = 0; i < n; i++) {
		json_array_append_new(shown, json_shown(bytes[i]));
		json_array_append_new(coded, json_base64(bytes[i]));
		text = text && hf_utf8_valid(bytes[i]);
	}
	json_object_set_new(object, key, shown);
	if (text)
		json_decref(coded);
	else
		set_base64(object, key, coded);
}

void hf_json_set_text(json_t *object, const char *key, const char *text)
{
	HF_RELEASED(hf_buf) shown = {0};

	hf_text_show(hf_span_str(text), &shown);
	json_object_set_new(object, key, json_string(hf_buf_text(&shown)));
}

void hf_show_failure(bool json, const char *type, enum hf_level level, const char *words,
	const char *path, const struct hf_error *err)
{
	json_t *line;

	if (!json) {
		hf_log(level, words, "path", path, "why", hf_error_text(err), NULL);
		return;
	}
	line = json_object();
	hf_json_set_text(line, "type", type);
	hf_json_set_bytes(line, "path", hf_span_str(path));
	hf_json_set_text(line, "kind", hf_error_word(hf_error_kind(err)));
	hf_json_set_text(line, "error", hf_error_text(err));
	hf_json_line(line);
}

void hf_json_set_time(json_t *object, const char *key, int64_t time)
{
	char text[HF_TIME_TEXT];

	json_object_set_new(object, key, json_string(hf_time_rfc3339(time, text)));
}

/* ---- tables ---- */

struct hf_table_out {
	const char *const *titles;
	size_t columns;
	char **cells;
	size_t n, cap;
};

struct hf_table_out *hf_table_new(const char *const *titles)
{
	struct hf_table_out *table = hf_calloc(1, sizeof(*table));

	table->titles = titles;
	while (titles[table->columns])
		table->columns++;
	return table;
}

void hf_table_cell(struct hf_table_out *table, const char *text)
{
	HF_RELEASED(hf_buf) shown = {0};

	hf_text_show(hf_span_str(text), &shown);
	table->cells = hf_grow(table->cells, &table->cap, table->n + 1, sizeof(*table->cells));
	table->cells[table->n++] = hf_strdup(hf_buf_text(&shown));
}

/* Characters, not bytes: what a terminal gives a column to, but for wide ones. */
static size_t width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static void print_cell(const char *text, size_t wide, bool right, bool last)
{
	const size_t pad = wide - width(text);

	if (right)
		printf("%*s", (int)pad, "");
	fputs(text, stdout);
	if (!right && !last)
		printf("%*s", (int)pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

void hf_table_show(struct hf_table_out *table)
{
	size_t *widest = hf_calloc(table->columns, sizeof(*widest));
	const bool bold = hf_stdout_is_terminal() && !getenv("NO_COLOR");

	for (size_t c = 0; c < table->columns; c++)
		widest[c] = width(table->titles[c] + (table->titles[c][0] == '>'));
	for (size_t i = 0; i < table->n; i++)
		widest[i % table->columns] =
			HF_MAX(widest[i % table->columns], width(table->cells[i]));
	if (bold)
		fputs("\033[1m", stdout);
	for (size_t c = 0; c < table->columns; c++) {
		const bool right = table->titles[c][0] == '>';

		print_cell(table->titles[c] + right, widest[c], right, c + 1 == table->columns);
	}
	if (bold)
		fputs("\033[0m", stdout);
	for (size_t i = 0; i < table->n; i++) {
		const size_t c = i % table->columns;

		print_cell(table->cells[i], widest[c], table->titles[c][0] == '>',
			c + 1 == table->columns);
	}
	free(widest);
	hf_table_free(table);
}

void hf_table_free(struct hf_table_out *table)
{
	for (size_t i = 0; i < table->n; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}

bool hf_stdout_is_terminal(void)
{
	static int known = -1;

	if (known < 0)
		known = isatty(STDOUT_FILENO);
	return known != 0;
}

bool hf_stdout_failed(void)
{
	return ferror(stdout) != 0;
}

void hf_show_name(struct hf_span name, struct hf_buf *out)
{
	if (hf_stdout_is_terminal())
		hf_text_show(name, out);
	else
		hf_buf_add_span(out, name);
}

void hf_print_name(struct hf_span name, FILE *to)
{
	HF_RELEASED(hf_buf) shown = {0};

	hf_show_name(name, &shown);
	fwrite(shown.at, 1, shown.len, to);
}
