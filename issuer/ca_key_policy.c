/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_key_policy.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "issuer/key_policy.h"

static const struct key_policy policies[CA_KIND_COUNT] = {
#define KINDS (1u << KEY_RSA | 1u << KEY_P256 | 1u << KEY_P384)
    [CA_ROOT] = {KINDS, 3072, 4096, 1024},
    [CA_INTERMEDIATE] = {KINDS, 3072, 4096, 1024},
    [CA_RESPONDER] = {KINDS, 2048, 4096, 1024},
};

enum err ca_key_check(EVP_PKEY *key, enum ca_kind kind, char why[static CA_KEY_WHY_BYTES])
{
    enum key_flaw flaw = KEY_FLAW_NONE;
    enum err err = key_policy_check(key, &policies[kind], &flaw);
    if (err == ERR_KEY && flaw == KEY_FLAW_RSA_SIZE)
        snprintf(why, CA_KEY_WHY_BYTES, "RSA of %d bits: %s3072 or 4096", EVP_PKEY_get_bits(key),
                 kind == CA_RESPONDER ? "2048, " : "");
    else if (err == ERR_KEY)
        snprintf(why, CA_KEY_WHY_BYTES, "%s",
                 flaw == KEY_FLAW_ALGORITHM ? "neither RSA nor ECDSA" : key_flaw_text(flaw));
    return err;
}

enum err ca_key_blocked(struct span list, struct span public_key)
{
    struct key_lists *lists = NULL;
    enum key_flaw flaw = KEY_FLAW_NONE;
    TRY(key_lists_load(list, SPAN_EMPTY, &lists));
    enum err err = key_lists_check(lists, NULL, public_key, &flaw);
    key_lists_free(lists);
    return err;
}
