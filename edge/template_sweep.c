/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/template_sweep.h"

#include "edge/store_range.h"
#include "lib/block.h"

static void mark(struct template_sweep *sweep, uint16_t template_no)
{
    sweep->used[template_no / 8] |= (uint8_t)(1u << (template_no % 8));
}

static bool is_used(const struct template_sweep *sweep, uint16_t template_no)
{
    return (sweep->used[template_no / 8] >> (template_no % 8) & 1) != 0;
}

void template_sweep_note(struct template_sweep *sweep, uint64_t issuer_id, uint16_t template_no)
{
    if (sweep->walking && sweep->of.issuer_id == issuer_id)
        mark(sweep, template_no);
}

void template_sweep_restart(struct template_sweep *sweep)
{
    sweep->walking = false;
    sweep->next_ns = 0;
    sweep->of.issuer_id = 0;
}

/* To the next issuer with several templates, from of.issuer_id on. ERR_NOT_FOUND: none. */
static enum err next_issuer(struct template_sweep *sweep, struct store_txn *txn)
{
    do {
        uint64_t from = sweep->of.issuer_id;
        TRY(store_next_templates(txn, from, &sweep->of));
        if (sweep->of.count > 1) {
            sweep->walking = true;
            sweep->last = SERIAL_BEFORE_ALL;
            memset(sweep->used, 0, sizeof sweep->used);
            return ERR_OK;
        }
    } while (sweep->of.issuer_id++ != UINT64_MAX);
    return ERR_NOT_FOUND;
}

static void mark_block(struct template_sweep *sweep, const uint8_t *wire)
{
    struct block block = block_load(wire);
    for (uint32_t i = 0; i < block.count; i++) {
        struct statement s;
        block_statement(&block, i, &s);
        mark(sweep, s.facts.template_no);
    }
}

/* ERR_NOT_FOUND: all blocks of the issuer were seen. */
static enum err walk(struct template_sweep *sweep, struct store_txn *txn)
{
    for (uint32_t i = 0; i < TEMPLATE_SWEEP_BLOCKS; i++) {
        uint64_t issuer_id = sweep->of.issuer_id;
        struct span wire;
        TRY(store_next_block(txn, &issuer_id, &sweep->last, &wire));
        if (issuer_id != sweep->of.issuer_id)
            return ERR_NOT_FOUND;
        mark_block(sweep, wire.data);
    }
    return ERR_OK;
}

struct removal {
    const struct template_sweep *sweep;
    uint32_t count;
};

static bool keep_issuer(void *context, uint64_t issuer_id)
{
    (void)context;
    (void)issuer_id;
    return true;
}

static bool keep_template(void *context, uint64_t issuer_id, uint16_t template_no)
{
    struct removal *removal = context;
    const struct template_sweep *sweep = removal->sweep;
    bool keep = issuer_id != sweep->of.issuer_id || template_no >= sweep->of.newest ||
                is_used(sweep, template_no);
    removal->count += !keep;
    return keep;
}

static enum err remove_unused(struct template_sweep *sweep, struct store *store,
                              uint32_t *ret_removed)
{
    struct removal removal = {.sweep = sweep};
    const struct store_keep keep = {
        .context = &removal, .keep_issuer = keep_issuer, .keep_template = keep_template};
    struct store_txn *txn;
    TRY(store_write(store, &txn));
    enum err err = store_drop_others(txn, &keep);
    if (err != ERR_OK || removal.count == 0) {
        store_abort(txn);
        return err;
    }
    TRY(store_commit(txn, NULL));
    *ret_removed = removal.count;
    return ERR_OK;
}

static enum err look(struct template_sweep *sweep, struct store *store)
{
    struct store_txn *txn;
    TRY(store_read(store, &txn));
    enum err err = sweep->walking ? walk(sweep, txn) : next_issuer(sweep, txn);
    store_abort(txn);
    return err;
}

enum err template_sweep_step(struct template_sweep *sweep, struct store *store, uint64_t now_ns,
                             uint32_t *ret_removed)
{
    *ret_removed = 0;
    if (!sweep->walking && now_ns < sweep->next_ns)
        return ERR_OK;
    bool walking = sweep->walking;
    enum err err = look(sweep, store);
    if (err == ERR_NOT_FOUND && walking) {
        err = remove_unused(sweep, store, ret_removed);
        sweep->walking = false;
        sweep->of.issuer_id++;
        if (err == ERR_OK && sweep->of.issuer_id != 0)
            return ERR_OK;
    }
    if (err == ERR_OK && sweep->walking)
        return ERR_OK;
    template_sweep_restart(sweep);
    sweep->next_ns = now_ns + TEMPLATE_SWEEP_INTERVAL_NS;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}
