/* One directory in the making. */
#include "backend/tree/draft.h"

#include <stdlib.h>

#include "backend/tree/entry_copy.h"

/* ---- members ---- */

static struct hf_member *member_new(struct hf_span name, unsigned missing)
{
	struct hf_member *member = hf_alloc(sizeof(*member) + name.len);
	uint8_t *text = (uint8_t *)(member + 1);

	*member = (struct hf_member){.missing = missing};
	if (name.len)
		memcpy(text, name.at, name.len);
	member->entry.name = hf_span(text, name.len);
	return member;
}

static void member_free(struct hf_drafts *drafts, struct hf_member *member)
{
	hf_pieces_unref(drafts->puts, member->content);
	hf_dir_block_unref(member->block);
	free(member->own);
	free(member);
}

void hf_member_set(
	struct hf_member *member, const struct hf_entry *entry, struct hf_pieces *content)
{
	free(member->own);
	member->own = hf_entry_copy(entry, &member->entry);
	if (content)
		member->content = hf_pieces_ref(content);
	member->missing--;
}

void hf_member_drop(struct hf_member *member)
{
	member->dropped = true;
	member->missing = 0;
}

bool hf_member_settled(const struct hf_drafts *drafts, const struct hf_member *member)
{
	const struct hf_pieces *content = member->content;

	if (member->missing > 0)
		return false;
	if (member->dropped)
		return true;
	if (member->sealed && !hf_pieces_settled(drafts->puts, drafts->secret))
		return false;
	return !content || hf_pieces_settled(drafts->puts, content);
}

void hf_member_entry(struct hf_drafts *drafts, const struct hf_member *member, struct hf_entry *out)
{
	const struct hf_pieces *content = member->content;

	*out = member->entry;
	if (member->kept) {
		out->extents = member->kept->extents;
		out->extents_file = member->kept->extents_file;
		out->size = member->kept->size;
	} else if (content) {
		hf_pieces_extents(drafts->puts, content->listed ? content->listed : content,
			&drafts->extents);
		out->extents = drafts->extents;
		out->extents_file = content->listed != NULL;
		out->hole_bytes = content->listed ? content->hole_bytes : 0;
	}
	if (member->sealed) {
		if (drafts->secret_extents.n == 0)
			hf_pieces_extents(drafts->puts, drafts->secret, &drafts->secret_extents);
		out->secret = drafts->secret_extents;
	}
}

/* ---- drafts ---- */

hf_err hf_draft_begin(struct hf_drafts *drafts, struct hf_draft *parent,
	const struct hf_draft_base *base, struct hf_member *member, struct hf_draft **out)
{
	struct hf_draft *draft = hf_calloc(1, sizeof(*draft));

	draft->drafts = drafts;
	draft->parent = parent;
	draft->base = *base;
	draft->member = member;
	draft->changed = !base->dir;
	draft->end = &draft->first;
	draft->down = drafts->all;
	if (drafts->all)
		drafts->all->up = draft;
	drafts->all = draft;
	*out = draft;
	return NULL;
}

void hf_draft_free(struct hf_draft *draft)
{
	struct hf_drafts *drafts;

	if (!draft)
		return;
	drafts = draft->drafts;
	*(draft->up ? &draft->up->down : &drafts->all) = draft->down;
	if (draft->down)
		draft->down->up = draft->up;
	while (draft->first) {
		struct hf_member *member = draft->first;

		draft->first = member->next;
		member_free(drafts, member);
	}
	hf_dir_builder_free(draft->builder);
	free(draft);
}

static hf_err print(struct hf_draft *draft, const struct hf_entry *entry)
{
	struct hf_drafts *drafts = draft->drafts;
	struct hf_error *err;

	if (!draft->builder)
		draft->builder = hf_dir_builder_new();
	err = hf_dir_builder_add(draft->builder, entry);
	if (!err || hf_error_kind(err) != HF_INVALID || !drafts->refused)
		return err;
	drafts->refused(drafts->arg, entry->name, err);
	hf_error_free(err); /* it was told: one name that can't be kept does not end the backup */
	return NULL;
}

