#include "backend/format/commit.h"
#include "tests/fuzz/fuzz.h"

static void take_numbered(const char *folder, const char *name)
{
	char again[HF_NUMBERED_NAME_LEN + 1];
	uint32_t n;

	if (!fuzz_good(hf_numbered_name_parse(folder, name, &n)))
		return;
	hf_numbered_name(folder, n, again);
	FUZZ_ASSERT(strcmp(name, again) == 0);
}

static void take_commit(const char *name)
{
	char again[HF_COMMIT_NAME_LEN + 1];
	struct hf_id id;
	int64_t time;

	if (!fuzz_good(hf_commit_name_parse(name, &time, &id)))
		return;
	hf_commit_name(time, &id, again);
	FUZZ_ASSERT(strcmp(name, again) == 0);
}

static void take_pack(const char *name)
{
	char packs[HF_PACK_NAME_LEN + 1], meta[HF_PACK_NAME_LEN + 1];
	struct hf_id id;

	if (!fuzz_good(hf_pack_name_parse(name, &id)))
		return;
	hf_pack_name(HF_CONTENT_PACK, &id, packs);
	hf_pack_name(HF_META_PACK, &id, meta);
	FUZZ_ASSERT(strcmp(name, packs) == 0 || strcmp(name, meta) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	HF_FREED char *name = hf_strndup((const char *)at, len);

	take_commit(name);
	take_pack(name);
	take_numbered("keyring", name);
	take_numbered("checkpoints", name);
	return 0;
}
