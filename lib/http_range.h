/* SPDX-License-Identifier: Apache-2.0 */
/* The Range field of a request (RFC 9110 14.2) against a representation of known size. Pure. */
#pragma once

#include "lib/span.h"

enum http_range_verdict {
    HTTP_RANGE_WHOLE, /* no range that is understood: the whole is sent */
    HTTP_RANGE_PART,
    HTTP_RANGE_NOT_SATISFIABLE, /* begins behind the end */
};

struct http_range {
    uint64_t first;
    uint64_t count; /* octets, at least one, all inside the representation */
};

/** `value` is the field's value; empty: there is none. Another unit, anything malformed and more
 *  than one range are WHOLE: a server may ignore the field (RFC 9110 14.2), and several ranges are
 *  a way to have little asked for and much sent. `ret` is set when PART is returned. */
enum http_range_verdict http_range_read(struct span value, uint64_t size, struct http_range *ret);
