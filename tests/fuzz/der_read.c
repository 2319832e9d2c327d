/* SPDX-License-Identifier: Apache-2.0 */
/* Walks any DER as deep as it goes; what was read whole, written again, is the same octets. */
#include "lib/check.h"
#include "lib/der_write.h"

#define CONSTRUCTED 0x20
#define OUT_BYTES   65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each constructed element is entered until the reader's own depth limit says no. */
static void walk(struct der_reader *r, unsigned depth)
{
    while (!der_at_end(r)) {
        uint8_t tag = *r->at;
        bool deeper = tag & CONSTRUCTED && depth <= DER_DEPTH_MAX;
        if (deeper) {
            der_enter(r, tag);
            walk(r, depth + 1);
            der_leave(r);
        } else if (tag == DER_INTEGER) {
            struct span content = der_take_integer(r);
            CHECK(r->err != ERR_OK || der_integer_valid(content));
        } else {
            der_take_any(r, &tag);
        }
    }
}

/* The elements of one level, first to last, onto the writer, last to first. */
static void rewrite(struct der_writer *w, struct span level)
{
    struct der_reader r;
    der_reader_init(&r, level);
    if (der_at_end(&r))
        return;
    uint8_t tag = 0;
    struct span content = der_take_any(&r, &tag);
    CHECK(r.err == ERR_OK);
    size_t whole = (size_t)(content.data + content.size - level.data);
    rewrite(w, span_of(level.data + whole, level.size - whole));
    der_put_element(w, tag, content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[OUT_BYTES];
    struct der_reader r;
    if (size > 4096)
        return 0;
    der_reader_init(&r, span_of(data, size));
    walk(&r, 0);
    if (der_end(&r) != ERR_OK)
        return 0;
    struct der_writer w = der_writer_into(out, sizeof out);
    size_t written = 0;
    rewrite(&w, span_of(data, size));
    CHECK(der_writer_finish(&w, &written) == ERR_OK);
    CHECK(span_equal(span_of(out, written), span_of(data, size)));
    return 0;
}
