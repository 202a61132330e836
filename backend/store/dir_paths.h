/* Where a store in a directory keeps what, and what it means when something is not there. */
#ifndef HF_STORE_DIR_PATHS_H
#define HF_STORE_DIR_PATHS_H

#include <errno.h>
#include <stdbool.h>

#include "backend/base/error.h"

/* What the name of a file begins with while it is being written. */
#define HF_DIR_TEMPORARY ".tmp-"

unsigned hf_dir_copies(const char *name); /* 1 for packs/…, else 2 */
/* "<root>/<name>" or "<root>/twin/<name>"; free() it. */
char *hf_dir_path(const char *root, const char *name, unsigned copy);

/* HF_SYSTEM when that copy's part of the store has gone: its keyring/ is missing. */
hf_err hf_dir_check_there(const char *root, unsigned copy);
/* Errno where there is nothing, or a link that leads to nothing. */
static inline bool hf_dir_leads_nowhere(int number)
{
	return number == ENOENT || number == ELOOP;
}
/* After one of these at path: HF_NOT_FOUND, or why it says nothing about the object. */
hf_err hf_dir_absent(const char *root, const char *path, unsigned copy);
/* HF_SYSTEM from errno, whatever its number: ENOENT does not always mean that an object is absent.
 */
hf_err hf_dir_refused(const char *what);

#endif
