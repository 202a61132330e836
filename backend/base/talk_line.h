/* The seam between log lines and the painter: who writes on the terminal's last line. Any thread.
 */
#ifndef HF_BASE_TALK_LINE_H
#define HF_BASE_TALK_LINE_H

struct hf_buf;

/*
 * Shows this line, and again below each log line, until the next call; it must neither change nor
 * go before that. NULL: no line.
 */
void hf_talk_line(const struct hf_buf *line);

#endif
