#include "tests/lib/attacks.h"

#include <stdlib.h>

#include "backend/repo/check.h"
#include "tests/lib/test.h"

static const char *const notices[] = {
	"harmless", "noted", "found", "lacks", "hinted", "unseen", "refused"};

struct hf_buf hf_attack_bytes(struct hf_small *small, const char *name)
{
	struct hf_buf copy = {0};

	hf_buf_add_span(&copy, hf_buf_span(hf_mem_at(small->mem, name, 0)));
	return copy;
}

void hf_attack_plant_copy(
	struct hf_small *small, const char *name, unsigned copy, struct hf_span bytes)
{
	ck_ok(hf_store_mend(hf_repo_store(small->repo), name, copy, bytes));
}

void hf_attack_plant(struct hf_small *small, const char *name, struct hf_span bytes)
{
	for (unsigned copy = 0; copy < hf_store_copies(hf_repo_store(small->repo), name); copy++)
		hf_attack_plant_copy(small, name, copy, bytes);
}

void hf_attack_lose(struct hf_small *small, const char *name)
{
	for (unsigned copy = 0; copy < hf_store_copies(hf_repo_store(small->repo), name); copy++)
		hf_mem_lose(small->mem, name, copy);
}

void hf_attacked_begin(struct hf_attacked *attacked)
{
	HF_FREED char *cache = hf_test_path(attacked->small->dir, "known");
	struct hf_repo *known;

	ck_ok(hf_small_try(attacked->small, cache, &known));
	hf_repo_free(known);
	attacked->whole = hf_mem_save(attacked->small->mem);
}

void hf_attacked_end(struct hf_attacked *attacked)
{
	hf_mem_free(attacked->whole);
}

static enum hf_notice look(struct hf_attacked *attacked, const char *cache)
{
	HF_OWNED(hf_repo) repo = NULL;
	struct hf_error *err = hf_small_try(attacked->small, cache, &repo);

	if (err) {
		ck_assert(hf_error_kind(err) == HF_CORRUPT || hf_error_kind(err) == HF_NOT_FOUND);
		hf_error_free(err); /* told above */
		return REFUSED;
	}
	const struct hf_check_options options = {.read_data = true};
	const bool all = attacked->all_is_there(repo);
	struct hf_check_result result;

	ck_ok(hf_check_objects(repo, &options, &result));
	if (result.findings)
		return all ? FOUND : LACKS;
	if (result.notes)
		return all ? NOTED : HINTED;
	return all ? HARMLESS : UNSEEN;
}

void hf_attack_try(struct hf_attacked *attacked, const struct hf_attack *attack)
{
	const char *dir = attacked->small->dir;
	HF_FREED char *known = hf_format("%s/known-%u", dir, attacked->machines);
	HF_FREED char *fresh = hf_format("%s/fresh-%u", dir, attacked->machines++);
	HF_FREED char *clone = hf_format("cp -r %s/known %s", dir, known);

	ck_assert_int_eq(system(clone), 0);
	hf_mem_go_back(attacked->small->mem, attacked->whole);
	attack->act(attack);
	const enum hf_notice by_known = look(attacked, known), by_fresh = look(attacked, fresh);

	ck_assert_msg(by_known == attack->known && by_fresh == attack->fresh,
		"%s: %s for who followed, %s for who comes with nothing", attack->what,
		notices[by_known], notices[by_fresh]);
}
