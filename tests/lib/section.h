/*
 * A container whose plain last section is any bytes, sealed as who has the keys could seal it; so
 * that its parser is reached. Input: one byte, the kind from 0; u16 length of the chunks, which
 * nobody sealed; the section.
 */
#ifndef HF_TESTS_LIB_SECTION_H
#define HF_TESTS_LIB_SECTION_H

#include "backend/format/container.h"

/* What opens it: a reader's keys of epoch 1. */
struct hf_epoch_keys hf_test_section_keys(void);
/* Appends the object. Gives the section; an input that is too short is one of kind 0. */
struct hf_span hf_test_section_seal(struct hf_span input, struct hf_buf *object);

#endif
