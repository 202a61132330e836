/* The table of commands, in the order of --help. */
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
	&hf_command_forget,
	&hf_command_prune,
	&hf_command_check,
	&hf_command_stats,
	&hf_command_key_add,
	&hf_command_key_list,
	&hf_command_key_revoke,
	&hf_command_key_rotate,
	&hf_command_config_show,
	&hf_command_complete,
	&hf_command_man,
	NULL,
};
