/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/store_format.h"

#include "lib/check.h"
#include "lib/wire.h"

void position_write(const struct position *p, uint8_t ret[static POSITION_BYTES])
{
    struct wire_writer w = wire_writer_of(ret, POSITION_BYTES);
    wire_put_u8(&w, POSITION_VERSION);
    wire_put_u64(&w, p->log_number);
    wire_put(&w, span_of(p->log_hash.octets, SHA256_BYTES));
    wire_put_u64(&w, p->commit);
    wire_put_u64(&w, p->head_time_s);
    wire_put_u64(&w, p->head_valid_until_s);
    wire_put(&w, span_of(p->index_hash.octets, SHA256_BYTES));
    wire_put_u32(&w, p->index_done);
    wire_put_u8(&w, p->complete);
    wire_put_u64(&w, p->statement_count);
    CHECK(w.err == ERR_OK && w.size == POSITION_BYTES);
}

enum err position_read(struct span wire, struct position *ret)
{
    struct wire_reader r = wire_reader_of(wire);
    uint8_t version = wire_get_u8(&r);
    TRY(r.err);
    if (version != POSITION_VERSION)
        return ERR_UNSUPPORTED;
    struct position p;
    p.log_number = wire_get_u64(&r);
    struct span log_hash = wire_get(&r, SHA256_BYTES);
    p.commit = wire_get_u64(&r);
    p.head_time_s = wire_get_u64(&r);
    p.head_valid_until_s = wire_get_u64(&r);
    struct span index_hash = wire_get(&r, SHA256_BYTES);
    p.index_done = wire_get_u32(&r);
    p.complete = wire_get_u8(&r);
    p.statement_count = wire_get_u64(&r);
    TRY(wire_reader_end(&r));
    memcpy(p.log_hash.octets, log_hash.data, SHA256_BYTES);
    memcpy(p.index_hash.octets, index_hash.data, SHA256_BYTES);
    *ret = p;
    return ERR_OK;
}
