#include "backend/tree/heal.h"

#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/repo/catalog.h"
#include "backend/tree/content.h"
#include "backend/tree/mix.h"
#include "backend/tree/past.h"

#define CACHE (24u << 20) /* decoded chunks of directories */
/* Records of one commit, which has room for a mebibyte of them. */
#define BATCH 2048u
/* Parts that a file is in: a record of 64 KiB holds more. */
#define MOST_PARTS 512u

/* What is to stand in for a hurt file's lost extents: the same file, as this backup has it. */
struct hf_supply {
	const struct hf_hurt *hurt;
	struct hf_pieces *pieces;  /* NULL: the extents */
	struct hf_extents extents; /* owned */
};

static struct hf_error *add_wanted(void *arg, const struct hf_id *id)
{
	hf_map_put(arg, id, NULL);
	return NULL;
}

hf_err hf_heal_open(struct hf_heal *heal, struct hf_repo *repo, const char *source)
{
	HF_FREED char *n = NULL;

	heal->repo = repo;
	HF_TRY(hf_catalog_each_wanted(hf_repo_catalog(repo), add_wanted, &heal->wanted));
	if (heal->wanted.n == 0)
		return NULL;
	n = hf_format("%zu", heal->wanted.n);
	hf_log(HF_INFO, "chunks are lost; files that are in them are read again", "chunks", n,
		NULL);
	HF_TRY(hf_reader_open(repo, CACHE, 0, &heal->reader));
	return hf_heal_find(heal, source);
}

static void free_hurt(void *arg, const struct hf_id *id, union hf_map_value *value)
{
	struct hf_hurt *hurt = value->pointer;

	(void)arg;
	(void)id;
	while (hurt) {
		struct hf_hurt *next = hurt->next;

		free(hurt);
		hurt = next;
	}
}

void hf_heal_release(struct hf_heal *heal)
{
	for (size_t i = 0; i < heal->n; i++) {
		hf_pieces_unref(heal->puts, heal->supplies[i].pieces);
		hf_extents_release(&heal->supplies[i].extents);
	}
	free(heal->supplies);
	hf_map_each(&heal->hurt, free_hurt, NULL);
	hf_map_release(&heal->hurt);
	hf_map_release(&heal->wanted);
	hf_map_release(&heal->said);
	hf_reader_free(heal->reader);
}

/* ---- what must be read again ---- */

static bool has_wanted(const struct hf_heal *heal, const struct hf_extents *extents)
{
	for (size_t i = 0; i < extents->n; i++) {
		if (hf_map_get(&heal->wanted, &extents->at[i].chunk))
			return true;
	}
	return false;
}

struct listed {
	const struct hf_heal *heal;
	bool wanted;
};

static hf_err look_at(void *arg, uint64_t from, const struct hf_extent *extent)
{
	struct listed *listed = arg;

	(void)from;
	listed->wanted |= hf_map_get(&listed->heal->wanted, &extent->chunk) != NULL;
	return NULL;
}

static hf_err list_has_wanted(struct hf_heal *heal, const struct hf_entry *entry, bool *wanted)
{
	HF_OWNED(hf_content) content = NULL;
	struct listed listed = {.heal = heal};
	struct hf_error *err = hf_content_open(heal->reader, entry, &content);

	if (!err)
		err = hf_content_each(content, 0, entry->size, look_at, &listed);
	*wanted = listed.wanted || err;
	if (!err || !hf_past_lost(err))
		return err;
	hf_error_free(err); /* then the list itself is what must be made anew */
	return NULL;
}

hf_err hf_heal_needs(struct hf_heal *heal, const struct hf_entry *entry, bool *needs)
{
	*needs = false;
	if (!heal->reader || entry->type != HF_REG)
		return NULL;
	*needs = has_wanted(heal, &entry->extents) || has_wanted(heal, &entry->secret);
	if (*needs || !entry->extents_file)
		return NULL;
	return list_has_wanted(heal, entry, needs);
}

/* ---- what stands in ---- */

static struct hf_hurt *hurt_at(const struct hf_heal *heal, uint64_t path)
{
	union hf_map_value *value;
	struct hf_id key;

	if (heal->n_hurt == 0)
		return NULL;
	hf_mix_key(path, 0, &key);
	value = hf_map_get(&heal->hurt, &key);
	return value ? value->pointer : NULL;
}

static void supply(struct hf_heal *heal, struct hf_hurt *hurt, const struct hf_entry *entry,
	struct hf_pieces *content)
{
	struct hf_supply *one;

