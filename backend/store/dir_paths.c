/* Paths of a store in a directory, and the difference between absent and away. */
#include "backend/store/dir_paths.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/base/buf.h"

unsigned hf_dir_copies(const char *name)
{
	return strncmp(name, "packs/", 6) == 0 ? 1 : 2;
}

char *hf_dir_path(const char *root, const char *name, unsigned copy)
{
	return hf_format("%s/%s%s", root, copy ? "twin/" : "", name);
}

hf_err hf_dir_refused(const char *what)
{
	struct hf_error *err = hf_error_sys("%s", what);

	return hf_error_kind(err) == HF_LOCAL ? err : hf_error_as(err, HF_SYSTEM);
}

hf_err hf_dir_check_there(const char *root, unsigned copy)
{
	HF_FREED char *mark = hf_dir_path(root, "keyring", copy);
	struct stat st;

	if (stat(mark, &st) == 0 && S_ISDIR(st.st_mode))
		return NULL;
	if (copy == 0)
		return hf_error_new(HF_SYSTEM, "the store has vanished: there is no %s", mark);
	return hf_error_new(HF_SYSTEM,
		"the second copies have vanished: there is no %s; hint: mkdir -p %s to begin new "
		"ones",
		mark, mark);
}

hf_err hf_dir_absent(const char *root, const char *path, unsigned copy)
{
	struct stat st;

	HF_TRY(hf_dir_check_there(root, copy));
	if (lstat(path, &st) != 0)
		return hf_error_new(HF_NOT_FOUND, "no such object");
	if (S_ISLNK(st.st_mode) && stat(path, &st) != 0)
		return hf_error_new(HF_CORRUPT, "a symbolic link that leads nowhere");
	return hf_error_new(HF_TRANSIENT, "the store was away for a moment");
}
