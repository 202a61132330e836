/*
 * The computed directories. Each is a small node that knows its view path and what it selects, and
 * asks the history anew whenever it is looked into:
 *
 *     /              latest  sources  at  labels
 *     latest/…       PARTS: the parts of source names, one by one, down to a snapshot's root
 *     sources/…      PARTS, down to a TIMELINE: the snapshots of one source by time
 *     at/            TIMES: any time that is typed → PARTS as of then
 *     labels/k/v/    TIMES of what carries the label, and `latest` → PARTS
 */
#include "fs/view/root.h"

#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "fs/view/made.h"
#include "fs/view/moments.h"
#include "fs/view/sources.h"
#include "fs/view/stored.h"

struct hf_view {
	struct hf_view_repositories repositories;
	struct hf_view_options options;
	struct hf_node *root;
	atomic_int_least64_t changed; /* when the computed directories last moved, ns */
	atomic_uint_least64_t version;
};

/* A computed directory. */
struct top {
	struct hf_node base;
	struct hf_view *view;
	char *path; /* view path: "at/2026-11-24T10-00-00Z/files" */
	struct hf_selection selection;
	bool timeline; /* PARTS: a whole source name opens its timeline, not a snapshot */
	char *prefix;  /* PARTS: the parts walked so far, "" or "files/"; TIMELINE: the source as
	                  shown */
	char *key, *value;
};

static struct top *of(struct hf_node *node)
{
	return (struct top *)node;
}

static void top_free(struct hf_node *node)
{
	struct top *top = of(node);

	free(top->path);
	free(top->prefix);
	free(top->key);
	free(top->value);
	free(top);
}

static hf_err top_attr(struct hf_node *node, struct hf_attr *out)
{
	const struct hf_view *view = of(node)->view;
	const int64_t changed = atomic_load(&view->changed);

	*out = (struct hf_attr){
		.ino = hf_node_ino(node),
		.type = HF_DIR,
		.mode = 0555,
		.uid = view->options.uid,
		.gid = view->options.gid,
		.nlink = 1,
		.mtime = changed,
		.ctime = changed,
	};
	return NULL;
}

/* A child that inherits what its parent selects. */
static struct top *child_of(
	const struct top *top, struct hf_span name, const struct hf_node_ops *ops)
{
	struct top *child = hf_calloc(1, sizeof(*child));

	hf_node_init(&child->base, ops);
	child->view = top->view;
	child->path = hf_format(
		"%s%s%.*s", top->path, *top->path ? "/" : "", (int)name.len, (const char *)name.at);
	hf_made_key(child->path, child->base.key);
	child->selection = top->selection;
	child->timeline = top->timeline;
	child->prefix = hf_strdup("");
	if (top->key)
		child->selection.key = child->key = hf_strdup(top->key);
	if (top->value)
		child->selection.value = child->value = hf_strdup(top->value);
	return child;
}

/* Shows one name; false when the listing is over. */
static bool show(
	hf_listed_fn *each, void *arg, struct hf_span name, struct hf_node *node, uint64_t next)
{
	const struct hf_listed listed = {.name = name, .node = node, .next = next};

	return each(arg, &listed);
}

/* Shows name i as what a look-up would give. *go_on false: enough. */
static hf_err show_looked_up(struct hf_node *dir, struct hf_span name, size_t i, hf_listed_fn *each,
	void *arg, bool *go_on)
{
	HF_NODE_REF node = NULL;
	bool fixed;

	HF_TRY(hf_node_lookup(dir, name, &node, &fixed));
	*go_on = !node || show(each, arg, name, node, i + 1);
	return NULL;
}

/* ---- TIMELINE: sources/<source>/ ---- */

/* The source as it stands now, and its snapshots. found false: it is gone. */
static hf_err load_timeline(struct top *top, struct hf_arena *arena,
	struct hf_view_sources *sources, const struct hf_view_source **source,
	struct hf_snapshots *snapshots)
{
	const struct hf_view_repositories *repositories = &top->view->repositories;

