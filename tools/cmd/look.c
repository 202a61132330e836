/* snapshots, ls, cat, find: what is there, by view path */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/repo/history.h"
#include "tools/cli/cli.h"
#include "tools/cli/output.h"
#include "tools/cmd/commands.h"

/* ---- snapshots ---- */

struct snapshots {
	const char *source;
};
static const struct hf_option snapshots_options[] = {
	{"source", 's', HF_OPTION_TEXT, "NAME", offsetof(struct snapshots, source),
		"of this source only"},
};

/* repository: its name, or NULL where there is one only */
static void json_snapshot(const struct hf_snapshot_info *info, const char *repository)
{
	const struct hf_snapshot *snapshot = &info->snapshot;
	char id[2 * HF_SNAPSHOT_ID_LEN + 1];
	json_t *line = json_object(), *labels = json_object();

	hf_hex(hf_span(info->id, HF_SNAPSHOT_ID_LEN), id);
	json_object_set_new(line, "id", json_string(id));
	hf_json_set_bytes(line, "source", snapshot->source);
	hf_json_set_time(line, "moment", snapshot->moment);
	hf_json_set_time(line, "started", snapshot->started);
	hf_json_set_time(line, "ended", snapshot->ended);
	json_object_set_new(line, "files", json_integer((json_int_t)snapshot->files));
	json_object_set_new(line, "entries", json_integer((json_int_t)snapshot->entries));
	json_object_set_new(line, "bytes", json_integer((json_int_t)snapshot->bytes));
	json_object_set_new(line, "failed", json_integer((json_int_t)snapshot->failed));
	hf_json_set_bytes(line, "host", snapshot->host);
	hf_json_set_bytes(line, "user", snapshot->user);
	hf_json_set_list(line, "paths", snapshot->paths, snapshot->n_paths);
	for (size_t i = 0; i < snapshot->labels.n; i++) {
		HF_FREED char *key = hf_strndup((const char *)snapshot->labels.at[i].key.at,
			snapshot->labels.at[i].key.len);

		hf_json_set_bytes(labels, key, snapshot->labels.at[i].value);
	}
	json_object_set_new(line, "labels", labels);
	if (repository)
		hf_json_set_text(line, "repository", repository);
	hf_json_line(line);
}

static void table_snapshot(
	struct hf_table_out *table, const struct hf_snapshot_info *info, const char *repository)
{
	const struct hf_snapshot *snapshot = &info->snapshot;
	char id[2 * HF_SNAPSHOT_ID_LEN + 1], time[HF_TIME_TEXT], bytes[HF_SIZE_TEXT];
	HF_FREED char *files = hf_format("%llu", (unsigned long long)snapshot->files);
	HF_RELEASED(hf_buf) source = {0}, labels = {0};

	hf_hex(hf_span(info->id, HF_SNAPSHOT_ID_LEN), id);
	id[8] = 0;
	hf_text_show(snapshot->source, &source);
	for (size_t i = 0; i < snapshot->labels.n; i++) {
		hf_buf_printf(&labels, "%s", i ? " " : "");
		hf_text_show(snapshot->labels.at[i].key, &labels);
		hf_buf_printf(&labels, "=");
		hf_text_show(snapshot->labels.at[i].value, &labels);
	}
	if (snapshot->failed)
		hf_buf_printf(&labels, "%s(%llu not read)", labels.len ? " " : "",
			(unsigned long long)snapshot->failed);
	if (repository)
		hf_table_cell(table, repository);
	hf_table_cell(table, id);
	hf_table_cell(table, hf_time_table(snapshot->moment, time));
	hf_table_cell(table, hf_buf_text(&source));
	hf_table_cell(table, files);
	hf_table_cell(table, hf_size_text(snapshot->bytes, bytes));
	hf_table_cell(table, hf_buf_text(&labels));
}

static hf_err list_snapshots(struct hf_repo *repo, const char *source, const char *repository,
	struct hf_table_out *table)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots all;

	HF_TRY(hf_history_snapshots(repo, source, &arena, &all));
	for (size_t i = 0; i < all.n; i++) {
		if (table)
			table_snapshot(table, &all.at[i], repository);
		else
			json_snapshot(&all.at[i], repository);
	}
	return NULL;
}

