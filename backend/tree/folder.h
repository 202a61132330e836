/*
 * A directory of the local tree that something still needs: opened relative to its parent, closed
 * when too many are open, opened again when it is used. So a path may be longer than PATH_MAX, a
 * tree a thousand levels deep, and no component is ever a link. Counted; any thread.
 */
#ifndef HF_TREE_FOLDER_H
#define HF_TREE_FOLDER_H

#include <sys/stat.h>

#include "backend/base/error.h"

struct hf_folders;
struct hf_folders *hf_folders_new(unsigned limit); /* descriptors that stay open */
void hf_folders_free(struct hf_folders *folders);  /* after the last folder */
HF_OWNABLE(hf_folders)

struct hf_folder;
/* name: below parent, not followed; or an absolute path with parent NULL. HF_NOT_FOUND, HF_SYSTEM.
 */
hf_err hf_folder_open(struct hf_folders *folders, struct hf_folder *parent, const char *name,
	struct stat *st, struct hf_folder **out);
struct hf_folder *hf_folder_ref(struct hf_folder *folder);
void hf_folder_unref(struct hf_folder *folder); /* NULL ok */

/* Its descriptor, until the matching rest(). HF_NOT_FOUND: another directory stands there now. */
hf_err hf_folder_use(struct hf_folder *folder, int *fd);
void hf_folder_rest(struct hf_folder *folder);

#endif
