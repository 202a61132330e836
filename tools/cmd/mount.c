/* mount: the repository as a file system */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "fs/fuse/mount.h"
#include "tools/cli/cli.h"
#include "tools/cmd/commands.h"

struct mount {
	bool foreground;
	struct hf_list options;
	uint64_t cache;
};

static const struct hf_option mount_options[] = {
	{"foreground", 'f', HF_OPTION_FLAG, NULL, offsetof(struct mount, foreground),
		"stay, don't go to the background"},
	{"options", 'o', HF_OPTION_LIST, "LIST", offsetof(struct mount, options),
		"mount options, as mount(8) has them; see below"},
	{"cache", 0, HF_OPTION_SIZE, "SIZE", offsetof(struct mount, cache),
		"memory for decoded data (default: 64M)"},
};

#define DEFAULT_CACHE ((uint64_t)64 << 20)
#define DEFAULT_REFRESH 2

/* What -o said, sorted out: ours, and what goes on to the kernel. */
struct wish {
	struct hf_mount_options mount;
	struct hf_view_options view;
	struct hf_buf pass;
	char *text;        /* what the values point into */
	bool sloppy, fake; /* as mount(8) says them to a helper: -s, -f */
};

static void wish_release(struct wish *wish)
{
	hf_buf_release(&wish->pass);
	free(wish->text);
}

/* Those that mean something to mount(8) and systemd, or that hold anyway. */
static bool is_ignored(const char *name)
{
	static const char *const names[] = {"ro", "defaults", "auto", "noauto", "user", "users",
		"nouser", "owner", "group", "nofail", "_netdev", "atime", "noatime", "diratime",
		"nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime", "lazytime",
		"nolazytime", "async", "sync", "dirsync", "mand", "nomand", "iversion",
		"noiversion", "silent", "loud", "symfollow"};

	if (strncasecmp(name, "x-", 2) == 0 || hf_text_begins(name, "comment="))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static bool is_passed(const char *name)
{
	static const char *const names[] = {"allow_other", "allow_root", "nodev", "dev", "nosuid",
		"suid", "noexec", "exec", "fsname", "subtype", "context"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const size_t len = strlen(names[i]);

		if (strncmp(name, names[i], len) == 0 && (name[len] == 0 || name[len] == '='))
			return true;
	}
	return false;
}

static hf_err parse_owner(const char *name, const char *value, uint32_t *out)
{
	char *end;
	const unsigned long number = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || number >= UINT32_MAX)
		return hf_error_new(HF_INVALID, "-o %s takes a number, not \"%s\"", name, value);
	*out = (uint32_t)number;
	return NULL;
}

static hf_err parse_xattr(const char *value, bool *none)
{
	*none = strcmp(value, "off") == 0;
	if (*none || strcmp(value, "on") == 0 || strcmp(value, "auto") == 0)
		return NULL;
	return hf_error_new(HF_INVALID, "-o xattr is on or off, not \"%s\"", value);
}

static hf_err parse_refresh(const char *value, unsigned *out)
{
	int64_t ns;

	HF_TRY(hf_duration_parse(value, &ns));
	*out = (unsigned)HF_MAX(HF_MIN(ns / HF_NS_PER_S, 86400), 1);
	return NULL;
}

static hf_err unknown_option(const struct wish *wish, const char *name)
{
	return wish->sloppy ? NULL
			    : hf_error_new(HF_INVALID, "there is no mount option \"%s\"", name);
}

static hf_err parse_value(struct hf_cli *cli, struct mount *mount, struct wish *wish, char *name)
{
	char *value = strchr(name, '=');

	*value++ = 0;
	if (strcmp(name, "uid") == 0 || strcmp(name, "gid") == 0) {
		wish->view.owner_set = true;
		return parse_owner(name, value, name[0] == 'u' ? &wish->view.uid : &wish->view.gid);
	}
	if (strcmp(name, "xattr") == 0)
		return parse_xattr(value, &wish->mount.no_xattrs);
	if (strcmp(name, "refresh") == 0)
		return parse_refresh(value, &wish->mount.refresh_s);
	if (strcmp(name, "cache") == 0)
		return hf_size_parse(value, &mount->cache)
			? NULL
			: hf_error_new(
				  HF_INVALID, "-o cache: \"%s\" is not a size; hint: 96M", value);
	if (strcmp(name, "key-file") == 0)
		cli->key = (struct hf_cli_key){.file = value};
	else if (strcmp(name, "key-command") == 0)
		cli->key = (struct hf_cli_key){.command = value};
	else if (strcmp(name, "passphrase-file") == 0)
		cli->key = (struct hf_cli_key){.passphrase_file = value};
	else if (strcmp(name, "cache-dir") == 0)
		cli->cache_dir = value;
	else
		return unknown_option(wish, name);
	return NULL;
}