	heal->supplies = hf_grow(heal->supplies, &heal->cap, heal->n + 1, sizeof(*one));
	one = &heal->supplies[heal->n++];
	*one = (struct hf_supply){.hurt = hurt, .pieces = content ? hf_pieces_ref(content) : NULL};
	for (size_t i = 0; !content && i < entry->extents.n; i++)
		hf_extents_add(&one->extents, &entry->extents.at[i]);
	hurt->supplied = true;
}

void hf_heal_kept(struct hf_heal *heal, uint64_t path, const struct hf_entry *entry)
{
	if (entry->type != HF_REG || entry->extents_file)
		return;
	for (struct hf_hurt *hurt = hurt_at(heal, path); hurt; hurt = hurt->next) {
		if (!hurt->supplied && hurt->size == entry->size)
			supply(heal, hurt, entry, NULL);
	}
}

/* What was supplied before may have been of another content, and this be the right one. */
void hf_heal_read(struct hf_heal *heal, uint64_t path, const struct hf_entry *entry,
	struct hf_pieces *content)
{
	if (entry->type != HF_REG)
		return;
	for (struct hf_hurt *hurt = hurt_at(heal, path); hurt; hurt = hurt->next) {
		if (hurt->size == entry->size)
			supply(heal, hurt, entry, content);
	}
}

/* The bytes [from, from + length) of what extents describe. */
static void slice(
	const struct hf_extents *extents, uint64_t from, uint64_t length, struct hf_extents *out)
{
	uint64_t at = 0;

	out->n = 0;
	for (size_t i = 0; i < extents->n && length > 0; i++) {
		struct hf_extent piece = extents->at[i];
		const uint64_t end = at + piece.length;

		if (end > from) {
			const uint64_t skip = from - at;

			piece.length = HF_MIN(piece.length - skip, length);
			if (!hf_extent_is_hole(&piece))
				piece.offset += (uint32_t)skip;
			hf_extents_add(out, &piece);
			from += piece.length;
			length -= piece.length;
		}
		at = end;
	}
}

static uint64_t first_half(const struct hf_extent *extent)
{
	uint64_t half;

	memcpy(&half, extent->chunk.bytes, sizeof(half));
	return half + extent->offset;
}

static struct hf_id key_of(const struct hf_extent *lost, const struct hf_extent *instead)
{
	struct hf_id key;

	hf_mix_key(first_half(lost), first_half(instead), &key);
	return key;
}

static hf_err add_record(struct hf_heal *heal, struct hf_writer *writer,
	const struct hf_extent *lost, const struct hf_extents *instead)
{
	const struct hf_record record = {
		.kind = HF_RECORD_SUBSTITUTE,
		.substitute = {.lost = lost->chunk,
			.offset = lost->offset,
			.length = (uint32_t)lost->length,
			.extents = *instead},
	};

	bool fresh;

	if (instead->n == 0 || instead->n > MOST_PARTS)
		return NULL;
	/* Several names of one file, or several snapshots', say the same. */
	const struct hf_id key = key_of(lost, &instead->at[0]);

	hf_map_put(&heal->said, &key, &fresh);
	if (!fresh)
		return NULL;
	HF_TRY(hf_writer_add(writer, &record));
	return heal->said.n % BATCH == 0 ? hf_writer_publish(writer) : NULL;
}

/* A chunk that came back under its own id needs nothing. */
static hf_err publish(struct hf_heal *heal, struct hf_writer *writer, const struct hf_hurt *hurt,
	const struct hf_extents *content)
{
	struct hf_extents instead = {0};
	struct hf_error *err = NULL;
	uint64_t from = 0;

	for (size_t i = 0; i < hurt->n && !err; i++) {
		const struct hf_extent *lost = &hurt->extents[i];

		int64_t pack = 1;

		if (hf_map_get(&heal->wanted, &lost->chunk))
			err = hf_catalog_safe_copy(
				hf_repo_catalog(heal->repo), &lost->chunk, &pack);
		if (!err && pack == 0) {
			slice(content, from, lost->length, &instead);
			err = add_record(heal, writer, lost, &instead);
		}
		from += lost->length;
	}
	hf_extents_release(&instead);
	return err;
}

hf_err hf_heal_finish(struct hf_heal *heal, struct hf_writer *writer)
{
	struct hf_extents extents = {0};
	struct hf_error *err = NULL;

	for (size_t i = 0; i < heal->n && !err; i++) {
		const struct hf_supply *one = &heal->supplies[i];

		if (one->pieces)
			hf_pieces_extents(heal->puts, one->pieces, &extents);
		err = publish(heal, writer, one->hurt, one->pieces ? &extents : &one->extents);
	}
	hf_extents_release(&extents);
	return err;
}
