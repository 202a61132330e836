/*
 * A session that adds: chunks in, packs out, records published by a commit. One owner's thread
 * calls; workers name, look up and compress; uploaders seal and send whole packs. Callbacks come on
 * the owner's thread, inside a call to the writer, in the order in which chunks were put. Memory is
 * bounded by the window of chunks under way (2 × workers + 2) and four packs.
 */
#ifndef HF_REPO_WRITER_H
#define HF_REPO_WRITER_H

#include "backend/base/pool.h"
#include "backend/base/talk.h"
#include "backend/repo/repo.h"

struct hf_writer;
struct hf_writer_options {
	unsigned workers;             /* 0: the serial twin */
	int level;                    /* zstd; 0: HF_ZIP_LEVEL */
	const struct hf_stop *stop;   /* NULL ok */
	struct hf_progress *progress; /* NULL ok: counts `stored` */
};

/* HF_DENIED without `write`. The repository must outlive it. Syncs first. */
hf_err hf_writer_begin(
	struct hf_repo *repo, const struct hf_writer_options *options, struct hf_writer **out);
/* Ends it; what was not published is abandoned. NULL ok. */
void hf_writer_free(struct hf_writer *writer);
HF_OWNABLE(hf_writer)

/*
 * Called once the chunk's id is known and its copy is on its way (or was there before). Must not
 * put.
 */
typedef struct hf_error *hf_stored_fn(void *arg, const struct hf_id *id);
/* kind: HF_CONTENT_PACK or HF_META_PACK. Takes plain's bytes (1 … HF_MAX_CHUNK of them), always. */
hf_err hf_writer_put(struct hf_writer *writer, enum hf_object_kind kind, struct hf_buf *plain,
	hf_stored_fn *stored, void *arg);
/* Waits until every callback has come. */
hf_err hf_writer_drain(struct hf_writer *writer);

/* Adds a record to the next commit (prints it at once: nothing is kept). */
hf_err hf_writer_add(struct hf_writer *writer, const struct hf_record *record);
/*
 * Sends what is open, then one commit (or several, if one were too large) with all packs and
 * records; it is in the catalog after. May be called again.
 */
hf_err hf_writer_publish(struct hf_writer *writer);
/*
 * After a publish: reads the state anew and makes sure that all this session relies on is there and
 * stays there (docs/format.md section 5). HF_TRANSIENT: it does not, for somebody prunes: the
 * session must be given up, and begin anew.
 */
hf_err hf_writer_look(struct hf_writer *writer);
/* The session takes over from this finished snapshot what it does not put. */
void hf_writer_inherit(struct hf_writer *writer, const uint8_t snapshot[HF_SNAPSHOT_ID_LEN]);
/* It takes over this chunk from elsewhere; *can false: no copy of it will surely stay. */
hf_err hf_writer_rely(struct hf_writer *writer, const struct hf_id *chunk, bool *can);

uint64_t hf_writer_pending(
	const struct hf_writer *writer); /* bytes in packs that no commit names yet */
struct hf_repo *hf_writer_repo(const struct hf_writer *writer);

#endif
