/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_check.h"

bool sync_hash_is_zero(const struct sha256 *hash)
{
    static const struct sha256 zero;
    return sha256_equal(hash, &zero);
}

enum sync_counter sync_head_counter(enum err err)
{
    switch ((int)err) {
    case ERR_KEY:
        return SYNC_HEAD_KEY;
    case ERR_SIGNATURE:
        return SYNC_HEAD_SIGNATURE;
    case ERR_NETWORK:
        return SYNC_HEAD_NETWORK;
    case ERR_REPLAY:
        return SYNC_HEAD_REPLAY;
    case ERR_EXPIRED:
        return SYNC_HEAD_EXPIRED;
    case ERR_FUTURE:
        return SYNC_HEAD_FUTURE;
    default:
        return SYNC_HEAD_FORM;
    }
}

enum err sync_check_head(const struct verify_key *key, const struct position *position,
                         const struct head *newest, uint64_t entry_time_s, uint64_t now_s,
                         struct span bytes, struct head *ret)
{
    struct head head;
    TRY(head_open(key, bytes, &head));
    bool behind = head.log_last < position->log_number;
    enum err err = behind ? head_check(&head, head.log_last, &head.log_hash, now_s)
                          : head_check(&head, position->log_number, &position->log_hash, now_s);
    if (err != ERR_OK && err != ERR_CHAIN)
        return err;
    if (head.time_s < newest->time_s ||
        (head.time_s == newest->time_s && head.log_last < newest->log_last))
        return ERR_REPLAY;
    bool beyond = head.log_last > position->log_number;
    if ((behind && head.time_s > entry_time_s) || (beyond && head.time_s < entry_time_s))
        return ERR_REPLAY;
    *ret = head;
    return err;
}

enum err sync_check_log(const struct verify_key *key, const struct position *position,
                        const struct head *head, struct span bytes, struct log_entry *ret,
                        struct sha256 *ret_hash)
{
    struct log_entry entry;
    if (bytes.size > LOG_ENTRY_BYTES_MAX)
        return ERR_LIMIT;
    TRY(log_entry_open(key, bytes, &entry));
    if (entry.number != position->log_number + 1)
        return ERR_REPLAY;
    struct sha256 hash = sha256_of(bytes);
    if (!sha256_equal(&entry.previous, &position->log_hash))
        return ERR_CHAIN;
    if (entry.number == head->log_last && !sha256_equal(&hash, &head->log_hash))
        return ERR_HASH;
    *ret = entry;
    *ret_hash = hash;
    return ERR_OK;
}

enum err sync_check_index(const struct verify_key *key, const struct head *head,
                          const struct sha256 *wanted, struct span bytes, struct index_reader *ret)
{
    struct sha256 hash = sha256_of(bytes);
    if (!sha256_equal(&hash, wanted))
        return ERR_HASH;
    struct index_reader index;
    TRY(index_open(bytes, &index));
    if (strcmp(index.network, key->network) != 0)
        return ERR_NETWORK;
    if (sha256_equal(&hash, &head->index_hash)) {
        if (index.log_number != head->index_log)
            return ERR_CONFLICT;
        if (index.log_number == head->log_last && !sha256_equal(&index.log_hash, &head->log_hash))
            return ERR_CONFLICT;
    }
    *ret = index;
    return ERR_OK;
}

enum err sync_check_pack(const struct log_range *wanted, enum pack_kind kind, struct span bytes)
{
    if (bytes.size != wanted->pack_bytes)
        return ERR_HASH;
    struct sha256 hash = sha256_of(bytes);
    if (!sha256_equal(&hash, &wanted->pack))
        return ERR_HASH;
    struct pack_reader pack;
    TRY(pack_open(bytes, &pack));
    const struct pack_info *info = &pack.info;
    if (info->kind != kind || info->issuer_id != wanted->issuer_id ||
        info->statement_count != wanted->statement_count)
        return ERR_CONFLICT;
    if (info->kind == PACK_RANGE && (serial_compare(&info->after, &wanted->after) != 0 ||
                                     serial_compare(&info->until, &wanted->until) != 0))
        return ERR_CONFLICT;
    return ERR_OK;
}

enum err sync_check_blob(const struct blob_path *wanted, struct span bytes)
{
    if (bytes.size != wanted->blob_bytes)
        return ERR_HASH;
    struct sha256 hash = sha256_of(bytes);
    return sha256_equal(&hash, &wanted->blob) ? ERR_OK : ERR_HASH;
}