/* The names that were only counted. */
static hf_err print_same(struct hf_draft *draft)
{
	struct hf_dir_cursor cursor;
	struct hf_error *err = NULL;

	hf_dir_cursor_begin(&cursor, draft->base.dir);
	for (uint64_t i = 0; i < draft->same && !err; i++) {
		const struct hf_entry *entry;

		err = hf_dir_cursor_next(&cursor, &entry);
		if (!err && !entry)
			err = hf_error_new(HF_CORRUPT, "a directory has fewer names than it says");
		if (!err)
			err = print(draft, entry);
	}
	hf_dir_cursor_end(&cursor);
	return err;
}

/* It is not what it was: so its parent is not either. */
static hf_err diverge(struct hf_draft *draft)
{
	const struct hf_draft_base *base = &draft->base;

	if (draft->changed)
		return NULL;
	if (!draft->member) {
		HF_TRY(hf_draft_add(draft->parent, base->entry->name, 1, &draft->member));
		draft->member->entry = *base->entry;
		draft->member->entry.extents = (struct hf_extents){0};
		draft->member->entry.extents_file = false;
		draft->member->block = base->block ? hf_dir_block_ref(base->block) : NULL;
	}
	draft->changed = true;
	return print_same(draft);
}

hf_err hf_draft_add(
	struct hf_draft *draft, struct hf_span name, unsigned missing, struct hf_member **out)
{
	HF_TRY(diverge(draft));
	*out = member_new(name, missing);
	*draft->end = *out;
	draft->end = &(*out)->next;
	return NULL;
}

hf_err hf_draft_copy(struct hf_draft *draft, const struct hf_entry *entry,
	const struct hf_dir_block *block, uint64_t number)
{
	struct hf_member *member;

	if (!draft->changed && number == draft->same) {
		draft->same++;
		return NULL;
	}
	HF_TRY(diverge(draft));
	if (draft->first)
		HF_TRY(hf_draft_advance(draft, false));
	if (!draft->first)
		return print(draft, entry);
	HF_TRY(hf_draft_add(draft, hf_span(NULL, 0), 0, &member));
	member->entry = *entry;
	member->block = block ? hf_dir_block_ref(block) : NULL;
	return NULL;
}

/* Keeps the old directory's bytes. */
static hf_err keep(struct hf_draft *draft)
{
	const struct hf_draft_base *base = &draft->base;
	struct hf_member *member = draft->member;

	if (!member)
		return hf_draft_copy(draft->parent, base->entry, base->block, base->number);
	member->kept = base->entry;
	member->block = base->block ? hf_dir_block_ref(base->block) : NULL;
	member->missing--;
	return NULL;
}

hf_err hf_draft_end(struct hf_draft *draft, bool *kept)
{
	*kept = !draft->changed && draft->same == draft->base.entry->size;
	if (!*kept)
		return diverge(draft);
	HF_TRY(keep(draft));
	hf_draft_free(draft);
	return NULL;
}

/* More extents than stand in a directory: a file of them. The first name of a file makes it. */
static hf_err list_extents(struct hf_drafts *drafts, struct hf_member *member)
{
	HF_RELEASED(hf_buf) bytes = {0};

	hf_pieces_extents(drafts->puts, member->content, &drafts->extents);
	if (drafts->extents.n <= HF_INLINE_EXTENTS)
		return NULL;
	hf_extents_file_print(&drafts->extents, &bytes);
	return hf_drafts_place(drafts, hf_buf_span(&bytes), &member->content->listed);
}

static bool may_need_list(const struct hf_member *member)
{
	return member->content && !member->content->listed &&
		member->content->n > HF_INLINE_EXTENTS && !member->dropped;
}

hf_err hf_draft_advance(struct hf_draft *draft, bool put)
{
	struct hf_drafts *drafts = draft->drafts;

	while (draft->first && hf_member_settled(drafts, draft->first)) {
		struct hf_member *member = draft->first;
		const struct hf_pieces *content = member->content;
		struct hf_entry entry;

		if (may_need_list(member)) {
			if (!put)
				return NULL;
			HF_TRY(list_extents(drafts, member));
		}
		if (content && content->listed && !hf_pieces_settled(drafts->puts, content->listed))
			return NULL;
		if (!member->dropped) {
			hf_member_entry(drafts, member, &entry);
			HF_TRY(print(draft, &entry));
		}
		draft->first = member->next;
		if (!draft->first)
			draft->end = &draft->first;
		member_free(drafts, member);
	}
	return NULL;
}