	HF_TRY(hf_view_sources_list(repositories, &top->selection, sources));
	*source = hf_view_sources_find(sources, hf_span_str(top->prefix));
	if (!*source)
		return NULL;
	return hf_history_moments(hf_reader_repo(repositories->at[(*source)->repository].reader),
		(*source)->name, arena, snapshots);
}

static hf_err open_snapshot(struct top *top, const struct hf_view_source *source, const uint8_t *id,
	struct hf_span name, struct hf_node **out)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_reader *reader = top->view->repositories.at[source->repository].reader;
	HF_FREED char *path = hf_format("%s/%.*s", top->path, (int)name.len, (const char *)name.at);
	char hex[2 * HF_SNAPSHOT_ID_LEN + 1];
	struct hf_snapshot_info info;

	hf_hex(hf_span(id, HF_SNAPSHOT_ID_LEN), hex);
	HF_TRY(hf_history_by_id(hf_reader_repo(reader), hex, &arena, &info));
	return hf_stored_root(reader, &info, path, &top->view->options, out);
}

/* Another spelling of a time leads to what that time names, or was the newest then. */
static hf_err link_to_time(struct top *top, struct hf_span typed,
	const struct hf_snapshots *snapshots, struct hf_node **out)
{
	HF_FREED char *path =
		hf_format("%s/%.*s", top->path, (int)typed.len, (const char *)typed.at);
	HF_FREED char *target = NULL;
	struct hf_typed_time time;
	struct hf_error *err = hf_time_typed(typed, &time);
	size_t n = snapshots->n, named;

	if (err) {
		hf_error_free(err); /* no time: no such name */
		return NULL;
	}
	if (hf_moment_find(snapshots, hf_span_str(time.name), &named))
		n = named + 1;
	while (n > 0 && snapshots->at[n - 1].snapshot.moment > time.until)
		n--;
	if (n == 0)
		return NULL;
	target = hf_moment_name(snapshots, n - 1);
	*out = hf_made_link(path, target, false, atomic_load(&top->view->changed));
	return NULL;
}

static hf_err open_moment(struct top *top, const struct hf_view_source *source,
	const struct hf_snapshots *snapshots, size_t i, struct hf_span name, struct hf_node **out)
{
	HF_FREED char *shown = hf_moment_name(snapshots, i);
	HF_FREED char *path = hf_format("%s/%.*s", top->path, (int)name.len, (const char *)name.at);

	if (hf_span_equal(hf_span_str(shown), name))
		return open_snapshot(top, source, snapshots->at[i].id, name, out);
	*out = hf_made_link(path, shown, false, atomic_load(&top->view->changed));
	return NULL;
}

static hf_err timeline_lookup(
	struct hf_node *node, struct hf_span name, struct hf_node **out, bool *fixed)
{
	__attribute__((cleanup(hf_view_sources_release))) struct hf_view_sources sources = {0};
	HF_RELEASED(hf_arena) arena = {0};
	const struct hf_view_source *source;
	struct hf_snapshots snapshots = {0};
	size_t i;

	*out = NULL;
	*fixed = false;
	HF_TRY(load_timeline(of(node), &arena, &sources, &source, &snapshots));
	if (source && hf_moment_find(&snapshots, name, &i))
		return open_moment(of(node), source, &snapshots, i, name, out);
	return source ? link_to_time(of(node), name, &snapshots, out) : NULL;
}

