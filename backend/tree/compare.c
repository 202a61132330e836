/* Two stored trees: a merge of two sorted lists at each level, below what is not the same extents.
 */
#include "backend/tree/compare.h"

#include "backend/tree/compare_state.h"
#include "backend/tree/content.h"
#include "backend/tree/dir.h"

#define PIECE (256u << 10)

struct comparing {
	const struct hf_compare *compare;
	struct hf_buf path;
	unsigned depth;
};

/* ---- what is the same ---- */

bool hf_compare_same_special(const struct hf_entry *a, const struct hf_entry *b)
{
	if (a->type == HF_LNK)
		return hf_span_equal(a->target, b->target);
	if (a->type == HF_CHR || a->type == HF_BLK)
		return a->rdev_major == b->rdev_major && a->rdev_minor == b->rdev_minor;
	return true;
}

bool hf_compare_same_meta(const struct hf_entry *a, const struct hf_entry *b)
{
	if (a->uid != b->uid || a->gid != b->gid || a->n_xattrs != b->n_xattrs)
		return false;
	if (a->type != HF_LNK && a->mode != b->mode)
		return false;
	if (a->mtime != b->mtime)
		return false;
	for (size_t i = 0; i < a->n_xattrs; i++)
		if (!hf_span_equal(a->xattrs[i].name, b->xattrs[i].name) ||
			!hf_span_equal(a->xattrs[i].value, b->xattrs[i].value))
			return false;
	return true;
}

bool hf_compare_same_extents(const struct hf_extents *a, const struct hf_extents *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!hf_id_equal(&a->at[i].chunk, &b->at[i].chunk) ||
			a->at[i].offset != b->at[i].offset || a->at[i].length != b->at[i].length)
			return false;
	return true;
}

static hf_err read_both(const struct comparing *comparing, const struct hf_entry *a,
	const struct hf_entry *b, bool *same)
{
	struct hf_reader *reader = comparing->compare->reader;
	HF_OWNED(hf_content) first = NULL;
	HF_OWNED(hf_content) second = NULL;
	HF_FREED uint8_t *left = hf_alloc(PIECE), *right = hf_alloc(PIECE);
	size_t got = 0, got_too = 0;

	*same = true;
	HF_TRY(hf_content_open(reader, a, &first));
	HF_TRY(hf_content_open(reader, b, &second));
	for (uint64_t at = 0; at < a->size && *same; at += got) {
		HF_TRY(hf_stop_check(comparing->compare->stop));
		HF_TRY(hf_content_read(first, at, left, PIECE, &got));
		HF_TRY(hf_content_read(second, at, right, PIECE, &got_too));
		*same = got > 0 && got == got_too && memcmp(left, right, got) == 0;
	}
	return NULL;
}

/*
 * Fingerprints of one secret decide. Otherwise the same extents are the same bytes; what was read
 * anew in another backup and lies in other chunks is read here: few files, of equal size.
 */
static hf_err same_file(const struct comparing *comparing, const struct hf_entry *a,
	const struct hf_entry *b, bool *same)
{
	*same = false;
	if (a->size != b->size)
		return NULL;
	*same = true;
	if (a->extents_file == b->extents_file && hf_compare_same_extents(&a->extents, &b->extents))
		return NULL;
	if (a->fingerprinted && b->fingerprinted &&
		hf_compare_same_extents(&a->secret, &b->secret)) {
		*same = memcmp(a->fingerprint, b->fingerprint, HF_FINGERPRINT_LEN) == 0;
		return NULL;
	}
	return read_both(comparing, a, b, same);
}

/* ---- the walk ---- */

size_t hf_compare_push(struct hf_buf *path, struct hf_span name)
{
	size_t before = path->len;

	if (before > 0)
		hf_buf_add(path, "/", 1);
	hf_buf_add_span(path, name);
	return before;
}

void hf_compare_pop(struct hf_buf *path, size_t before)
{
	path->len = before;
}

static hf_err tell(struct comparing *comparing, enum hf_difference what, const struct hf_entry *a,
	const struct hf_entry *b)
{
	const struct hf_compare *compare = comparing->compare;

	return compare->each(compare->arg, what, hf_buf_text(&comparing->path), a, b);
}

static hf_err compare_folders(
	struct comparing *comparing, const struct hf_entry *a, const struct hf_entry *b);

