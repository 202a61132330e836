/* Text: hex, base64, human sizes, names that a terminal can show. */
#include "backend/base/text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE_LIMIT (UINT64_C(1) << 62)
#define DISTANCE_MAX 64u

/* A part of an EiB to nine decimals needs 90 bits on its way. */
__extension__ typedef unsigned __int128 wide;

static const char units[] = "KMGTPE";

void hf_hex(struct hf_span bytes, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.len; i++) {
		*out++ = digits[bytes.at[i] >> 4];
		*out++ = digits[bytes.at[i] & 15];
	}
	*out = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool hf_text_begins(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

bool hf_unhex(const char *hex, size_t len, uint8_t *out)
{
	if (len % 2)
		return false;
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_digit(hex[i]), low = hex_digit(hex[i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void hf_base64(struct hf_span bytes, struct hf_buf *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		uint32_t three = (uint32_t)bytes.at[i] << 16;
		char four[4];

		if (left > 1)
			three |= (uint32_t)bytes.at[i + 1] << 8;
		if (left > 2)
			three |= bytes.at[i + 2];
		for (unsigned k = 0; k < 4; k++)
			four[k] = k <= left ? digits[three >> (18 - 6 * k) & 63] : '=';
		hf_buf_add(out, four, sizeof(four));
	}
}

/* Three significant digits, without zeros at the end. */
static void print_three(double value, char out[HF_SIZE_TEXT])
{
	int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
	char *end;

	if (value < 0.9995)
		decimals = 3;
	snprintf(out, HF_SIZE_TEXT, "%.*f", decimals, value);
	end = out + strlen(out);
	if (!decimals)
		return;
	while (end[-1] == '0')
		*--end = '\0';
	if (end[-1] == '.')
		end[-1] = '\0';
}

const char *hf_size_text(uint64_t bytes, char out[HF_SIZE_TEXT])
{
	double value = (double)bytes;
	unsigned unit = 0;

	if (bytes < 1000) {
		snprintf(out, HF_SIZE_TEXT, "%u B", (unsigned)bytes);
		return out;
	}
	while (value >= 999.5 && units[unit]) {
		value /= 1024;
		unit++;
	}
	print_three(value, out);
	snprintf(out + strlen(out), HF_SIZE_TEXT - strlen(out), " %ciB", units[unit - 1]);
	return out;
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* "", "B", "K", "KB", "KiB", " GiB": the power of two, or -1. */
static int size_shift(const char *text)
{
	const char *unit;
	int shift = 0;

	if (*text == ' ' && text[1])
		text++;
	if (*text && upper(*text) != 'B') {
		unit = strchr(units, upper(*text));
		if (!unit)
			return -1;
		shift = 10 * (int)(unit - units + 1);
		text++;
		if (*text == 'i' && upper(text[1]) == 'B')
			text++;
	}
	if (upper(*text) == 'B')
		text++;
	return *text ? -1 : shift;
}

/* Digits to a number; how many there were, 0 also when it is too large. */
static size_t parse_digits(const char *text, uint64_t *number)
{
	size_t n = 0;

	*number = 0;
	for (; text[n] >= '0' && text[n] <= '9'; n++)
		if (__builtin_mul_overflow(*number, 10, number) ||
			__builtin_add_overflow(*number, (uint64_t)(text[n] - '0'), number))
			return 0;
	return n;
}

bool hf_size_parse(const char *text, uint64_t *bytes)
{
	uint64_t whole, part = 0, scale = 1, size;
	size_t n = parse_digits(text, &whole), decimals = 0;
	int shift;

	if (!n)
		return false;
	text += n;
	if (*text == '.') {
		decimals = parse_digits(++text, &part);
		if (!decimals || decimals > 9)
			return false;
		text += decimals;
	}
	shift = size_shift(text);
	if (shift < 0 || (decimals && !shift) || whole > SIZE_LIMIT >> shift)
		return false;

	for (size_t i = 0; i < decimals; i++)
		scale *= 10;
	size = (uint64_t)(((wide)part << shift) / scale);
	size += whole << shift;
	if (size > SIZE_LIMIT)
		return false;
	*bytes = size;
	return true;
}

/* The length of the character at the front and its number; 0: not UTF-8. */
static size_t decode(struct hf_span bytes, uint32_t *character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t first = bytes.at[0];
	size_t len = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (!len || len > bytes.len || first > 0xf4)
		return 0;
	*character = len == 1 ? first : first & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((bytes.at[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (bytes.at[i] & 0x3fu);
	}
	if (*character < least[len] || *character > 0x10ffff)
		return 0;
	return *character >= 0xd800 && *character <= 0xdfff ? 0 : len;
}

/*
 * What moves the cursor, ends a line, or turns the direction of what follows: a name could lie by
 * it.
 */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 ||
		(c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void hf_text_show(struct hf_span bytes, struct hf_buf *out)
{
	for (size_t i = 0, len; i < bytes.len; i += len) {
		uint32_t character;

		len = decode(hf_span(bytes.at + i, bytes.len - i), &character);
		if (len && !is_control(character)) {
			hf_buf_add(out, bytes.at + i, len);
			continue;
		}
		len = HF_MAX(len, 1u);
		for (size_t k = 0; k < len; k++)
			hf_buf_printf(out, "\\x%02x", bytes.at[i + k]);
	}
}

bool hf_utf8_valid(struct hf_span bytes)
{
	for (size_t i = 0, len; i < bytes.len; i += len) {
		uint32_t character;

		len = decode(hf_span(bytes.at + i, bytes.len - i), &character);
		if (!len)
			return false;
	}
	return true;
}

unsigned hf_text_distance(const char *a, const char *b)
{
	unsigned rows[3][DISTANCE_MAX + 1]; /* the row that is made, and the two above it */
	unsigned *here = rows[0], *above = rows[1], *above2 = rows[2], *spare;
	size_t len_a = strlen(a), len_b = strlen(b);

	if (len_a > DISTANCE_MAX || len_b > DISTANCE_MAX)
		return UINT_MAX;
	for (unsigned j = 0; j <= len_b; j++)
		above2[j] = here[j] = j;
	for (unsigned i = 1; i <= len_a; i++) {
		spare = above2;
		above2 = above;
		above = here;
		here = spare;
		here[0] = i;
		for (unsigned j = 1; j <= len_b; j++) {
			unsigned replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
			unsigned best = HF_MIN(replaced, HF_MIN(above[j], here[j - 1]) + 1);

			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = HF_MIN(best, above2[j - 2] + 1); /* two letters swapped */
			here[j] = best;
		}
	}
	return here[len_b];
}