static hf_err timeline_list(struct hf_node *node, uint64_t from, hf_listed_fn *each, void *arg)
{
	__attribute__((cleanup(hf_view_sources_release))) struct hf_view_sources sources = {0};
	HF_RELEASED(hf_arena) arena = {0};
	const struct hf_view_source *source;
	struct hf_snapshots snapshots = {0};

	HF_TRY(load_timeline(of(node), &arena, &sources, &source, &snapshots));
	for (size_t i = (size_t)from; source && i < snapshots.n; i++) {
		HF_FREED char *name = hf_moment_name(&snapshots, i);
		HF_NODE_REF child = NULL;

		HF_TRY(open_snapshot(
			of(node), source, snapshots.at[i].id, hf_span_str(name), &child));
		if (!show(each, arg, hf_span_str(name), child, i + 1))
			return NULL;
	}
	return NULL;
}

static const struct hf_node_ops timeline_ops = {
	.lookup = timeline_lookup, .list = timeline_list, .attr = top_attr, .free = top_free};

/* ---- PARTS: the parts of source names ---- */

static const struct hf_node_ops parts_ops;

/* Does the shown name begin with the walked prefix? Then the next part, and whether it is the last.
 */
static bool next_part(const struct top *top, const char *shown, struct hf_span *part, bool *last)
{
	const size_t walked = strlen(top->prefix);

	if (strncmp(shown, top->prefix, walked) != 0)
		return false;
	const size_t len = strcspn(shown + walked, "/");

	*part = hf_span(shown + walked, len);
	*last = shown[walked + len] == 0;
	return true;
}

static hf_err open_part(struct top *top, const struct hf_view_source *source, struct hf_span part,
	bool last, struct hf_node **out)
{
	if (last && !top->timeline) {
		HF_RELEASED(hf_arena) arena = {0};
		HF_FREED char *path =
			hf_format("%s/%.*s", top->path, (int)part.len, (const char *)part.at);
		const struct hf_view_repositories *repositories = &top->view->repositories;
		struct hf_snapshot_info info;

		HF_TRY(hf_view_snapshot(repositories, source, &top->selection, &arena, &info));
		return hf_stored_root(repositories->at[source->repository].reader, &info, path,
			&top->view->options, out);
	}
	struct top *child = child_of(top, part, last ? &timeline_ops : &parts_ops);

	free(child->prefix);
	child->prefix = hf_format(
		"%s%.*s%s", top->prefix, (int)part.len, (const char *)part.at, last ? "" : "/");
	*out = &child->base;
	return NULL;
}

static hf_err parts_lookup(
	struct hf_node *node, struct hf_span name, struct hf_node **out, bool *fixed)
{
	__attribute__((cleanup(hf_view_sources_release))) struct hf_view_sources sources = {0};
	struct top *top = of(node);

	*out = NULL;
	*fixed = false;
	HF_TRY(hf_view_sources_list(&top->view->repositories, &top->selection, &sources));
	for (size_t i = 0; i < sources.n; i++) {
		struct hf_span part;
		bool last;

		if (next_part(top, sources.at[i].shown, &part, &last) && hf_span_equal(part, name))
			return open_part(top, &sources.at[i], part, last, out);
	}
	HF_FREED char *full =
		hf_format("%s%.*s", top->prefix, (int)name.len, (const char *)name.at);
	const struct hf_view_source *source = hf_view_sources_find(&sources, hf_span_str(full));

	return source ? open_part(top, source, name, true, out) : NULL;
}

static hf_err parts_list(struct hf_node *node, uint64_t from, hf_listed_fn *each, void *arg)
{
	__attribute__((cleanup(hf_view_sources_release))) struct hf_view_sources sources = {0};
	struct top *top = of(node);
	struct hf_span before = hf_span(NULL, 0);

	HF_TRY(hf_view_sources_list(&top->view->repositories, &top->selection, &sources));
	for (size_t i = 0; i < sources.n; i++) {
		HF_NODE_REF child = NULL;
		struct hf_span part;
		bool last;

		if (!next_part(top, sources.at[i].shown, &part, &last) ||
			hf_span_equal(part, before))
			continue;
		before = part;
		if (i < from)
			continue;
		HF_TRY(open_part(top, &sources.at[i], part, last, &child));
		if (!show(each, arg, part, child, i + 1))
			return NULL;
	}
	return NULL;
}

