/* SPDX-License-Identifier: Apache-2.0 */
/* Head, log entry, index and template for `statim inspect`. */
#include <string.h>

#include "lib/base64.h"
#include "lib/head.h"
#include "lib/index.h"
#include "lib/os/clock.h"
#include "lib/textline.h"
#include "tools/inspect.h"
#include "tools/inspect_fact.h"
#include "tools/inspect_key.h"

#define SIGNATURE_PREFIX "\xe2\x80\x94 " /* em dash, space: C2SP signed note */
#define KEY_ID_DIGITS    8               /* base64 digits that hold a key id */

/* Head. */

static enum err split_note(struct span note, struct span *ret_text, struct span *ret_signatures)
{
    for (size_t i = 1; i < note.size; i++) {
        if (note.data[i] == '\n' && note.data[i - 1] == '\n') {
            *ret_text = span_of(note.data, i);
            *ret_signatures = span_of(note.data + i + 1, note.size - i - 1);
            return ERR_OK;
        }
    }
    return ERR_TRUNCATED;
}

static enum err show_signer(json_t *list, struct span line)
{
    const size_t prefix = sizeof SIGNATURE_PREFIX - 1;
    struct span words[2];
    uint8_t id[2 * PUBLISH_KEY_ID_BYTES];
    char name[NETWORK_NAME_MAX + 1] = "";
    size_t size = 0;
    if (line.size < prefix || memcmp(line.data, SIGNATURE_PREFIX, prefix) != 0)
        return ERR_MALFORMED;
    TRY(text_words(span_of(line.data + prefix, line.size - prefix), words, 2));
    if (words[0].size >= sizeof name || words[1].size < KEY_ID_DIGITS)
        return ERR_MALFORMED;
    TRY(base64_decode(span_of(words[1].data, KEY_ID_DIGITS), id, sizeof id, &size));
    if (size < PUBLISH_KEY_ID_BYTES)
        return ERR_MALFORMED;
    memcpy(name, words[0].data, words[0].size);
    json_t *row = fact_row(list);
    fact_text(row, "name", name);
    fact_octets(row, "key_id", span_of(id, PUBLISH_KEY_ID_BYTES));
    return ERR_OK;
}

static enum err show_signers(json_t *facts, struct span lines)
{
    json_t *list = fact_list(facts, "signers");
    if (lines.size == 0)
        return ERR_TRUNCATED;
    while (lines.size > 0) {
        struct span line;
        TRY(text_line(&lines, &line));
        TRY(show_signer(list, line));
    }
    return ERR_OK;
}

static const char *validity_text(const struct head *head)
{
    static const struct sha256 none = {0};
    switch ((int)head_check(head, 0, &none, clock_wall_s())) {
    case ERR_EXPIRED:
        return "expired";
    case ERR_FUTURE:
        return "from the future";
    default:
        return "valid now";
    }
}

static void show_head(json_t *facts, const struct head *head)
{
    fact_text(facts, "network", head->network);
    fact_number(facts, "log_first", head->log_first);
    fact_number(facts, "log_last", head->log_last);
    fact_hash(facts, "log_hash", &head->log_hash);
    fact_time(facts, "time", head->time_s);
    fact_time(facts, "valid_until", head->valid_until_s);
    fact_text(facts, "validity", validity_text(head));
    fact_number(facts, "index_log", head->index_log);
    fact_number(facts, "index_bytes", head->index_bytes);
    fact_hash(facts, "index", &head->index_hash);
    fact_hash(facts, "previous", &head->previous);
}

bool inspect_head(struct inspection *in, struct span content)
{
    struct inspect_key key;
    struct head head;
    struct span text, signatures;
    enum err err = split_note(content, &text, &signatures);
    if (err == ERR_OK)
        err = head_text_read(text, &head);
    if (err != ERR_OK)
        return inspect_refuse(in, "head: %s", err_text(err));
    show_head(in->facts, &head);
    err = show_signers(in->facts, signatures);
    if (err != ERR_OK)
        return inspect_refuse(in, "head: signature lines: %s", err_text(err));
    return inspect_key_find(in, &key) &&
           inspect_key_verdict(in, &key, key.known ? head_open(&key.key, content, &head) : ERR_OK);
}