/* What only one side has, with all below it. */
static hf_err tell_one(
	struct comparing *comparing, const struct hf_entry *a, const struct hf_entry *b)
{
	HF_TRY(tell(comparing, a ? HF_REMOVED : HF_ADDED, a, b));
	if ((a ? a : b)->type != HF_DIR)
		return NULL;
	return compare_folders(comparing, a, b);
}

static hf_err compare_types(
	struct comparing *comparing, const struct hf_entry *a, const struct hf_entry *b)
{
	HF_TRY(tell(comparing, HF_TYPE_CHANGED, a, b));
	if (a->type == HF_DIR)
		return compare_folders(comparing, a, NULL);
	if (b->type == HF_DIR)
		return compare_folders(comparing, NULL, b);
	return NULL;
}

static hf_err compare_entries(
	struct comparing *comparing, const struct hf_entry *a, const struct hf_entry *b)
{
	bool same;

	if (a->type != b->type)
		return compare_types(comparing, a, b);
	if (a->type == HF_REG)
		HF_TRY(hf_error_in(
			same_file(comparing, a, b, &same), "%s", hf_buf_text(&comparing->path)));
	else
		same = hf_compare_same_special(a, b);
	if (!same)
		HF_TRY(tell(comparing, HF_CHANGED, a, b));
	else if (comparing->compare->metadata && !hf_compare_same_meta(a, b))
		HF_TRY(tell(comparing, HF_META_CHANGED, a, b));
	if (a->type != HF_DIR || hf_compare_same_extents(&a->extents, &b->extents))
		return NULL;
	return compare_folders(comparing, a, b);
}

/* One side of a merge; no directory: no names. */
struct side {
	struct hf_dir *dir;
	struct hf_dir_cursor cursor;
	const struct hf_entry *entry; /* the next one; NULL: no more */
};

static void side_release(struct side *side)
{
	hf_dir_cursor_end(&side->cursor);
	hf_dir_free(side->dir);
}

static hf_err side_next(struct side *side)
{
	side->entry = NULL;
	return side->dir ? hf_dir_cursor_next(&side->cursor, &side->entry) : NULL;
}

static hf_err side_begin(struct side *side, struct hf_reader *reader, const struct hf_entry *entry)
{
	if (!entry)
		return NULL;
	HF_TRY(hf_dir_open(reader, entry, &side->dir));
	hf_dir_cursor_begin(&side->cursor, side->dir);
	return side_next(side);
}

/* Which of the two comes first: < 0 the left one alone, > 0 the right one alone, 0 both. */
static int order(const struct side *left, const struct side *right)
{
	if (!left->entry || !right->entry)
		return left->entry ? -1 : 1;
	return hf_span_compare(left->entry->name, right->entry->name);
}

static hf_err compare_next(struct comparing *comparing, struct side *left, struct side *right)
{
	int which = order(left, right);
	const struct hf_entry *a = which <= 0 ? left->entry : NULL;
	const struct hf_entry *b = which >= 0 ? right->entry : NULL;
	size_t before = hf_compare_push(&comparing->path, (a ? a : b)->name);

	HF_TRY(hf_stop_check(comparing->compare->stop));
	HF_TRY(a && b ? compare_entries(comparing, a, b) : tell_one(comparing, a, b));
	hf_compare_pop(&comparing->path, before);
	if (a)
		HF_TRY(side_next(left));
	return b ? side_next(right) : NULL;
}

/* a or b NULL: all of the other is reported. A frame for each level: HF_MAX_DEPTH of them fit any
 * stack. */
static hf_err compare_folders(
	struct comparing *comparing, const struct hf_entry *a, const struct hf_entry *b)
{
	HF_RELEASED(side) left = {0};
	HF_RELEASED(side) right = {0};
	struct hf_reader *reader = comparing->compare->reader;

	if (comparing->depth >= HF_MAX_DEPTH)
		return hf_error_new(HF_CORRUPT, "deeper than a tree can be");
	HF_TRY(hf_error_in(side_begin(&left, reader, a), "%s", hf_buf_text(&comparing->path)));
	HF_TRY(hf_error_in(side_begin(&right, reader, b), "%s", hf_buf_text(&comparing->path)));
	comparing->depth++;
	while (left.entry || right.entry)
		HF_TRY(compare_next(comparing, &left, &right));
	comparing->depth--;
	return NULL;
}

hf_err hf_compare_trees(
	const struct hf_compare *compare, const struct hf_entry *a, const struct hf_entry *b)
{
	struct comparing comparing = {.compare = compare};
	struct hf_error *err = compare_entries(&comparing, a, b);

	hf_buf_release(&comparing.path);
	return err;
}
