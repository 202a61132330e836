#include "backend/repo/ending.h"

#include "backend/format/container.h"

void hf_ending_release(struct hf_ending *ending)
{
	hf_buf_release(&ending->header);
	hf_buf_release(&ending->end);
	hf_last_release(&ending->last);
}

hf_err hf_ending_read(
	struct hf_repo *repo, const struct hf_ranges *ranges, struct hf_ending *ending)
{
	const uint64_t size = ranges->size;
	const struct hf_epoch_keys *epoch;
	struct hf_header header;
	size_t need;

	hf_ending_release(ending);
	*ending = (struct hf_ending){.last = {0}};
	if (size < HF_HEADER_LEN + HF_TAIL_LEN)
		return hf_error_new(HF_CORRUPT, "it is too short");
	HF_TRY(ranges->get(ranges->arg, 0, HF_HEADER_LEN, &ending->header));
	HF_TRY(hf_header_parse(hf_buf_span(&ending->header), &header));
	if (header.kind != ranges->kind)
		return hf_error_new(HF_CORRUPT, "it is an object of another kind");
	epoch = hf_repo_epoch(repo, header.epoch);
	if (!epoch)
		return hf_error_new(HF_DENIED, "this key has no keys of epoch %u", header.epoch);
	HF_TRY(ranges->get(ranges->arg, size - HF_TAIL_LEN, HF_TAIL_LEN, &ending->end));
	HF_TRY(hf_last_end_len(ranges->kind, hf_buf_span(&ending->end), size, &need));
	hf_buf_clear(&ending->end);
	HF_TRY(ranges->get(ranges->arg, size - need, need, &ending->end));
	return hf_last_open_end(hf_buf_span(&ending->header), hf_buf_span(&ending->end), size,
		epoch, &ending->last);
}