static hf_err parse_one(struct hf_cli *cli, struct mount *mount, struct wish *wish, char *name)
{
	char *value = strchr(name, '=');

	if (is_ignored(name))
		return NULL;
	if (is_passed(name)) {
		hf_buf_printf(&wish->pass, "%s", wish->pass.len ? "," : "");
		for (const char *at = name; *at; at++)
			hf_buf_printf(&wish->pass, "%s%c", *at == ',' ? "\\" : "", *at);
		return NULL;
	}
	/* mount(8) says it to every helper unless the user said ro. */
	if (strcmp(name, "rw") == 0) {
		hf_log(HF_INFO, "the mount will be read-only: the past can't be written to", NULL);
		return NULL;
	}
	if (strcmp(name, "nosymfollow") == 0)
		wish->mount.nosymfollow = true;
	else if (strcmp(name, "sloppy") == 0)
		wish->sloppy = true;
	else if (strcmp(name, "fake") == 0)
		wish->fake = true;
	else if (value)
		return parse_value(cli, mount, wish, name);
	else
		return unknown_option(wish, name);
	return NULL;
}

/* Ends the first option in place, where "\\," is a comma of its own; gives the next one. */
static char *end_option(char *at)
{
	char *to = at;

	while (*at && *at != ',') {
		at += at[0] == '\\' && at[1] == ',';
		*to++ = *at++;
	}
	at += *at == ',';
	*to = '\0';
	return at;
}

static hf_err parse_options(struct hf_cli *cli, struct mount *mount, struct wish *wish)
{
	HF_RELEASED(hf_buf) all = {0};

	for (size_t i = 0; i < mount->options.n; i++)
		hf_buf_printf(&all, "%s%s", i ? "," : "", mount->options.at[i]);
	wish->text = hf_strdup(hf_buf_text(&all));
	for (char *next = wish->text; *next;) {
		char *at = next;

		next = end_option(at);
		if (*at)
			HF_TRY(parse_one(cli, mount, wish, at));
	}
	return NULL;
}

/* libfuse would say less, and to stderr. */
static hf_err check_mount_point(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 && errno == ENOTCONN)
		return hf_error_new(HF_SYSTEM,
			"%s: a mount whose daemon died is there; hint: fusermount3 -u %s", path,
			path);
	if (stat(path, &st) != 0)
		return hf_error_sys("mount point %s", path);
	if (!S_ISDIR(st.st_mode))
		return hf_error_new(HF_INVALID, "mount point %s is no directory", path);
	if (!hf_dir_is_empty(path))
		hf_log(HF_WARN, "the mount point is not empty; what is in it is hidden", "path",
			path, NULL);
	return NULL;
}

static hf_err check_device(void)
{
	if (access("/dev/fuse", F_OK) != 0)
		return hf_error_new(HF_UNSUPPORTED,
			"there is no /dev/fuse; hint: modprobe fuse, or give the container that "
			"device");
	if (access("/dev/fuse", R_OK | W_OK) != 0)
		return hf_error_new(HF_UNSUPPORTED,
			"this user may not use /dev/fuse; hint: its mode is 0666 on most machines");
	return NULL;
}

/* ---- repositories: what can't be opened does not keep the others from being shown ---- */

#define ROUNDS_MAX 32 /* of looks for new snapshots, from one try to the next */

/* A repository that is not shown. */
struct missing {
	struct hf_cli_repository *repository; /* NULL: shown meanwhile, or given up */
	unsigned rounds, left;                /* between tries; until the next */
};
struct opening {
	struct hf_cli *cli;
	size_t cache_each;
	struct missing *missing; /* as many as are chosen */
};

static hf_err show(const struct opening *opening, struct hf_cli_repository *repository)
{
	HF_TRY(hf_cli_open(opening->cli, repository));
	struct hf_error *err = hf_repo_need(repository->repo, HF_READ, NULL);

	if (err)
		return opening->cli->n_chosen > 1
			? hf_error_in(err, "repository %s", repository->name)
			: err;
	return hf_cli_show(opening->cli, repository, opening->cache_each);
}

/* A store may come back; a wrong key stays wrong. */
static bool may_come_back(const struct hf_error *err)
{
	return hf_error_kind(err) == HF_NOT_FOUND || hf_error_may_pass(err);
}

