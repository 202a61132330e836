/*
 * What the files over OpenSSL share. The calls that are wrapped in hf_must() fail only without
 * memory or with a broken library; then the process ends, as in base: a session that dies publishes
 * nothing.
 */
#ifndef HF_FORMAT_OPENSSL_H
#define HF_FORMAT_OPENSSL_H

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

static inline void hf_must(bool done)
{
	if (done)
		return;
	fprintf(stderr, "holdfast: OpenSSL failed\n");
	ERR_print_errors_fp(stderr);
	_exit(1); /* no core file: it would hold keys */
}

/*
 * Where memory fails for its own context OpenSSL crashes at the next use instead of failing. So
 * what may be the first use in a process asks here.
 */
static inline void hf_must_have_openssl(void)
{
	hf_must(OSSL_LIB_CTX_get0_global_default() != NULL);
}

#endif
