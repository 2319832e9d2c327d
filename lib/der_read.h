/* SPDX-License-Identifier: Apache-2.0 */
/* DER reader (X.690 section 10): borrows its input, allocates nothing, recurses never.
 *
 * One reader walks one input. The first error sticks: every later call does nothing and returns
 * an empty value, so a decoder reads straight down and asks once, at der_end().
 *
 * Accepted: definite lengths in their shortest form, tags of one octet. Errors: ERR_TRUNCATED when
 * the outermost element is longer than the input, ERR_MALFORMED for everything else that is not
 * DER or not the asked-for element, ERR_LIMIT for nesting deeper than DER_DEPTH_MAX, ERR_TRAILING
 * only from der_end(). */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

/* The deepest thing read here, an extension in an OCSPRequest, is at depth 6. */
#define DER_DEPTH_MAX 16

enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    /* context-specific, primitive and constructed: add the number */
    DER_CONTEXT = 0x80,
    DER_CONTEXT_CONSTRUCTED = 0xa0,
};

struct der_reader {
    const uint8_t *at;
    const uint8_t *end[DER_DEPTH_MAX + 1]; /* of the input and of each entered element */
    uint32_t depth;
    enum err err;
};

/** `r` borrows the octets. */
void der_reader_init(struct der_reader *r, struct span der);

/** Whether the next element of the current level has this tag; false at its end or after an error.
 */
bool der_next_is(const struct der_reader *r, uint8_t tag);
/** Whether the current level holds no more elements; true after an error, so that loops end. */
bool der_at_end(const struct der_reader *r);

/** Takes the next element, which must have this tag, and gives its content. */
struct span der_take(struct der_reader *r, uint8_t tag);
/** Takes the next element, whatever it is; gives its tag and content. */
struct span der_take_any(struct der_reader *r, uint8_t *ret_tag);
/** Takes an INTEGER; the content is not empty and minimally encoded (X.690 8.3.2). */
struct span der_take_integer(struct der_reader *r);

/** Goes into the next element, which must be constructed and have this tag. */
void der_enter(struct der_reader *r, uint8_t tag);
/** Leaves the entered element; ERR_MALFORMED when something of it was not read. */
void der_leave(struct der_reader *r);

/** Sets the sticky error, for what a decoder finds wrong itself. */
void der_fail(struct der_reader *r, enum err err);
/** The sticky error; ERR_TRAILING when octets follow at the outermost level. */
MUST_CHECK enum err der_end(const struct der_reader *r);

/** Whether INTEGER content is not empty and minimally encoded. */
bool der_integer_valid(struct span content);