static hf_err run_snapshots(
	struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	static const char *const titles[] = {
		"repository", "id", "moment (UTC)", "source", ">files", ">size", "labels", NULL};
	const struct snapshots *wish = options;
	HF_FREED char *source = wish->source ? hf_cli_source(wish->source) : NULL;
	struct hf_error *err = NULL;
	struct hf_view *view;

	(void)operands;
	HF_TRY(hf_cli_view(cli, &view));
	const bool several = cli->n_chosen > 1;
	struct hf_table_out *table = cli->json ? NULL : hf_table_new(titles + !several);

	for (size_t i = 0; !err && i < cli->n_chosen; i++) {
		const struct hf_cli_repository *one = &cli->chosen[i];

		err = list_snapshots(one->repo, source, several ? one->name : NULL, table);
	}
	if (table)
		hf_table_show(table);
	return err;
}

static const char *const snapshots_examples[] = {"holdfast snapshots --source files/h-etc",
	"the snapshots of one source, oldest first", NULL};

const struct hf_command hf_command_snapshots = {
	.name = "snapshots",
	.operands = "",
	.first = HF_OPERAND_NONE,
	.rest = HF_OPERAND_NONE,
	.summary = "list the snapshots",
	.description = "Lists the snapshots, oldest first: the moment that each stands for, its "
		       "source, how many "
		       "files it has and how large they are.",
	.examples = snapshots_examples,
	.options = snapshots_options,
	.n_options = ARRAY_LEN(snapshots_options),
	.options_size = sizeof(struct snapshots),
	.page = "holdfast-look",
	.run = run_snapshots,
};

/* ---- ls ---- */

struct ls {
	bool list_long;
};
static const struct hf_option ls_options[] = {
	{"long", 'l', HF_OPTION_FLAG, NULL, offsetof(struct ls, list_long),
		"mode, owner, size and time too"},
};

static void mode_text(const struct hf_attr *attr, char out[11])
{
	static const char types[] = "?-dlcbps";
	static const char bits[] = "rwxrwxrwx";

	out[0] = types[attr->type <= HF_SOCK ? attr->type : 0];
	for (int i = 0; i < 9; i++)
		out[1 + i] = attr->mode & (0400u >> i) ? bits[i] : '-';
	if (attr->mode & 04000)
		out[3] = out[3] == 'x' ? 's' : 'S';
	if (attr->mode & 02000)
		out[6] = out[6] == 'x' ? 's' : 'S';
	if (attr->mode & 01000)
		out[9] = out[9] == 'x' ? 't' : 'T';
	out[10] = 0;
}

static void json_node(struct hf_node *node, struct hf_span name, const char *key)
{
	static const char *const types[] = {
		"?", "file", "dir", "symlink", "chardev", "blockdev", "fifo", "socket"};
	struct hf_attr attr;
	struct hf_error *err = hf_node_attr(node, &attr);
	json_t *line = json_object();

	hf_json_set_bytes(line, key, name);
	if (err) {
		hf_json_set_text(line, "error", hf_error_text(err));
		hf_error_free(err); /* told in the line */
		hf_json_line(line);
		return;
	}
	json_object_set_new(line, "type", json_string(types[attr.type <= HF_SOCK ? attr.type : 0]));
	json_object_set_new(line, "mode", json_integer(attr.mode));
	json_object_set_new(line, "uid", json_integer(attr.uid));
	json_object_set_new(line, "gid", json_integer(attr.gid));
	json_object_set_new(line, "size", json_integer((json_int_t)attr.size));
	hf_json_set_time(line, "mtime", attr.mtime);
	json_object_set_new(line, "inode", json_integer((json_int_t)attr.ino));
	if (attr.type == HF_LNK) {
		HF_RELEASED(hf_buf) target = {0};

		err = node->ops->target(node, &target);
		if (!err)
			hf_json_set_bytes(line, "target", hf_buf_span(&target));
		hf_error_free(err); /* the line lacks the target then */
	}
	hf_json_line(line);
}

static void print_long(struct hf_node *node, struct hf_span name)
{
	struct hf_attr attr;
	char mode[11], time[HF_TIME_TEXT];
	struct hf_error *err = hf_node_attr(node, &attr);

	if (err) {
		printf("?????????? ");
		hf_error_free(err); /* the question marks tell */
	} else {
		mode_text(&attr, mode);
		printf("%s %5u %5u %12llu %s ", mode, attr.uid, attr.gid,
			(unsigned long long)attr.size, hf_time_table(attr.mtime, time));
	}
	hf_print_name(name, stdout);
	if (!err && attr.type == HF_LNK && node->ops->target) {
		HF_RELEASED(hf_buf) target = {0};

		err = node->ops->target(node, &target);
		printf(" -> ");
		hf_print_name(hf_buf_span(&target), stdout);
		hf_error_free(err); /* an empty target tells */
	}
	putchar('\n');
}

struct listing {
	const struct hf_cli *cli;
	bool list_long;
};

