/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/conn_batch.h"

#include "lib/check.h"

bool conn_batch_add(struct conn_batch *batch, const struct conn_env *env, struct conn *conn,
                    struct span bytes, uint64_t tag)
{
    CHECK(!conn_batch_full(batch));
    struct conn_batch_entry *entry = &batch->entries[batch->count];
    if (!conn_peek(conn, env, bytes, &entry->exchange))
        return false;
    entry->conn = conn;
    entry->bytes = bytes;
    entry->tag = tag;
    batch->count++;
    return true;
}

void conn_batch_answer(struct conn_batch *batch, struct conn_env *env, conn_batch_apply *apply,
                       void *shell)
{
    uint32_t count = batch->count;
    for (uint32_t i = 0; i < count; i++)
        conn_exchange_chunk(&batch->entries[i].exchange);
    for (uint32_t i = 0; i < count; i++)
        conn_exchange_reach(&batch->entries[i].exchange);
    for (uint32_t i = 0; i < count; i++)
        conn_exchange_approach(&batch->entries[i].exchange);
    for (uint32_t i = 0; i < count; i++) {
        struct conn_batch_entry *entry = &batch->entries[i];
        apply(shell, entry->tag,
              conn_received_peeked(entry->conn, env, entry->bytes, &entry->exchange));
    }
    CHECK(batch->count == count);
    batch->count = 0;
}