static const struct hf_node_ops parts_ops = {
	.lookup = parts_lookup, .list = parts_list, .attr = top_attr, .free = top_free};

/* ---- TIMES: at/, and labels/<key>/<value>/ ---- */

static hf_err times_lookup(
	struct hf_node *node, struct hf_span name, struct hf_node **out, bool *fixed)
{
	struct top *top = of(node), *child;
	struct hf_typed_time time;

	*out = NULL;
	*fixed = false;
	if (top->key && hf_span_equal(name, hf_span_str("latest"))) {
		*out = &child_of(top, name, &parts_ops)->base;
		return NULL;
	}
	struct hf_error *err = hf_time_typed(name, &time);

	if (err) {
		hf_error_free(err); /* no time: no such name */
		return NULL;
	}
	if (!hf_span_equal(hf_span_str(time.name), name)) {
		HF_FREED char *path =
			hf_format("%s/%.*s", top->path, (int)name.len, (const char *)name.at);

		*out = hf_made_link(
			path, time.name, !time.relative, atomic_load(&top->view->changed));
		return NULL;
	}
	child = child_of(top, name, &parts_ops);
	child->selection.until = time.until;
	*out = &child->base;
	return NULL;
}

static hf_err times_list(struct hf_node *node, uint64_t from, hf_listed_fn *each, void *arg)
{
	struct top *top = of(node);
	HF_FREED int64_t *times = NULL;
	size_t n, latest = top->key ? 1 : 0;
	bool go_on = true;

	HF_TRY(hf_view_moments(&top->view->repositories, &top->selection, &times, &n));
	if (latest && from == 0)
		HF_TRY(show_looked_up(node, hf_span_str("latest"), 0, each, arg, &go_on));
	for (size_t i = from > latest ? (size_t)from - latest : 0; go_on && i < n; i++) {
		HF_FREED char *name = hf_times_name(times, n, i);

		HF_TRY(show_looked_up(node, hf_span_str(name), i + latest, each, arg, &go_on));
	}
	return NULL;
}

static const struct hf_node_ops times_ops = {
	.lookup = times_lookup, .list = times_list, .attr = top_attr, .free = top_free};

/* ---- labels/ and labels/<key>/ ---- */

static const struct hf_node_ops labels_ops;

static struct hf_node *open_label(struct top *top, struct hf_span name)
{
	struct top *child = child_of(top, name, top->key ? &times_ops : &labels_ops);
	char *text = hf_strndup((const char *)name.at, name.len);

	if (top->key)
		child->selection.value = child->value = text;
	else
		child->selection.key = child->key = text;
	return &child->base;
}

static hf_err labels_lookup(
	struct hf_node *node, struct hf_span name, struct hf_node **out, bool *fixed)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct top *top = of(node);
	struct hf_names names;

	*out = NULL;
	*fixed = false;
	HF_TRY(hf_view_labels(&top->view->repositories, top->key, &arena, &names));
	for (size_t i = 0; i < names.n; i++) {
		if (hf_span_equal(names.at[i], name)) {
			*out = open_label(top, name);
			return NULL;
		}
	}
	return NULL;
}

static hf_err labels_list(struct hf_node *node, uint64_t from, hf_listed_fn *each, void *arg)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct top *top = of(node);
	struct hf_names names;

	HF_TRY(hf_view_labels(&top->view->repositories, top->key, &arena, &names));
	for (size_t i = (size_t)from; i < names.n; i++) {
		HF_NODE_REF child = open_label(top, names.at[i]);

		if (!show(each, arg, names.at[i], child, i + 1))
			return NULL;
	}
	return NULL;
}

static const struct hf_node_ops labels_ops = {
	.lookup = labels_lookup, .list = labels_list, .attr = top_attr, .free = top_free};

/* ---- the root itself ---- */