/* Fails if none can be shown, with the first one's error. */
static hf_err show_all(struct opening *opening)
{
	struct hf_cli *cli = opening->cli;
	struct hf_error *first = NULL;
	size_t shown = 0;

	for (size_t i = 0; i < cli->n_chosen; i++) {
		struct hf_error *err = show(opening, &cli->chosen[i]);
		const bool again = err && may_come_back(err);

		shown += err == NULL;
		if (again)
			opening->missing[i] = (struct missing){&cli->chosen[i], 1, 1};
		if (err && cli->n_chosen > 1)
			hf_log(HF_WARN, again ? "not shown until it is there" : "not shown", "why",
				hf_error_text(err), NULL);
		if (!err || first)
			hf_error_free(err); /* told */
		else
			first = err;
	}
	if (shown == 0)
		return first;
	hf_error_free(first); /* told: the others are what is mounted */
	return NULL;
}

static void retry_one(const struct opening *opening, struct missing *missing)
{
	struct hf_error *err = show(opening, missing->repository);

	if (err && may_come_back(err)) {
		missing->rounds = HF_MIN(missing->rounds * 2, ROUNDS_MAX);
		missing->left = missing->rounds;
		hf_error_free(err); /* told when it was mounted; it is tried again */
		return;
	}
	if (err)
		hf_log(HF_WARN, "not shown", "why", hf_error_text(err), NULL);
	else
		hf_log(HF_INFO, "shown now", "repository", missing->repository->name, NULL);
	hf_error_free(err); /* told */
	missing->repository = NULL;
}

static void retry(void *arg)
{
	const struct opening *opening = arg;

	for (size_t i = 0; i < opening->cli->n_chosen; i++) {
		struct missing *missing = &opening->missing[i];

		if (missing->repository && --missing->left == 0)
			retry_one(opening, missing);
	}
}

/* What /proc/mounts shows as the device. */
static void name_mount(const struct hf_cli *cli, struct hf_buf *out)
{
	for (size_t i = 0; i < cli->n_chosen; i++)
		hf_buf_printf(out, "%s%s", i ? "," : "",
			cli->n_chosen > 1 ? cli->chosen[i].name
					  : hf_store_url(hf_repo_store(cli->chosen[i].repo)));
}

