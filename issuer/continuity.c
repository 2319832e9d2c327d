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
#include "issuer/registry_revocation.h"
#include "issuer/registry_serial.h"
#include "lib/os/log.h"

/* Leaves of one look: far more than one cycle writes. Refusals, and what the presigner says that it
 * has signed, may stand behind the last cycle: then it is looked for further back. */
#define LOOK_BACK    16384
#define LOOKS_MAX    64
#define REVOKED_MAX  256
#define KNOWN_CHANGE "registry restored"

struct named {
    uint64_t issuer_id;
    struct serial serial;
};

/* What the log says last. */
struct last {
    bool is_there;      /* a serial that was announced */
    bool is_settled;    /* that, or a person's word that nothing before it is to be compared */
    bool is_first_look; /* the newest leaves */
    struct named signing;
    struct named revoked[REVOKED_MAX]; /* of the newest leaves: the last so many */
    size_t revoked_count;
};

static bool is_text(const json_t *leaf, const char *key, const char *value)
{
    const char *text = json_string_value(json_object_get(leaf, key));
    return text != NULL && strcmp(text, value) == 0;
}

static enum err take_serial(const json_t *leaf, struct named *ret)
{
    const char *ca = json_string_value(json_object_get(leaf, "ca"));
    const char *serial = json_string_value(json_object_get(leaf, "serial"));
    if (ca == NULL || serial == NULL)
        return ERR_MALFORMED;
    TRY(authority_id_from_text(span_text(ca), &ret->issuer_id));
    return serial_from_hex(span_text(serial), &ret->serial);
}

static enum err take_signing(const json_t *leaf, struct last *last)
{
    last->is_there = last->is_settled = true;
    return take_serial(leaf, &last->signing);
}

static enum err take_revoked(const json_t *leaf, struct last *last)
{
    return last->is_first_look
               ? take_serial(leaf, &last->revoked[last->revoked_count++ % REVOKED_MAX])
               : ERR_OK;
}

static void take_known(struct last *last)
{
    last->is_there = false;
    last->is_settled = true;
    if (last->is_first_look)
        last->revoked_count = 0;
}

static enum err take_leaf(void *context, uint64_t index, struct span entry)
{
    (void)index;
    struct last *last = context;
    enum err err = ERR_OK;
    json_t *leaf = json_loadb((const char *)entry.data, entry.size, 0, NULL);
    if (is_text(leaf, "type", audit_event_word(AUDIT_CERT_SIGNING)))
        err = take_signing(leaf, last);
    else if (is_text(leaf, "type", audit_event_word(AUDIT_CERT_REVOKED)))
        err = take_revoked(leaf, last);
    else if (is_text(leaf, "type", audit_event_word(AUDIT_ADMIN_ACTION)) &&
             is_text(leaf, "change", KNOWN_CHANGE))
        take_known(last);
    json_decref(leaf);
    return err;
}

static enum err read_last(struct audit_reader *reader, struct last *last)
{
    uint64_t end = reader->tree.size;
    for (unsigned look = 0; look < LOOKS_MAX && end > 0 && !last->is_settled; look++) {
        uint64_t from = end > LOOK_BACK ? end - LOOK_BACK : 0;
        last->is_first_look = look == 0;
        TRY(audit_each(reader, from, end, take_leaf, last));
        end = from;
    }
    return ERR_OK;
}

static enum err note_there(void *context, const struct registry_revocation *row)
{
    (void)row;
    *(bool *)context = true;
    return ERR_OK;
}

/* The leaf of a revocation stands before its transaction: a crash may have come between them, so
 * that one that is missing is no proof. A person has to look. */
static enum err tell_missing(struct issuer_worker *worker, const struct last *last)
{
    size_t count = last->revoked_count < REVOKED_MAX ? last->revoked_count : REVOKED_MAX;
    for (size_t i = 0; i < count; i++) {
        char serial[SERIAL_HEX_MAX];
        bool is_there = false;
        const struct named *revoked = &last->revoked[i];
        TRY(registry_revocations(worker->registry, revoked->issuer_id, &revoked->serial, note_there,
                                 &is_there));
        serial_to_hex(&revoked->serial, serial);
        if (!is_there)
            log_error("serial %s of CA %016" PRIx64 ": the audit log says that it is revoked, and "
                      "the registry does not: the request was cut off, or the registry is older "
                      "than the log. See \"Backup\" of an issuer in docs/operations.md",
                      serial, revoked->issuer_id);
    }
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
static enum err check_registry(struct issuer_worker *worker, const struct last *last)
{
    struct registry_reservation row;
    if (!last->is_there)
        return ERR_OK;
    enum err err =
        registry_serial_get(worker->registry, last->signing.issuer_id, &last->signing.serial, &row);
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
    struct last last = {0};
    TRY(audit_log_id(reader, &worker->issuer->audit_log));
    TRY(check_log(worker, reader));
    TRY(read_last(reader, &last));
    TRY(tell_missing(worker, &last));
    TRY(path_join(path, sizeof path, worker->issuer->config->state_dir, CONTINUITY_KNOWN_FILE));
    return access(path, F_OK) == 0 ? note_known(worker, path) : check_registry(worker, &last);
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