static bool show_listed(void *arg, const struct hf_listed *listed)
{
	const struct listing *listing = arg;
	HF_NODE_REF node = hf_listed_node(listed);

	if (listing->cli->json) {
		json_node(node, listed->name, "name");
	} else if (listing->list_long) {
		print_long(node, listed->name);
	} else {
		hf_print_name(listed->name, stdout);
		putchar('\n');
	}
	return atomic_load(&listing->cli->stop.raised) == 0 && !hf_stdout_failed();
}

static hf_err run_ls(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	const struct ls *wish = options;
	const char *path = operands->n ? operands->at[0] : "";
	struct listing listing = {cli, wish->list_long};
	HF_NODE_REF node = NULL;
	struct hf_attr attr;

	HF_TRY(wish->list_long || cli->json ? hf_cli_node(cli, path, &node)
					    : hf_cli_followed(cli, path, &node));
	HF_TRY(hf_node_attr(node, &attr));
	if (attr.type == HF_DIR)
		return hf_node_list(node, 0, show_listed, &listing);
	const struct hf_listed alone = {.name = hf_span_str(path), .node = node};

	show_listed(&listing, &alone);
	return NULL;
}

static const char *const ls_examples[] = {
	"holdfast ls",
	"what the top of the mount shows",
	"holdfast ls -l latest/files/h-etc/ssh",
	"a directory of the newest snapshot",
	"holdfast ls 'at/yesterday 14:30/files/h-etc'",
	"the same as it was then",
	NULL,
};

const struct hf_command hf_command_ls = {
	.name = "ls",
	.operands = "[VIEWPATH]",
	.most = 1,
	.first = HF_OPERAND_VIEW,
	.rest = HF_OPERAND_NONE,
	.summary = "list a directory of the view",
	.description = "Lists what the mount would show there, without mounting.",
	.examples = ls_examples,
	.options = ls_options,
	.n_options = ARRAY_LEN(ls_options),
	.options_size = sizeof(struct ls),
	.page = "holdfast-look",
	.run = run_ls,
};

/* ---- cat ---- */

static hf_err cat_one(struct hf_cli *cli, const char *path)
{
	enum { PIECE = 1 << 20 };
	HF_NODE_REF node = NULL;
	HF_FREED uint8_t *piece = hf_alloc(PIECE);
	struct hf_attr attr;
	uint64_t from = 0;
	size_t got = 0;

	HF_TRY(hf_cli_followed(cli, path, &node));
	HF_TRY(hf_node_attr(node, &attr));
	if (attr.type != HF_REG)
		return hf_error_new(HF_INVALID, "%s is no regular file", path);
	do {
		HF_TRY(hf_stop_check(&cli->stop));
		HF_TRY(hf_node_read(node, from, piece, PIECE, &got));
		HF_TRY(hf_fd_write(STDOUT_FILENO, piece, got));
		from += got;
	} while (got > 0);
	return NULL;
}

static hf_err run_cat(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	struct hf_error *first = NULL;
	size_t failed = 0;

	(void)options;
	for (size_t i = 0; i < operands->n; i++) {
		struct hf_error *err = cat_one(cli, operands->at[i]);

		if (err && (operands->n == 1 || cli->stop.raised || hf_error_errno(err) == EPIPE)) {
			hf_error_free(first); /* told */
			return err;
		}
		if (err)
			hf_log(HF_ERROR, hf_error_text(err), NULL);
		failed += err != NULL;
		if (!first)
			first = HF_STEAL(err);
		hf_error_free(err); /* told */
	}
	if (!first)
		return NULL;
	struct hf_error *all = hf_error_new(
		hf_error_kind(first), "%zu of %zu could not be printed", failed, operands->n);

	hf_error_free(first); /* told */
	return all;
}

static const char *const cat_examples[] = {
	"holdfast cat latest/files/h-etc/fstab",
	"the file as it was backed up last",
	"holdfast cat 'at/2h ago/files/shop-dump/shop.dump' | pg_restore --list",
	"look into a dump of two hours ago",
	NULL,
};

const struct hf_command hf_command_cat = {
	.name = "cat",
	.operands = "VIEWPATH…",
	.least = 1,
	.most = SIZE_MAX,
	.first = HF_OPERAND_VIEW,
	.rest = HF_OPERAND_VIEW,
	.summary = "print files of the view",
	.description = "Writes the files to standard output, without mounting. One that can't be "
		       "read is named, and the next is written.",
	.examples = cat_examples,
	.page = "holdfast-look",
	.run = run_cat,
};

/* ---- find ---- */

