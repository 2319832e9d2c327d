/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of canonical JSON (RFC 8785 3.2.2), written one after the other. Pure. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

/* The first error sticks; then nothing more is written. */
struct audit_text {
    char *out;
    size_t out_size;
    size_t size;
    enum err err; /* ERR_NO_SPACE, ERR_MALFORMED (a string that is not UTF-8, or has U+0000) */
};

void audit_text_put(struct audit_text *t, const char *text);
/** With its quotes and escapes: the shortest that there are, hex digits in lower case. */
void audit_text_string(struct audit_text *t, struct span text);
void audit_text_number(struct audit_text *t, uint64_t number);
/** An issuer id as a string of 16 lower-case hex digits. */
void audit_text_ca(struct audit_text *t, uint64_t issuer_id);
