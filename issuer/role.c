/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/role.h"

enum err role_from_text(struct span text, enum role *ret)
{
#define X(name, bit, word, what)             \
    if (span_equal(text, span_text(word))) { \
        *ret = ROLE_##name;                  \
        return ERR_OK;                       \
    }
    ROLE_TABLE(X)
#undef X
    return ERR_NOT_FOUND;
}

const char *role_text(enum role role)
{
    switch (role) {
#define X(name, bit, word, what) \
    case ROLE_##name:            \
        return word;
        ROLE_TABLE(X)
#undef X
    }
    return "";
}