/* Log entry. */

static void show_item(json_t *list, const struct log_item *item)
{
    struct ocsp_template t;
    json_t *row = fact_row(list);
    switch (item->type) {
    case LOG_TEMPLATE:
        fact_text(row, "item", "template");
        if (template_read(item->template_wire, &t) == ERR_OK)
            fact_template(row, &t);
        break;
    case LOG_STATEMENT:
        fact_text(row, "item", "statement");
        fact_issuer(row, item->issuer_id);
        fact_serial(row, "serial", &item->statement.serial);
        fact_facts(row, &item->statement.facts);
        break;
    case LOG_RANGE:
        fact_text(row, "item", "range");
        fact_range(row, &item->range, true);
        break;
    case LOG_PATH:
        fact_text(row, "item", "path");
        fact_path(row, &item->path);
        break;
    }
}

bool inspect_log_entry(struct inspection *in, struct span content)
{
    struct inspect_key key;
    struct log_entry entry;
    struct log_item item;
    struct span network;
    char name[NETWORK_NAME_MAX + 1] = "";
    struct sha256 hash = sha256_of(content);
    enum err err = log_entry_parse(content, &entry, &network);
    if (err != ERR_OK)
        return inspect_refuse(in, "log entry: %s", err_text(err));
    memcpy(name, network.data, network.size < sizeof name ? network.size : sizeof name - 1);
    fact_text(in->facts, "network", name);
    fact_number(in->facts, "number", entry.number);
    fact_time(in->facts, "time", entry.time_s);
    fact_hash(in->facts, "previous", &entry.previous);
    fact_hash(in->facts, "hash", &hash);
    if (!inspect_key_find(in, &key) ||
        !inspect_key_verdict(in, &key,
                             key.known ? log_entry_open(&key.key, content, &entry) : ERR_OK))
        return false;
    json_t *list = fact_list(in->facts, "items");
    for (size_t cursor = 0; log_entry_next(&entry, &cursor, &item);)
        show_item(list, &item);
    return true;
}

/* Index. */

bool inspect_index(struct inspection *in, struct span content)
{
    struct index_reader index;
    struct index_line line;
    struct sha256 hash = sha256_of(content);
    uint64_t statement_count = 0, pack_bytes = 0;
    enum err err = index_open(content, &index);
    if (err != ERR_OK)
        return inspect_refuse(in, "index: %s", err_text(err));
    fact_text(in->facts, "network", index.network);
    fact_number(in->facts, "log_number", index.log_number);
    fact_hash(in->facts, "log_hash", &index.log_hash);
    fact_time(in->facts, "time", index.time_s);
    fact_hash(in->facts, "sha256", &hash);
    json_t *templates = fact_list(in->facts, "templates");
    json_t *ranges = fact_list(in->facts, "ranges");
    json_t *tails = fact_list(in->facts, "tails");
    json_t *paths = fact_list(in->facts, "paths");
    for (size_t cursor = 0; index_next(&index, &cursor, &line);) {
        if (line.type == INDEX_TEMPLATE) {
            fact_template(fact_row(templates), &line.template_);
            continue;
        }
        if (line.type == INDEX_PATH) {
            fact_path(fact_row(paths), &line.path);
            continue;
        }
        bool range = line.type == INDEX_RANGE;
        fact_range(fact_row(range ? ranges : tails), &line.range, range);
        statement_count += range ? line.range.statement_count : 0;
        pack_bytes += line.range.pack_bytes;
    }
    fact_number(in->facts, "statements_in_ranges", statement_count);
    fact_number(in->facts, "bytes_of_packs", pack_bytes);
    return true;
}

/* Template. */

bool inspect_template(struct inspection *in, struct span content)
{
    struct ocsp_template t;
    enum err err = template_read(content, &t);
    if (err != ERR_OK)
        return inspect_refuse(in, "template: %s", err_text(err));
    fact_template(in->facts, &t);
    return true;
}
