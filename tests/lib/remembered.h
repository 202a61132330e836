/*
 * What curves gave once: machines of one repository ask for the same again and again, and it
 * depends on the arguments alone. For one thread at a time, and for programs that are linked with
 *
 *     -Wl,--wrap=hf_ed25519_sign -Wl,--wrap=hf_ed25519_verify
 *     -Wl,--wrap=hf_ed25519_public -Wl,--wrap=hf_x25519 -Wl,--wrap=hf_x25519_public
 */
#ifndef HF_TESTS_LIB_REMEMBERED_H
#define HF_TESTS_LIB_REMEMBERED_H

void hf_remembered_clear(void);

#endif
