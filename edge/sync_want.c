/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_want.h"

const struct sha256 *sync_want_hash(const struct sync_want *want)
{
    return want->type == SYNC_WANT_BLOB ? &want->path.blob : &want->range.pack;
}

uint64_t sync_want_bytes(const struct sync_want *want)
{
    return want->type == SYNC_WANT_BLOB ? want->path.blob_bytes : want->range.pack_bytes;
}

static struct sync_want pack_of(const struct log_range *range, enum pack_kind kind)
{
    return (struct sync_want){.type = SYNC_WANT_PACK, .kind = kind, .range = *range};
}

static struct sync_want blob_of(const struct blob_path *path)
{
    return (struct sync_want){.type = SYNC_WANT_BLOB, .path = *path};
}

bool sync_want_of_entry(const struct log_entry *entry, const struct issuer_set *issuers,
                        size_t *cursor, struct sync_want *ret)
{
    struct log_item item;
    while (log_entry_next(entry, cursor, &item)) {
        if (item.type == LOG_RANGE && issuer_set_has(issuers, item.range.issuer_id)) {
            *ret = pack_of(&item.range, PACK_RANGE);
            return true;
        }
        if (item.type == LOG_PATH && item.path.blob_bytes > 0) {
            *ret = blob_of(&item.path);
            return true;
        }
    }
    return false;
}

bool sync_want_tail(const struct index_reader *index, const struct issuer_set *issuers,
                    size_t *cursor, struct sync_want *ret)
{
    struct index_line line;
    while (index_next(index, cursor, &line)) {
        if (line.type == INDEX_TAIL && issuer_set_has(issuers, line.range.issuer_id)) {
            *ret = pack_of(&line.range, PACK_TAIL);
            return true;
        }
    }
    return false;
}

bool sync_want_of_index(const struct index_reader *index, const struct issuer_set *issuers,
                        uint32_t done, size_t *cursor, uint32_t *lines, struct sync_want *ret)
{
    struct index_line line;
    while (index_next(index, cursor, &line)) {
        if (++*lines <= done)
            continue;
        if (line.type == INDEX_RANGE && issuer_set_has(issuers, line.range.issuer_id)) {
            *ret = pack_of(&line.range, PACK_RANGE);
            return true;
        }
        if (line.type == INDEX_PATH) {
            *ret = blob_of(&line.path);
            return true;
        }
    }
    return false;
}
