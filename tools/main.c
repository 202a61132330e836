/* The program, and mount.holdfast. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tools/cmd/commands.h"

int main(int argc, char **argv)
{
	/* No core file: it would hold keys and what they protect. */
	const struct rlimit none = {0, 0};
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	char **helper = NULL;

	setrlimit(RLIMIT_CORE, &none);
	/* An arena for each thread would keep many times what is in use. */
	mallopt(M_ARENA_MAX, 2);
	/*
	 * Chunks and packs come and go by the megabyte. Given back to the system each time, every
	 * page of them would be faulted in anew, which costs more than filling it.
	 */
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	if (argc > 0 && strcmp(slash ? slash + 1 : argv[0], "mount.holdfast") == 0) {
		hf_mount_helper_argv(&argc, &argv);
		helper = argv;
	}
	const int status = hf_command_main(argc, argv);

	free(helper);
	return status;
}