static bool is_within(const char *path, const char *folder)
{
	const size_t len = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

	return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* A mount over what it shows would wait for itself. */
static hf_err check_hidden(const struct hf_cli *cli, const char *mountpoint)
{
	HF_FREED char *over = realpath(mountpoint, NULL);

	for (size_t i = 0; over && i < cli->n_chosen; i++) {
		struct hf_repo *repo = cli->chosen[i].repo;
		HF_FREED char *folder =
			repo ? realpath(hf_store_url(hf_repo_store(repo)), NULL) : NULL;

		if (folder && (is_within(folder, over) || is_within(over, folder)))
			return hf_error_new(HF_INVALID,
				"a mount at %s would hide the repository %s; hint: mount it "
				"elsewhere",
				mountpoint, folder);
	}
	return NULL;
}

static hf_err serve(struct hf_cli *cli, const struct mount *mount, struct wish *wish,
	struct hf_mount_parent *parent)
{
	const size_t cache = mount->cache ? (size_t)mount->cache : (size_t)DEFAULT_CACHE;
	HF_FREED struct missing *missing = hf_calloc(cli->n_chosen, sizeof(*missing));
	struct opening opening = {cli, cache / HF_MAX(cli->n_chosen, 1), missing};
	HF_RELEASED(hf_buf) name = {0};

	HF_TRY(hf_cli_view_new(cli, &wish->view));
	HF_TRY(show_all(&opening));
	HF_TRY(check_hidden(cli, wish->mount.mountpoint));
	cli->unattended = true;
	name_mount(cli, &name);
	wish->mount.name = hf_buf_text(&name);
	wish->mount.fuse_options = wish->pass.len ? hf_buf_text(&wish->pass) : NULL;
	wish->mount.retry = retry;
	wish->mount.arg = &opening;
	return hf_mount_run(cli->view, &wish->mount, parent);
}

static hf_err run_mount(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	struct mount mount = *(const struct mount *)options;
	__attribute__((cleanup(wish_release))) struct wish wish = {
		.mount = {.mountpoint = operands->at[0], .refresh_s = DEFAULT_REFRESH}};
	struct hf_mount_parent *parent = NULL;

	HF_TRY(parse_options(cli, &mount, &wish));
	HF_TRY(check_mount_point(operands->at[0]));
	HF_TRY(check_device());
	if (wish.fake)
		return NULL;
	/* Before any thread or database handle exists: neither survives a fork. */
	if (!mount.foreground)
		HF_TRY(hf_mount_detach(&parent));
	struct hf_error *err = serve(cli, &mount, &wish, parent);

	if (err && parent)
		hf_mount_failed(parent, hf_error_text(err), hf_error_exit_status(err));
	return err;
}

static const char *const examples[] = {
	"holdfast mount /mnt/past && ls /mnt/past/latest",
	"look at the newest snapshot of each source",
	"cp -a '/mnt/past/at/yesterday 14:30/files/h-srv/shop' /srv/",
	"restore a directory as it was then",
	"fusermount3 -u /mnt/past",
	"unmount",
	"holdfast -r platform -r tenant-a mount /mnt/past",
	"two repositories of the configuration file in one mount",
	"/backup/repo /mnt/past holdfast ro,key-file=/etc/holdfast.key,_netdev 0 0",
	"a line of /etc/fstab; `none` instead of a directory mounts what /etc/holdfast/config.yaml "
	"has",
	NULL,
};

const struct hf_command hf_command_mount = {
	.name = "mount",
	.operands = "DIR",
	.least = 1,
	.most = 1,
	.first = HF_OPERAND_DIR,
	.rest = HF_OPERAND_NONE,
	.summary = "show every backup as a file system",
	.description =
		"Mounts the repository, read-only, and returns when it is there. `latest/` "
		"has the newest snapshot of each "
		"source, `sources/` every snapshot, `at/` everything as it was at a moment "
		"(any time can be typed: "
		"\"at/2h ago\"), `labels/` the snapshots by label. New snapshots appear by "
		"themselves.\n\n"
		"Several repositories (`-r` more than once, or a configuration file) are "
		"shown in one: where two have the same source, each is "
		"`SOURCE@REPOSITORY`, which always names it. One that can't be opened is "
		"named, the others are mounted; it is shown once its store is there, but "
		"not if the key does not fit.\n\n"
		"The kernel enforces modes and ACLs as they were backed up. The extended "
		"attributes user.holdfast.snapshot, .source and .tier of each file tell where it "
		"comes from: `getfattr -n user.holdfast.snapshot FILE`; they are not listed.\n\n"
		"The signals TERM, INT and HUP unmount, as `fusermount3 -u` does. If the daemon "
		"dies otherwise the mount point stays, and gives an error.\n\n"
		"Mount options: `allow_other`; `uid=N`, `gid=N`: show all as one owner's; "
		"`xattr=on|off`: whether extended attributes are shown (ACLs bind either way); "
		"`refresh=2s`: how often to look for "
		"new snapshots; `cache=64M`: memory for decoded data; `key-file=`, "
		"`key-command=`, `passphrase-file=`, `cache-dir=`: as "
		"the options of that name, for /etc/fstab, where a comma in a value is `\\,`; "
		"nosymfollow (takes root), nodev, nosuid, noexec and their kind as in "
		"mount(8).",
	.examples = examples,
	.options = mount_options,
	.n_options = ARRAY_LEN(mount_options),
	.options_size = sizeof(struct mount),
	.page = "holdfast-mount",
	.run = run_mount,
};

/* What the letters of one word say; gives how many of the words after it belong to them. */
static int helper_letters(const char *word, char **out, int *n)
{
	static char option[] = "-o", sloppy[] = "sloppy", fake[] = "fake";

	for (const char *at = word + 1; *at; at++) {
		if (*at == 's' || *at == 'f') {
			out[(*n)++] = option;
			out[(*n)++] = *at == 's' ? sloppy : fake;
		} else if (strchr("otN", *at)) {
			return 1;
		}
	}
	return 0;
}

/*
 * mount.holdfast URL DIR [-sfnv] [-N NAMESPACE] [-t TYPE] [-o LIST], as mount(8) calls helpers →
 * holdfast mount -r URL [-o LIST] DIR; "none": no -r
 */
void hf_mount_helper_argv(int *argc, char ***argv)
{
	static char program[] = "holdfast", command[] = "mount", repository[] = "-r",
		    option[] = "-o", help[] = "--help";
	char **out = hf_calloc((size_t)*argc * 8 + 8, sizeof(*out));
	char *operands[2] = {NULL, NULL};
	int n = 0, bare = 0;

	out[n++] = program;
	out[n++] = command;
	for (int i = 1; i < *argc; i++) {
		char *word = (*argv)[i];

		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
			out[n++] = help;
		} else if (word[0] != '-') {
			if (bare < 2)
				operands[bare++] = word;
		} else if (helper_letters(word, out, &n) && ++i < *argc && strchr(word, 'o')) {
			out[n++] = option;
			out[n++] = (*argv)[i];
		}
	}
	if (operands[0] && strcmp(operands[0], "none") != 0) {
		out[n++] = repository;
		out[n++] = operands[0];
	}
	if (operands[1])
		out[n++] = operands[1];
	*argc = n;
	*argv = out;
}
