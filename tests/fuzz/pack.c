/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets are refused, or make a pack whose parts can be walked and agree with its header. */
#include "lib/check.h"
#include "lib/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pack_reader pack;
    if (pack_open(span_of(data, size), &pack) != ERR_OK)
        return 0;
    size_t cursor = 0;
    struct span wire;
    while (pack_next_template(&pack, &cursor, &wire)) {
        struct ocsp_template t;
        CHECK(template_read(wire, &t) == ERR_OK && t.issuer_id == pack.info.issuer_id);
    }
    cursor = 0;
    uint64_t count = 0;
    struct serial last = pack.info.after;
    while (pack_next_block(&pack, &cursor, &wire)) {
        struct block block = block_load(wire.data);
        CHECK(block.size_bytes == wire.size);
        for (uint32_t i = 0; i < block.count; i++, count++) {
            struct statement s;
            block_statement(&block, i, &s);
            CHECK(serial_compare(&last, &s.serial) < 0);
            CHECK(serial_compare(&s.serial, &pack.info.until) <= 0);
            CHECK(s.facts.next_update_s >= pack.info.next_update_min_s);
            last = s.serial;
        }
    }
    CHECK(count == pack.info.statement_count);
    return 0;
}
