/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/continuity.h"

#include <inttypes.h>
#include <jansson.h>
#include <unistd.h>

#include "issuer/audit_event.h"
#include "issuer/audit_key.h"
#include "issuer/audit_verify.h"
#include "issuer/journal.h"
#include "issuer/registry_outbox.h"
#include "issuer/registry_serial.h"
#include "lib/os/log.h"

/* Far more than one cycle writes; refusals may stand in between. */
#define LOOK_BACK    16384
#define KNOWN_CHANGE "registry restored"

/* The last serial that was announced, if any. */
struct last {
    bool is_there;
    uint64_t issuer_id;
    struct serial serial;
};

static bool is_text(const json_t *leaf, const char *key, const char *value)
{
    const char *text = json_string_value(json_object_get(leaf, key));
    return text != NULL && strcmp(text, value) == 0;
}

static enum err take_signing(const json_t *leaf, struct last *last)
{
    const char *ca = json_string_value(json_object_get(leaf, "ca"));
    const char *serial = json_string_value(json_object_get(leaf, "serial"));
    if (ca == NULL || serial == NULL)
        return ERR_MALFORMED;
    TRY(authority_id_from_text(span_text(ca), &last->issuer_id));
    TRY(serial_from_hex(span_text(serial), &last->serial));
    last->is_there = true;
    return ERR_OK;
}

static enum err take_leaf(void *context, uint64_t index, struct span entry)
{
    (void)index;
    struct last *last = context;
    enum err err = ERR_OK;
    json_t *leaf = json_loadb((const char *)entry.data, entry.size, 0, NULL);
    if (is_text(leaf, "type", audit_event_word(AUDIT_CERT_SIGNING)))
        err = take_signing(leaf, last);
    else if (is_text(leaf, "type", audit_event_word(AUDIT_ADMIN_ACTION)) &&
             is_text(leaf, "change", KNOWN_CHANGE))
        last->is_there = false;
    json_decref(leaf);
    return err;
}

static enum err read_last(struct audit_reader *reader, struct last *ret)
{
    struct last last = {0};
    uint64_t size = reader->tree.size;
    TRY(audit_each(reader, size > LOOK_BACK ? size - LOOK_BACK : 0, size, take_leaf, &last));
    *ret = last;
    return ERR_OK;
}

static enum err compare_leaf(void *context, uint64_t index, struct span entry)
{
    (void)index;
    const struct registry_leaf *leaf = context;
    return span_equal(entry, leaf->event) ? ERR_OK : ERR_CHAIN;
}

/* The log has what the registry knows of it. */
static enum err check_log(struct issuer_worker *worker, struct audit_reader *reader)
{
    struct registry_leaf leaf;
    enum err err = registry_outbox_last(worker->registry, &worker->issuer->audit_log, &leaf);
    if (err != ERR_OK)
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    err = leaf.leaf_index >= reader->tree.size
              ? ERR_CHAIN
              : audit_each(reader, leaf.leaf_index, leaf.leaf_index + 1, compare_leaf, &leaf);
    if (err == ERR_CHAIN)
        log_error(
            "the audit log does not have leaf %" PRIu64
            " as the registry knows it: the log was restored from an older copy, and cannot be "
            "gone on with. See \"Backup\" of an issuer in docs/operations.md",
            leaf.leaf_index);
    return err;
}

static enum err note_known(struct issuer_worker *worker, const char *path)
{
    struct audit_event event;
    uint64_t leaf = 0;
    audit_event_begin(&event, AUDIT_ADMIN_ACTION, issuer_now_s(worker->issuer),
                      span_text("program:statim-issuer"), SPAN_EMPTY);
    audit_event_text(&event, AUDIT_FIELD_CHANGE, span_text(KNOWN_CHANGE));
    audit_event_text(&event, AUDIT_FIELD_TARGET, span_text("registry"));
    TRY(journal_record(worker->issuer->journal, &event, &leaf));
    log_warning("%s: the registry is taken as it is", path);
    return unlink(path) == 0 ? ERR_OK : ERR_IO;
}

/* The registry has what the log says. */
static enum err check_registry(struct issuer_worker *worker, struct audit_reader *reader)
{
    struct last last;
    struct registry_reservation row;
    TRY(read_last(reader, &last));
    if (!last.is_there)
        return ERR_OK;
    enum err err = registry_serial_get(worker->registry, last.issuer_id, &last.serial, &row);
    if (err != ERR_NOT_FOUND)
        return err;
    log_error(
        "the registry does not know the serial that the audit log announced last: it is older "
        "than the log, or another one. See \"Backup\" of an issuer in docs/operations.md");
    return ERR_CHAIN;
}

static enum err check_both(struct issuer_worker *worker, struct audit_reader *reader)
{
    char path[PATH_BYTES_MAX];
    TRY(audit_log_id(reader, &worker->issuer->audit_log));
    TRY(check_log(worker, reader));
    TRY(path_join(path, sizeof path, worker->issuer->config->state_dir, CONTINUITY_KNOWN_FILE));
    return access(path, F_OK) == 0 ? note_known(worker, path) : check_registry(worker, reader);
}

enum err continuity_check(struct issuer_worker *worker)
{
    const char *folder = worker->issuer->config->audit.folder;
    struct verify_key key;
    struct audit_reader reader = {0};
    TRY(audit_verify_key(NULL, folder, &key));
    TRY(audit_reader_open(folder, &key, &reader));
    enum err err = check_both(worker, &reader);
    audit_reader_done(&reader);
    return err;
}
