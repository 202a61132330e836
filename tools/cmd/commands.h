/* The commands' tables, one file by noun; commands.c lists them. */
#ifndef HF_CMD_COMMANDS_H
#define HF_CMD_COMMANDS_H

#include "tools/cli/command.h"

extern const struct hf_command hf_command_init, hf_command_check, hf_command_stats;
extern const struct hf_command hf_command_key_add, hf_command_key_list, hf_command_key_revoke,
	hf_command_key_rotate;
extern const struct hf_command hf_command_backup;
extern const struct hf_command hf_command_forget, hf_command_prune;
extern const struct hf_command hf_command_snapshots, hf_command_ls, hf_command_cat, hf_command_find;
extern const struct hf_command hf_command_diff, hf_command_restore, hf_command_mount;
extern const struct hf_command hf_command_config_show;
/* Shows what the stored bytes are kept for. */
struct hf_cli;
struct hf_error *hf_prune_why(struct hf_cli *cli);
/* For the build and the shells, not in --help. */
extern const struct hf_command hf_command_complete, hf_command_man;

/* "mount.holdfast URL DIR -o …", as mount(8) calls it, in the words of `holdfast mount`. Lives as
 * long as argv. */
void hf_mount_helper_argv(int *argc, char ***argv);

#endif
