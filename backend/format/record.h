/* What commit.c needs of records beyond commit.h. */
#ifndef HF_FORMAT_RECORD_H
#define HF_FORMAT_RECORD_H

#include "backend/format/commit.h"
#include "backend/format/extents.h"

/* Reads over one record without looking into it. Marks the wire bad. */
enum hf_record_kind hf_record_frame(struct hf_wire *wire, struct hf_span *body);

#endif
