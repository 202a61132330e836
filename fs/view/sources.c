#include "fs/view/sources.h"

#include <stdlib.h>

#include "fs/view/moments.h"

void hf_view_sources_release(struct hf_view_sources *sources)
{
	for (size_t i = 0; i < sources->n; i++) {
		free(sources->at[i].shown);
		free(sources->at[i].full);
		free(sources->at[i].name);
	}
	free(sources->at);
	*sources = (struct hf_view_sources){0};
}

static struct hf_repo *repo_of(const struct hf_view_repositories *repositories, size_t i)
{
	return hf_reader_repo(repositories->at[i].reader);
}

static void add(struct hf_view_sources *sources, struct hf_span name, size_t repository)
{
	sources->at = hf_grow(sources->at, &sources->cap, sources->n + 1, sizeof(*sources->at));
	sources->at[sources->n++] = (struct hf_view_source){
		.name = hf_strndup((const char *)name.at, name.len), .repository = repository};
}

static int by_name(const void *a, const void *b)
{
	const struct hf_view_source *x = a, *y = b;
	const int order = strcmp(x->name, y->name);

	return order ? order : (x->repository > y->repository) - (x->repository < y->repository);
}

static int by_shown(const void *a, const void *b)
{
	return strcmp(((const struct hf_view_source *)a)->shown,
		((const struct hf_view_source *)b)->shown);
}

/*
 * Where two repositories have the same source, the repository's name is added to both. In a view of
 * several it is also added to a name that has an '@' itself: or a tenant could call a source what
 * another's is shown as.
 */
static void show(const struct hf_view_repositories *repositories, struct hf_view_sources *sources)
{
	if (sources->n == 0)
		return;
	qsort(sources->at, sources->n, sizeof(*sources->at), by_name);
	for (size_t i = 0; i < sources->n; i++) {
		struct hf_view_source *source = &sources->at[i];
		const bool twice = (i > 0 && strcmp(source[-1].name, source->name) == 0) ||
			(i + 1 < sources->n && strcmp(source[1].name, source->name) == 0);

		const bool ambiguous =
			twice || (repositories->most > 1 && strchr(source->name, '@'));

		source->full =
			hf_format("%s@%s", source->name, repositories->at[source->repository].name);
		source->shown = hf_strdup(ambiguous ? source->full : source->name);
	}
	qsort(sources->at, sources->n, sizeof(*sources->at), by_shown);
}

/* ---- by label ---- */

static hf_err labelled(const struct hf_view_repositories *repositories, size_t i,
	const struct hf_selection *selection, struct hf_arena *arena, struct hf_snapshots *out)
{
	return hf_history_labelled(
		repo_of(repositories, i), selection->key, selection->value, arena, out);
}

static hf_err list_labelled(const struct hf_view_repositories *repositories, size_t i,
	const struct hf_selection *selection, struct hf_view_sources *out)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots snapshots;
	const size_t first = out->n;

	HF_TRY(labelled(repositories, i, selection, &arena, &snapshots));
	for (size_t s = 0; s < snapshots.n; s++) {
		const struct hf_span source = snapshots.at[s].snapshot.source;
		bool known = snapshots.at[s].snapshot.moment > selection->until;

		for (size_t k = first; !known && k < out->n; k++)
			known = hf_span_equal(hf_span_str(out->at[k].name), source);
		if (!known)
			add(out, source, i);
	}
	return NULL;
}

/* ---- all ---- */

static hf_err list_all(const struct hf_view_repositories *repositories, size_t i,
	const struct hf_selection *selection, struct hf_view_sources *out)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_names names;

	HF_TRY(hf_history_sources(repo_of(repositories, i), &arena, &names));
	for (size_t s = 0; s < names.n; s++) {
		struct hf_snapshot_info info;
		struct hf_error *err = NULL;

		if (selection->until != INT64_MAX)
			err = hf_history_at(repo_of(repositories, i), (const char *)names.at[s].at,
				selection->until, &arena, &info);
		if (err && hf_error_kind(err) == HF_NOT_FOUND) {
			hf_error_free(err); /* it began later: not among the selected */
			continue;
		}
		HF_TRY(err);
		add(out, names.at[s], i);
	}
	return NULL;
}

