/* SPDX-License-Identifier: Apache-2.0 */
/* Range packs and tail packs for `statim inspect`. */
#include "lib/pack.h"
#include "tools/inspect.h"
#include "tools/inspect_fact.h"
#include "tools/inspect_sum.h"

static bool show_templates(struct inspection *in, const struct pack_reader *pack,
                           struct inspect_templates *templates)
{
    struct ocsp_template t;
    struct span wire;
    json_t *list = fact_list(in->facts, "templates");
    for (size_t cursor = 0; pack_next_template(pack, &cursor, &wire);) {
        enum err err = template_read(wire, &t);
        if (err == ERR_OK)
            err = inspect_templates_add(templates, &t, in->signatures);
        if (err != ERR_OK)
            return inspect_refuse(in, "pack: a template: %s", err_text(err));
        fact_template(fact_row(list), &t);
    }
    return true;
}

static bool sum_block(struct inspection *in, const struct pack_reader *pack, struct span wire,
                      struct inspect_templates *templates, struct inspect_sum *sum)
{
    char serial[SERIAL_HEX_MAX];
    struct statement s;
    struct block block = block_load(wire.data);
    for (uint32_t i = 0; i < block.count; i++) {
        block_statement(&block, i, &s);
        inspect_sum_add(sum, &s);
        enum err err = inspect_templates_check(templates, pack->info.issuer_id, &s);
        if (err != ERR_OK) {
            serial_to_hex(&s.serial, serial);
            return inspect_refuse(in, "pack: statement of serial %s: %s", serial, err_text(err));
        }
    }
    return true;
}

static void show_info(json_t *facts, const struct pack_info *info, const struct sha256 *hash)
{
    fact_text(facts, "type", info->kind == PACK_RANGE ? "range" : "tail");
    fact_issuer(facts, info->issuer_id);
    fact_serial(facts, "after", &info->after);
    fact_serial(facts, "until", &info->until);
    fact_number(facts, "statements", info->statement_count);
    fact_number(facts, "blocks", info->block_count);
    fact_hash(facts, "sha256", hash);
}

bool inspect_pack(struct inspection *in, struct span content)
{
    struct inspect_templates templates = {0};
    struct inspect_sum sum = {0};
    struct pack_reader pack;
    struct span wire;
    struct sha256 hash = sha256_of(content);
    enum err err = pack_open(content, &pack);
    if (err != ERR_OK)
        return inspect_refuse(in, "pack: %s", err_text(err));
    show_info(in->facts, &pack.info, &hash);
    bool good = show_templates(in, &pack, &templates);
    for (size_t cursor = 0; good && pack_next_block(&pack, &cursor, &wire);)
        good = sum_block(in, &pack, wire, &templates, &sum);
    inspect_templates_done(&templates);
    if (!good)
        return false;
    inspect_sum_show(&sum, in->facts);
    if (sum.count > 0)
        fact_ratio(in->facts, "bytes_per_statement", (double)content.size / (double)sum.count);
    fact_text(in->facts, "statement_signatures",
              in->signatures ? "all verify" : "not checked (--signatures)");
    return true;
}
