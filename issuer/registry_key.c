/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_key.h"

#include "issuer/registry_internal.h"
#include "lib/wire.h"

/* The number that stands for a key: of two with the same octets one may wait for the other. */
static uint64_t number_of(const struct sha256 *spki_sha256)
{
    return be64_load(spki_sha256->octets);
}

enum err registry_key_block(struct registry *r, const struct sha256 *spki_sha256,
                            struct span source, uint64_t at_s, bool *ret_new)
{
    TRY(sql_hold(r->sql, SQL_ALONE, number_of(spki_sha256)));
    enum err err = registry_change(
        r, STATEMENT_KEY_BLOCK,
        REGISTRY_PARAMS(sql_hash(spki_sha256), param_word(source), sql_number(at_s)), ERR_EXISTS);
    if (err != ERR_OK && err != ERR_EXISTS)
        return err;
    *ret_new = err == ERR_OK;
    return ERR_OK;
}

enum err registry_key_blocked(struct registry *r, const struct sha256 *spki_sha256, bool *ret)
{
    enum err err =
        registry_one(r, STATEMENT_KEY_BLOCKED, REGISTRY_PARAMS(sql_hash(spki_sha256)), NULL, NULL);
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        return err;
    *ret = err == ERR_OK;
    return ERR_OK;
}

enum err registry_key_admit(struct registry *r, const struct sha256 *spki_sha256, bool *ret_blocked)
{
    TRY(sql_hold(r->sql, SQL_SHARED, number_of(spki_sha256)));
    return registry_key_blocked(r, spki_sha256, ret_blocked);
}
