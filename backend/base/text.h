/* Text: hex, base64, glob patterns, human sizes, names that a terminal can show. Pure. */
#ifndef HF_BASE_TEXT_H
#define HF_BASE_TEXT_H

#include "backend/base/buf.h"

void hf_hex(struct hf_span bytes, char *out);             /* 2 × len digits and a NUL */
bool hf_unhex(const char *hex, size_t len, uint8_t *out); /* len / 2 bytes; lower case */
void hf_base64(struct hf_span bytes, struct hf_buf *out);

bool hf_text_begins(const char *text, const char *start);

/*
 * Globs, much as in gitignore: `*` and `?` stop at '/', `**` does not, [a-z] and [!a-z], `\`
 * quotes. Bytes, not characters. Linear in pattern × text.
 */
bool hf_glob_match(const char *pattern, struct hf_span text);

/* "1.5 GiB": 1024-based, three significant digits. Gives out. */
#define HF_SIZE_TEXT 16
const char *hf_size_text(uint64_t bytes, char out[HF_SIZE_TEXT]);
/* "256M", "1.5GiB", "4096": 1024-based. false: none, or over 2^62. */
bool hf_size_parse(const char *text, uint64_t *bytes);

/* Bytes as valid UTF-8 without control characters: others become \xNN. Appends. */
void hf_text_show(struct hf_span bytes, struct hf_buf *out);
bool hf_utf8_valid(struct hf_span bytes);

/* Edit distance, for "did you mean"; at most 64 bytes each, else UINT_MAX. */
unsigned hf_text_distance(const char *a, const char *b);

#endif
