/* SPDX-License-Identifier: Apache-2.0 */
/* The file that a connection is sending: octets of the store's map that follow the output buffer.
 * Part of edge/conn.c. */
#pragma once

#include "edge/conn.h"
#include "edge/snapshot_relay.h"

/* What a query with a body beyond the buffer asks to be sent. */
static inline void conn_file_start(struct conn *conn, uint64_t now_ns,
                                   const struct answer_query *query)
{
    conn->file_at = query->file->octets + query->body_at;
    conn->file_offset = query->body_at;
    conn->file_left = query->body_bytes;
    conn->file_deadline_ns = now_ns + CONN_FILE_MAX_NS;
    if (conn->is_relay)
        relay_key_write(&query->relay_name, conn->file_key);
    else
        memcpy(conn->file_key, query->file->about.blob.octets, PATH_BLOB_PREFIX_BYTES);
}

static inline struct span conn_file_piece(const struct conn *conn)
{
    uint32_t size = conn->file_left < CONN_PIECE_BYTES ? conn->file_left : CONN_PIECE_BYTES;
    return span_of(conn->file_at, size);
}

static inline void conn_file_sent(struct conn *conn, size_t sent)
{
    conn->file_at += sent;
    conn->file_offset += (uint32_t)sent;
    conn->file_left -= (uint32_t)sent;
}

/* Whether the file is in the snapshot where it is now. */
static inline bool conn_file_stays(const struct conn *conn, const struct snapshot *snapshot)
{
    const uint8_t *place = conn->file_at - conn->file_offset;
    if (conn->is_relay) {
        struct relay_file file;
        struct span key = span_of(conn->file_key, relay_key_size(conn->file_key[0]));
        return snapshot != NULL && snapshot_relay_find(snapshot, key, &file) &&
               file.octets.data == place;
    }
    return snapshot != NULL && snapshot->paths != NULL &&
           path_table_blob(snapshot->paths, conn->file_key) == place;
}
