/* SPDX-License-Identifier: Apache-2.0 */
/* The worked examples of docs/formats.md: one small publication, made by the library's writers and
 * shown by its readers. */
#pragma once

#include "lib/span.h"
#include "lib/textline.h"

#define EXAMPLE_BYTES_MAX 2048

/* A stretch of a binary example that gets a line of its own. */
struct example_cut {
    uint16_t size; /* 0 ends the list */
    const char *label;
};

struct example {
    const char *name; /* of the fences: ```hex <name> or ```text <name>, and ```values <name> */
    bool binary;
    size_t (*make)(uint8_t out[static EXAMPLE_BYTES_MAX]);
    /* Decodes `octets` and writes one "field: value" a line; a failure of a reader is a line
     * "error: <name>". */
    void (*describe)(struct span octets, struct line_writer *w);
    const struct example_cut *cuts; /* binary only */
};

#define EXAMPLE_COUNT 12
extern const struct example examples[EXAMPLE_COUNT];
