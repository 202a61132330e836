#include "backend/tree/bundle.h"

#include "backend/tree/mix.h"

/* What is remembered for each file until its directory is written is bounded by this. */
#define MAX_FILES 4096u
/* Contents that are remembered; then all are forgotten, so that memory does not grow with the tree.
 */
#define MAX_SEEN (128u << 10)

void hf_bundle_init(
	struct hf_bundle *bundle, struct hf_puts *puts, const struct hf_gear *gear, uint32_t normal)
{
	*bundle = (struct hf_bundle){
		.puts = puts,
		.normal = normal,
		.max = HF_MIN(2 * normal, HF_MAX_CHUNK),
		.seed = gear->table[0] ^ gear->table[255],
	};
}

void hf_bundle_release(struct hf_bundle *bundle)
{
	hf_buf_release(&bundle->open);
	hf_map_release(&bundle->seen);
}

/*
 * Byte order of the machine decides where big-endian ones cut; that costs them dedup with others at
 * most, never a byte.
 */
static bool ends_here(const struct hf_bundle *bundle, struct hf_span bytes)
{
	const uint64_t chance = hf_mix_bytes(bundle->seed, bytes) >> 32;

	if (bundle->open.len < bundle->normal / 4)
		return false;
	/* chance / 2^32 < len / (3/4 normal) */
	return chance * (bundle->normal / 4 * 3) < (uint64_t)bytes.len << 32;
}

static hf_err append(struct hf_bundle *bundle, struct hf_span bytes, struct hf_piece *out)
{
	if (bundle->open.len + bytes.len > bundle->max || bundle->files == MAX_FILES)
		HF_TRY(hf_bundle_close(bundle));
	if (bundle->open.len == 0) {
		bundle->ticket = hf_puts_ticket(bundle->puts);
		hf_buf_reserve(&bundle->open, HF_MAX(bundle->normal, bytes.len));
	}
	*out = (struct hf_piece){
		.ticket = bundle->ticket,
		.offset = (uint32_t)bundle->open.len,
		.length = bytes.len,
	};
	hf_buf_add_span(&bundle->open, bytes);
	bundle->files++;
	return ends_here(bundle, bytes) ? hf_bundle_close(bundle) : NULL;
}

hf_err hf_bundle_add(struct hf_bundle *bundle, struct hf_span bytes,
	const uint8_t fingerprint[HF_FINGERPRINT_LEN], struct hf_piece *out)
{
	union hf_map_value *value;
	struct hf_id key;
	uint64_t half[2];
	bool fresh;

	if (!fingerprint)
		return append(bundle, bytes, out);
	memcpy(half, fingerprint, sizeof(half));
	hf_mix_key(half[0], half[1], &key);
	if (bundle->seen.n >= MAX_SEEN)
		hf_map_release(&bundle->seen);
	value = hf_map_put(&bundle->seen, &key, &fresh);
	if (!fresh) {
		*out = (struct hf_piece){
			.ticket = (uint32_t)(value->number >> 32),
			.offset = (uint32_t)value->number,
			.length = bytes.len,
		};
		return NULL;
	}
	HF_TRY(append(bundle, bytes, out));
	value->number = (uint64_t)out->ticket << 32 | out->offset;
	return NULL;
}

hf_err hf_bundle_close(struct hf_bundle *bundle)
{
	bundle->files = 0;
	if (bundle->open.len == 0)
		return NULL;
	return hf_puts_put(bundle->puts, HF_CONTENT_PACK, &bundle->open, bundle->ticket);
}
