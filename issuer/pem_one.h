/* SPDX-License-Identifier: Apache-2.0 */
/* One PEM block (RFC 7468) and nothing besides, or DER. Pure but for OpenSSL's decoder. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

enum pem_flaw {
    PEM_EMPTY,    /* nothing, or only blanks */
    PEM_NOT,      /* neither begins as DER nor as a PEM block that is whole and without headers */
    PEM_LABEL,    /* a block of something else */
    PEM_TRAILING, /* more than blanks behind the block */
};

/** The octets in a text: of its only block, which has one of two labels, or all of it when it
 * begins as a SEQUENCE. For free() by OPENSSL_free(). ERR_MALFORMED with the flaw; ERR_MEMORY. */
MUST_CHECK enum err pem_one_read(struct span text, const char *label, const char *old_label,
                                 uint8_t **ret_der, size_t *ret_size, enum pem_flaw *ret_flaw);
