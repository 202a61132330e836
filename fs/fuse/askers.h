/*
 * Who asks: a process that reads directories for their names and kinds only (find, grep --include)
 * is spared what the kernel makes of each file's attributes, which is most of its time; one that
 * asks for a file that it was given the name of gets the attributes with the names from then on. A
 * guess: whoever is given less asks for it. Any thread.
 */
#ifndef HF_FUSE_ASKERS_H
#define HF_FUSE_ASKERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Zero-initialise. */
struct hf_askers {
	atomic_uint_least64_t places[64];
};

/* Whether a page of a directory may come without the attributes of its files. */
bool hf_askers_names_suffice(struct hf_askers *askers, pid_t pid, bool first_page);
void hf_askers_gave_names(struct hf_askers *askers, pid_t pid); /* of at least one file */
void hf_askers_looked_up(struct hf_askers *askers, pid_t pid);  /* a file, by its name */

#endif
