/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets are refused, or make an entry that the writer writes again in the same octets. The
 * signature is left out: no fuzzer finds one. */
#include "lib/check.h"
#include "lib/log_entry.h"

#include <stdlib.h>

#define TRAILER_BYTES (PUBLISH_KEY_ID_BYTES + ED25519_SIGNATURE_BYTES)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(struct log_writer *w, const struct log_entry *entry)
{
    struct log_item item;
    size_t cursor = 0;
    while (log_entry_next(entry, &cursor, &item)) {
        struct ocsp_template t;
        switch (item.type) {
        case LOG_TEMPLATE:
            CHECK(template_read(item.template_wire, &t) == ERR_OK);
            log_writer_template(w, &t);
            break;
        case LOG_STATEMENT:
            log_writer_statement(w, item.issuer_id, &item.statement);
            break;
        case LOG_RANGE:
            log_writer_range(w, &item.range);
            break;
        case LOG_PATH:
            log_writer_path(w, &item.path);
            break;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct log_entry entry;
    struct span network;
    if (log_entry_parse(span_of(data, size), &entry, &network) != ERR_OK)
        return 0;
    uint8_t *out = malloc(size);
    CHECK(out != NULL);
    struct log_writer w;
    log_writer_start(&w, network, entry.number, entry.time_s, &entry.previous, out, size);
    write_again(&w, &entry);
    CHECK(w.err == ERR_OK && w.size == size - TRAILER_BYTES && w.item_count == entry.item_count);
    /* The writer fills the count at the end. */
    CHECK(memcmp(out, data, w.count_offset) == 0);
    size_t after = w.count_offset + 4;
    CHECK(memcmp(out + after, data + after, w.size - after) == 0);
    free(out);
    return 0;
}
