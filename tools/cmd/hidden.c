/* __complete and __man: what the shells and the build call */
#include "tools/cli/cli.h"
#include "tools/cmd/commands.h"

static hf_err run_complete(
	struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	(void)options;
	hf_complete(cli, operands->at, operands->n, stdout);
	return NULL;
}

const struct hf_command hf_command_complete = {
	.name = "__complete",
	.operands = "WORD…",
	.most = SIZE_MAX,
	.run = run_complete,
};

static hf_err run_man(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	(void)cli;
	(void)options;
	return hf_man_print(operands->at[0], stdout)
		? NULL
		: hf_error_new(HF_NOT_FOUND, "there is no page %s", operands->at[0]);
}

const struct hf_command hf_command_man = {
	.name = "__man",
	.operands = "PAGE",
	.least = 1,
	.most = 1,
	.run = run_man,
};
