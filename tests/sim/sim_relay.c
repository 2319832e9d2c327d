/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_relay.h"

#include "edge/store_relay.h"

static const struct sha256 zero;

/* The file is there under its name, and has its own hash. */
static bool get(struct store_txn *txn, const struct relay_name *name, const struct sha256 *hash,
                struct span *ret)
{
    struct relay_copy copy;
    if (store_relay_get(txn, name, &copy) != ERR_OK)
        return false;
    struct sha256 is = sha256_of(copy.octets);
    *ret = copy.octets;
    return sha256_equal(&is, &copy.hash) && (hash == NULL || sha256_equal(&is, hash));
}

static bool has(struct store_txn *txn, enum relay_kind kind, const struct sha256 *hash,
                uint64_t bytes)
{
    struct relay_name name = relay_name_of(kind, hash);
    struct span octets;
    return get(txn, &name, hash, &octets) && octets.size == bytes;
}

static bool has_index(struct store_txn *txn, const struct head *head)
{
    struct relay_name name = relay_name_of(RELAY_INDEX, &head->index_hash);
    struct index_reader index;
    struct index_line line;
    struct span octets;
    size_t cursor = 0;
    if (sha256_equal(&head->index_hash, &zero))
        return true;
    if (!get(txn, &name, &head->index_hash, &octets) || index_open(octets, &index) != ERR_OK)
        return false;
    while (index_next(&index, &cursor, &line)) {
        bool pack = line.type == INDEX_RANGE || line.type == INDEX_TAIL;
        if (pack && !has(txn, RELAY_PACK, &line.range.pack, line.range.pack_bytes))
            return false;
        if (line.type == INDEX_PATH && !has(txn, RELAY_BLOB, &line.path.blob, line.path.blob_bytes))
            return false;
    }
    return true;
}

static bool has_what_it_names(struct store_txn *txn, const struct log_entry *entry)
{
    struct log_item item;
    size_t cursor = 0;
    while (log_entry_next(entry, &cursor, &item)) {
        if (item.type == LOG_RANGE &&
            !has(txn, RELAY_PACK, &item.range.pack, item.range.pack_bytes))
            return false;
        if (item.type == LOG_PATH && item.path.blob_bytes > 0 &&
            !has(txn, RELAY_BLOB, &item.path.blob, item.path.blob_bytes))
            return false;
    }
    return true;
}

/* From the newest entry back to the index, each by the hash in the one behind it. */
static bool has_log(struct store_txn *txn, const struct head *head)
{
    struct sha256 hash = head->log_hash;
    for (uint64_t number = head->log_last; number > head->index_log; number--) {
        struct relay_name name = relay_name_log(number);
        struct log_entry entry;
        struct span octets;
        if (!get(txn, &name, &hash, &octets) ||
            log_entry_open(publish_key_public(sim_publish_key()), octets, &entry) != ERR_OK ||
            entry.number != number || !has_what_it_names(txn, &entry))
            return false;
        hash = entry.previous;
    }
    return true;
}

static bool is_published(const struct sim_publication *p, struct span octets)
{
    for (uint32_t i = 0; i < p->head_count; i++)
        if (span_equal(p->heads[i], octets))
            return true;
    return false;
}

enum sim_relay_state sim_relay_state(const struct sim_publication *p, struct store_txn *txn)
{
    struct relay_name name = relay_name_head();
    struct relay_copy copy;
    struct span octets;
    struct head head;
    enum err err = store_relay_get(txn, &name, &copy);
    if (err == ERR_NOT_FOUND)
        return SIM_RELAY_NONE;
    if (!get(txn, &name, NULL, &octets) || !is_published(p, octets) ||
        head_open(publish_key_public(sim_publish_key()), octets, &head) != ERR_OK ||
        store_position(txn)->log_number < head.log_last || !has_index(txn, &head) ||
        !has_log(txn, &head))
        return SIM_RELAY_BROKEN;
    return span_equal(octets, p->heads[p->head_count - 1]) ? SIM_RELAY_NEWEST : SIM_RELAY_WHOLE;
}
