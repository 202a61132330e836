/*
 * How long an entry takes each way. Not a test: run it by hand on a release build.
 *     ninja -C build tests/bench/bench_entries && build/tests/bench/bench_entries
 */

#include "backend/format/entry.h"
#include "tests/bench/bench.h"

#define ENTRIES 73000
#define IN_A_DIRECTORY 8
#define ROUNDS 9

/* A system file as a backup sees it: in a shared chunk, fingerprinted, root's. */
static struct hf_entry system_file(unsigned i, char name[32], struct hf_extent *extent)
{
	static struct hf_extent secret = {.chunk = {{7}}, .length = 84};

	snprintf(name, 32, "libsomething-%05u.so.%u", i, i % 7);
	*extent = (struct hf_extent){.length = 1000 + i % 50000, .offset = i % 1000000};
	memset(extent->chunk.bytes, (int)(1 + i / 40 % 250), HF_ID_LEN);
	return (struct hf_entry){.name = hf_span_str(name),
		.type = HF_REG,
		.mode = 0644,
		.user = hf_span_str("root"),
		.group = hf_span_str("root"),
		.mtime = INT64_C(1700000000123456789) + i,
		.ctime = INT64_C(1710000000123456789) + i,
		.nlink = 1,
		.size = extent->length,
		.extents = {.at = extent, .n = 1},
		.fingerprinted = true,
		.fingerprint = {(uint8_t)i, (uint8_t)(i >> 8), 3},
		.secret = {.at = &secret, .n = 1}};
}

static double build(unsigned in_one, struct hf_buf *out, struct hf_buf *ends)
{
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();
	const double start = now(CLOCK_PROCESS_CPUTIME_ID);

	hf_buf_clear(out);
	hf_buf_clear(ends);
	for (unsigned i = 0; i < ENTRIES; i++) {
		struct hf_extent extent;
		char name[32];
		const struct hf_entry entry = system_file(i, name, &extent);

		or_die(hf_dir_builder_add(builder, &entry));
		if (i % in_one == in_one - 1 || i == ENTRIES - 1) {
			hf_dir_builder_finish(builder, out);
			hf_buf_add(ends, &out->len, sizeof(out->len));
		}
	}
	return now(CLOCK_PROCESS_CPUTIME_ID) - start;
}

static size_t parse_one(struct hf_span dir)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_block_index index;
	size_t total = 0;
	uint32_t len;

	or_die(hf_block_index_len(hf_span(dir.at + dir.len - 4, 4), dir.len, &len));
	or_die(hf_dir_index_parse(
		hf_span(dir.at + dir.len - 4 - len, len), dir.len, &arena, &index));
	for (size_t i = 0; i < index.n; i++) {
		const struct hf_block *block = &index.blocks[i];
		HF_RELEASED(hf_arena) entries_arena = {0};
		struct hf_entry *entries;
		size_t n;

		or_die(hf_dir_block_parse(hf_span(dir.at + block->from, block->to - block->from),
			&entries_arena, &entries, &n));
		total += n;
	}
	return total;
}

static double parse(const struct hf_buf *dirs, const struct hf_buf *ends)
{
	const double start = now(CLOCK_PROCESS_CPUTIME_ID);
	size_t total = 0, from = 0, to;

	for (size_t at = 0; at < ends->len; at += sizeof(to)) {
		memcpy(&to, ends->at + at, sizeof(to));
		total += parse_one(hf_span(dirs->at + from, to - from));
		from = to;
	}
	if (total != ENTRIES)
		exit(1);
	return now(CLOCK_PROCESS_CPUTIME_ID) - start;
}

static void measure(unsigned in_one)
{
	HF_RELEASED(hf_buf) dirs = {0};
	HF_RELEASED(hf_buf) ends = {0};
	double building = 1e9, parsing = 1e9;

	for (int round = 0; round < ROUNDS; round++) {
		building = HF_MIN(building, build(in_one, &dirs, &ends));
		parsing = HF_MIN(parsing, parse(&dirs, &ends));
	}
	printf("%6u in a directory: built in %4.0f ns, parsed in %4.0f ns, %.1f bytes an entry\n",
		in_one, building * 1e9 / ENTRIES, parsing * 1e9 / ENTRIES,
		(double)dirs.len / ENTRIES);
}

int main(void)
{
	measure(IN_A_DIRECTORY);
	measure(ENTRIES);
	return 0;
}