hf_err hf_view_sources_list(const struct hf_view_repositories *repositories,
	const struct hf_selection *selection, struct hf_view_sources *out)
{
	for (size_t i = 0; i < repositories->n; i++) {
		if (selection->key)
			HF_TRY(list_labelled(repositories, i, selection, out));
		else
			HF_TRY(list_all(repositories, i, selection, out));
	}
	show(repositories, out);
	return NULL;
}

const struct hf_view_source *hf_view_sources_find(
	const struct hf_view_sources *sources, struct hf_span name)
{
	for (size_t i = 0; i < sources->n; i++) {
		if (hf_span_equal(hf_span_str(sources->at[i].shown), name))
			return &sources->at[i];
	}
	for (size_t i = 0; i < sources->n; i++) {
		if (hf_span_equal(hf_span_str(sources->at[i].full), name))
			return &sources->at[i];
	}
	return NULL;
}

hf_err hf_view_snapshot(const struct hf_view_repositories *repositories,
	const struct hf_view_source *source, const struct hf_selection *selection,
	struct hf_arena *arena, struct hf_snapshot_info *out)
{
	struct hf_snapshots snapshots;

	if (!selection->key)
		return hf_history_at(repo_of(repositories, source->repository), source->name,
			selection->until, arena, out);
	HF_TRY(labelled(repositories, source->repository, selection, arena, &snapshots));
	for (size_t i = snapshots.n; i > 0; i--) {
		const struct hf_snapshot_info *info = &snapshots.at[i - 1];

		if (info->snapshot.moment <= selection->until &&
			hf_span_equal(info->snapshot.source, hf_span_str(source->name))) {
			*out = *info;
			return NULL;
		}
	}
	return hf_error_new(HF_NOT_FOUND, "no snapshot of %s with that label", source->name);
}

hf_err hf_view_moments(const struct hf_view_repositories *repositories,
	const struct hf_selection *selection, int64_t **times, size_t *n)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_FREED int64_t *all = NULL;
	size_t count = 0, cap = 0;

	for (size_t i = 0; i < repositories->n; i++) {
		struct hf_snapshots snapshots;

		if (selection->key)
			HF_TRY(labelled(repositories, i, selection, &arena, &snapshots));
		else
			HF_TRY(hf_history_moments(
				repo_of(repositories, i), NULL, &arena, &snapshots));
		for (size_t s = 0; s < snapshots.n; s++) {
			all = hf_grow(all, &cap, count + 1, sizeof(*all));
			all[count++] = snapshots.at[s].snapshot.moment;
		}
	}
	hf_times_sort(all, &count);
	*n = count;
	*times = HF_STEAL(all);
	return NULL;
}

/* ---- labels ---- */

static int by_span(const void *a, const void *b)
{
	return hf_span_compare(*(const struct hf_span *)a, *(const struct hf_span *)b);
}

/* What can't be a name in a directory is not shown. */
static bool is_name(struct hf_span label)
{
	return label.len > 0 && !memchr(label.at, '/', label.len) &&
		!hf_span_equal(label, hf_span_str(".")) && !hf_span_equal(label, hf_span_str(".."));
}

hf_err hf_view_labels(const struct hf_view_repositories *repositories, const char *key,
	struct hf_arena *arena, struct hf_names *out)
{
	struct hf_span *all = NULL;
	size_t n = 0, cap = 0, kept = 0;
	struct hf_error *err = NULL;

	for (size_t i = 0; !err && i < repositories->n; i++) {
		struct hf_names names = {0};

		err = hf_history_labels(repo_of(repositories, i), key, arena, &names);
		for (size_t s = 0; !err && s < names.n; s++) {
			if (!is_name(names.at[s]))
				continue;
			all = hf_grow(all, &cap, n + 1, sizeof(*all));
			all[n++] = names.at[s];
		}
	}
	if (n > 0)
		qsort(all, n, sizeof(*all), by_span);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || !hf_span_equal(all[kept - 1], all[i]))
			all[kept++] = all[i];
	}
	out->at = hf_arena_copy(arena, all, kept * sizeof(*all));
	out->n = kept;
	free(all);
	return err;
}