struct find {
	const char *name, *path, *type;
	bool zero;
};
static const struct hf_option find_options[] = {
	{"name", 0, HF_OPTION_TEXT, "GLOB", offsetof(struct find, name), "whose last part matches"},
	{"path", 0, HF_OPTION_TEXT, "GLOB", offsetof(struct find, path),
		"whose path matches; ** crosses '/'"},
	{"type", 0, HF_OPTION_TEXT, "LETTERS", offsetof(struct find, type),
		"of these types: f d l c b p s, as find(1) has them"},
	{"print0", '0', HF_OPTION_FLAG, NULL, offsetof(struct find, zero),
		"end each path with a NUL"},
};

struct finding {
	struct hf_cli *cli;
	const struct find *wish;
	struct hf_buf path; /* of the directory that is listed, then of the name */
	struct hf_error *err;
	unsigned depth;
};

static bool wanted(const struct finding *finding, struct hf_span name, enum hf_type type)
{
	static const char types[] = "?fdlcbps";
	const struct find *wish = finding->wish;

	if (wish->type && !strchr(wish->type, types[type <= HF_SOCK ? type : 0]))
		return false;
	if (wish->name && !hf_glob_match(wish->name, name))
		return false;
	return !wish->path || hf_glob_match(wish->path, hf_buf_span(&finding->path));
}

static void print_found(const struct finding *finding, struct hf_node *node)
{
	if (finding->cli->json) {
		json_node(node, hf_buf_span(&finding->path), "path");
		return;
	}
	hf_print_name(hf_buf_span(&finding->path), stdout);
	putchar(finding->wish->zero ? 0 : '\n');
}

static bool visit(void *arg, const struct hf_listed *listed)
{
	struct finding *finding = arg;
	const size_t len = finding->path.len;
	HF_NODE_REF node = hf_listed_node(listed);
	struct hf_attr attr;

	if (atomic_load(&finding->cli->stop.raised) || hf_stdout_failed())
		return false;
	if (len > 0 && finding->path.at[len - 1] != '/')
		hf_buf_add(&finding->path, "/", 1);
	hf_buf_add_span(&finding->path, listed->name);
	finding->err = hf_node_attr(node, &attr);
	if (!finding->err && wanted(finding, listed->name, attr.type))
		print_found(finding, node);
	if (!finding->err && attr.type == HF_DIR && finding->depth++ < HF_MAX_DEPTH) {
		struct hf_error *err = hf_node_list(node, 0, visit, finding);

		if (err && finding->err)
			hf_error_free(err); /* the first failure is the one to tell */
		else if (err)
			finding->err = err;
		finding->depth--;
	}
	finding->path.len = len;
	return finding->err == NULL;
}

static hf_err run_find(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	struct finding finding = {.cli = cli, .wish = options};
	const char *type = finding.wish->type;
	HF_NODE_REF node = NULL;
	struct hf_attr attr;

	if (type && (!*type || type[strspn(type, "fdlcbps")]))
		return hf_error_new(HF_INVALID, "--type takes letters of f, d, l, c, b, p, s");
	HF_TRY(hf_cli_node(cli, operands->at[0], &node));
	HF_TRY(hf_node_attr(node, &attr));
	hf_buf_add_span(&finding.path, hf_span_str(operands->at[0]));
	if (wanted(&finding, hf_span_str(""), attr.type))
		print_found(&finding, node);
	struct hf_error *err = attr.type == HF_DIR ? hf_node_list(node, 0, visit, &finding) : NULL;

	hf_buf_release(&finding.path);
	if (err && finding.err)
		hf_error_free(err); /* the first failure is the one to tell */
	err = finding.err ? finding.err : err;
	return err ? err : hf_stop_check(&cli->stop);
}

static const char *const find_examples[] = {
	"holdfast find latest/files/h-etc --name '*.conf'",
	"where is it in the newest snapshot?",
	"holdfast find sources/files/h-etc --path '**/ssh/sshd_config'",
	"every version that there is of one file",
	NULL,
};

const struct hf_command hf_command_find = {
	.name = "find",
	.operands = "VIEWPATH",
	.least = 1,
	.most = 1,
	.first = HF_OPERAND_VIEW,
	.rest = HF_OPERAND_NONE,
	.summary = "find files below a view path",
	.description = "Prints the path of everything below VIEWPATH, or of what matches. Reads "
		       "metadata only.",
	.examples = find_examples,
	.options = find_options,
	.n_options = ARRAY_LEN(find_options),
	.options_size = sizeof(struct find),
	.page = "holdfast-look",
	.run = run_find,
};
