#include "fs/fuse/askers.h"

#include "backend/base/macros.h"

/* What a process showed so far. */
enum asker {
	NEW,
	HAS_NAMES,   /* was given names alone, and has asked for nothing yet */
	NAMES_ONLY,  /* and went on to another directory without having asked */
	LOOKS_CLOSER /* wants what stands behind the names too */
};

/* A process and what it showed: who meets another in its place begins anew. */
static atomic_uint_least64_t *place_of(struct hf_askers *askers, pid_t pid)
{
	return &askers->places[(uint32_t)pid % ARRAY_LEN(askers->places)];
}

static enum asker shown_by(struct hf_askers *askers, pid_t pid)
{
	const uint64_t place = atomic_load_explicit(place_of(askers, pid), memory_order_relaxed);

	return place >> 8 == (uint32_t)pid ? (enum asker)(place & 0xff) : NEW;
}

static void note(struct hf_askers *askers, pid_t pid, enum asker asker)
{
	atomic_store_explicit(
		place_of(askers, pid), (uint64_t)(uint32_t)pid << 8 | asker, memory_order_relaxed);
}

bool hf_askers_names_suffice(struct hf_askers *askers, pid_t pid, bool first_page)
{
	enum asker asker = shown_by(askers, pid);

	if (first_page && asker == HAS_NAMES)
		note(askers, pid, asker = NAMES_ONLY);
	/* tar and cp read all names before they ask for the first: that costs them a page at most.
	 */
	return asker == NAMES_ONLY || (first_page && asker == NEW);
}

void hf_askers_gave_names(struct hf_askers *askers, pid_t pid)
{
	if (shown_by(askers, pid) == NEW)
		note(askers, pid, HAS_NAMES);
}

void hf_askers_looked_up(struct hf_askers *askers, pid_t pid)
{
	if (shown_by(askers, pid) != LOOKS_CLOSER)
		note(askers, pid, LOOKS_CLOSER);
}
