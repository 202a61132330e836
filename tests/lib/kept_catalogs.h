/*
 * Catalogs in memory that outlive the processes of a simulation: most of what a short process does
 * is to make tables and to prepare statements. For one thread at a time, and for programs that are
 * linked with
 *
 *     -Wl,--wrap=hf_catalog_open -Wl,--wrap=hf_catalog_free
 *
 * Whoever opens a path finds what the last one who closed it has left there.
 */
#ifndef HF_TESTS_LIB_KEPT_CATALOGS_H
#define HF_TESTS_LIB_KEPT_CATALOGS_H

#include "backend/repo/catalog.h"

/* From now on every path is new. None is open. */
void hf_kept_catalogs_clear(void);
void hf_kept_catalogs_end(void);

#endif
