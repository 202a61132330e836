/* The program: the table of commands. */
#include <malloc.h>
#include <string.h>
#include <sys/resource.h>

#include "tools/cmd/commands.h"

const struct hf_command *const hf_commands[] = {
	&hf_command_init,
	&hf_command_backup,
	&hf_command_snapshots,
	&hf_command_mount,
	&hf_command_ls,
	&hf_command_cat,
	&hf_command_find,
	&hf_command_diff,
	&hf_command_restore,
	&hf_command_check,
	&hf_command_stats,
	&hf_command_key_add,
	&hf_command_key_list,
	&hf_command_complete,
	&hf_command_man,
	NULL,
};

int main(int argc, char **argv)
{
	/* No core file: it would hold keys and what they protect. */
	const struct rlimit none = {0, 0};
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

	setrlimit(RLIMIT_CORE, &none);
	/* An arena for each thread would keep many times what is in use. */
	mallopt(M_ARENA_MAX, 2);
	if (argc > 0 && strcmp(slash ? slash + 1 : argv[0], "mount.holdfast") == 0)
		hf_mount_helper_argv(&argc, &argv);
	return hf_command_main(argc, argv);
}