static const struct {
	const char *name;
	const struct hf_node_ops *ops;
	bool timeline;
} tops[] = {
	{"at", &times_ops, false},
	{"labels", &labels_ops, false},
	{"latest", &parts_ops, false},
	{"sources", &parts_ops, true},
};

static struct hf_node *open_top(struct top *root, size_t i)
{
	struct top *child = child_of(root, hf_span_str(tops[i].name), tops[i].ops);

	child->timeline = tops[i].timeline;
	return &child->base;
}

static hf_err root_lookup(
	struct hf_node *node, struct hf_span name, struct hf_node **out, bool *fixed)
{
	*out = NULL;
	*fixed = false;
	for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
		if (hf_span_equal(hf_span_str(tops[i].name), name))
			*out = open_top(of(node), i);
	}
	return NULL;
}

static hf_err root_list(struct hf_node *node, uint64_t from, hf_listed_fn *each, void *arg)
{
	for (size_t i = (size_t)from; i < ARRAY_LEN(tops); i++) {
		HF_NODE_REF child = open_top(of(node), i);

		if (!show(each, arg, hf_span_str(tops[i].name), child, i + 1))
			return NULL;
	}
	return NULL;
}

static const struct hf_node_ops root_ops = {
	.lookup = root_lookup, .list = root_list, .attr = top_attr, .free = top_free};

static uint64_t version_of(const struct hf_view *view)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < view->repositories.n; i++)
		sum += hf_history_version(hf_reader_repo(view->repositories.at[i].reader));
	return sum;
}

struct hf_view *hf_view_new(size_t most, const struct hf_view_options *options)
{
	struct hf_view *view = hf_calloc(1, sizeof(*view));
	struct top *root = hf_calloc(1, sizeof(*root));

	view->repositories.at = hf_calloc(most, sizeof(*view->repositories.at));
	view->repositories.most = most;
	view->options = *options;
	atomic_init(&view->changed, hf_time_now());
	hf_node_init(&root->base, &root_ops);
	hf_made_key("", root->base.key);
	root->view = view;
	root->path = hf_strdup("");
	root->prefix = hf_strdup("");
	root->selection.until = INT64_MAX;
	view->root = &root->base;
	return view;
}

static void mark_changed(struct hf_view *view)
{
	atomic_store(&view->version, version_of(view));
	atomic_store(&view->changed, hf_time_now());
}

void hf_view_add(struct hf_view *view, struct hf_reader *reader, const char *name)
{
	struct hf_view_repositories *repositories = &view->repositories;
	const size_t n = repositories->n;

	repositories->at[n].reader = reader;
	repositories->at[n].name = hf_strdup(name);
	/* Only now it counts: a listing that runs meanwhile sees all of it or nothing. */
	atomic_store(&repositories->n, n + 1);
	mark_changed(view);
}

void hf_view_free(struct hf_view *view)
{
	if (!view)
		return;
	hf_node_unref(view->root);
	for (size_t i = 0; i < view->repositories.n; i++)
		free(view->repositories.at[i].name);
	free(view->repositories.at);
	free(view);
}

struct hf_node *hf_view_root(struct hf_view *view)
{
	return view->root;
}

static void refresh_one(struct hf_view_repository *repository)
{
	struct hf_error *err = hf_repo_sync(hf_reader_repo(repository->reader), NULL);

	if (err && !repository->failing)
		hf_log(HF_WARN, "can't look for new snapshots", "repository", repository->name,
			"why", hf_error_text(err), NULL);
	if (!err && repository->failing)
		hf_log(HF_INFO, "the store answers again", "repository", repository->name, NULL);
	repository->failing = err != NULL;
	hf_error_free(err); /* told when it began; the next round tries again */
}

void hf_view_refresh(struct hf_view *view)
{
	for (size_t i = 0; i < view->repositories.n; i++)
		refresh_one(&view->repositories.at[i]);
	if (version_of(view) != atomic_load(&view->version))
		mark_changed(view);
}
