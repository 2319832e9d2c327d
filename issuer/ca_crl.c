/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "issuer/ca_make.h"
#include "issuer/ca_open.h"
#include "lib/crl_write.h"
#include "lib/facts.h"
#include "lib/os/file.h"
#include "lib/textline.h"

#define REVOKED_FILE   "revoked"
#define NUMBER_FILE    "crl-number"
#define REVOKED_MAX    4096
#define LINE_BYTES_MAX 96
#define CRL_DAYS       180
#define CRL_DAYS_MAX   365 /* BR 4.9.7: of CA certificates, within twelve months */
#define REVOKED_BYTES  (REVOKED_MAX * LINE_BYTES_MAX)

struct revoking {
    const struct ca_options *o;
    struct ca ca;
    struct ca_step step;
    struct crl_entry entries[REVOKED_MAX];
    size_t count;
    struct buffer list; /* the file, with what is new */
    uint64_t number;
};

static enum err read_optional(const struct ca_folder *folder, const char *name, size_t most,
                              struct buffer *b)
{
    char path[PATH_BYTES_MAX];
    TRY(ca_folder_path(folder, name, path));
    enum err err = file_read(path, most, b);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* SERIAL REASON SECONDS */
static enum err read_line(struct span line, struct crl_entry *ret)
{
    struct span words[3];
    enum reason reason;
    uint64_t at_s;
    TRY(text_words(line, words, 3));
    TRY(serial_from_hex(words[0], &ret->serial));
    TRY(reason_from_text(words[1], &reason));
    TRY(text_decimal(words[2], &at_s));
    ret->reason = (uint8_t)reason;
    ret->revoked_at_s = (uint32_t)at_s;
    return at_s > UINT32_MAX ? ERR_RANGE : ERR_OK;
}

static enum err read_list(struct revoking *r)
{
    TRY(read_optional(&r->ca.folder, REVOKED_FILE, REVOKED_BYTES, &r->list));
    struct span rest = span_of(r->list.data, r->list.size);
    while (rest.size > 0) {
        struct span line;
        TRY(text_line(&rest, &line));
        if (r->count == REVOKED_MAX)
            return ERR_LIMIT;
        TRY(read_line(line, &r->entries[r->count]));
        r->count++;
    }
    return ERR_OK;
}

static enum err read_number(struct revoking *r)
{
    struct buffer text = {0};
    struct span rest, line;
    enum err err = read_optional(&r->ca.folder, NUMBER_FILE, LINE_BYTES_MAX, &text);
    rest = span_of(text.data, text.size);
    if (err == ERR_OK && text.size > 0)
        err = text_line(&rest, &line);
    if (err == ERR_OK && text.size > 0)
        err = text_decimal(line, &r->number);
    /* The number of what was published and lost must not come again. */
    if (err == ERR_OK && text.size == 0 && ca_folder_has(&r->ca.folder, "crl.der"))
        err = ERR_NOT_FOUND;
    buffer_done(&text);
    r->number++;
    return err == ERR_OK && r->number == UINT64_MAX ? ERR_LIMIT : err;
}

static enum err reason_take(const struct ca_options *o, enum reason *ret, struct ca_refusal *why)
{
    if (o->reason == NULL || reason_from_text(span_text(o->reason), ret) != ERR_OK)
        return ca_refuse(why, ERR_MALFORMED, "--reason %s: a reason of RFC 5280 5.3.1 by its name",
                         o->reason == NULL ? "(none)" : o->reason);
    switch (*ret) {
    case REASON_KEY_COMPROMISE:
    case REASON_AFFILIATION_CHANGED:
    case REASON_SUPERSEDED:
    case REASON_CESSATION_OF_OPERATION:
    case REASON_PRIVILEGE_WITHDRAWN:
        return ERR_OK;
    case REASON_UNSPECIFIED:
    case REASON_CA_COMPROMISE:
    case REASON_CERTIFICATE_HOLD:
    case REASON_REMOVE_FROM_CRL:
    case REASON_AA_COMPROMISE:
    case REASON_ABSENT:
        break;
    }
    return ca_refuse(why, ERR_RANGE, "--reason %s: not for a CA's certificate (BR 7.2.2)",
                     o->reason);
}

static enum err revoke(struct revoking *r, struct ca_refusal *why)
{
    const struct ca_options *o = r->o;
    char text[SERIAL_HEX_MAX], name[SERIAL_HEX_MAX + 16], line[LINE_BYTES_MAX];
    struct crl_entry e = {.revoked_at_s = (uint32_t)o->now_s};
    enum reason reason = REASON_ABSENT;
    TRY(reason_take(o, &reason, why));
    e.reason = (uint8_t)reason;
    if (serial_from_hex(span_text(o->revoke), &e.serial) != ERR_OK)
        return ca_refuse(why, ERR_MALFORMED, "--revoke %s: not a serial in hex", o->revoke);
    serial_to_hex(&e.serial, text);
    snprintf(name, sizeof name, "issued/%s.pem", text);
    if (!ca_folder_has(&r->ca.folder, name))
        return ca_refuse(why, ERR_NOT_FOUND, "--revoke %s: not issued here", o->revoke);
    for (size_t i = 0; i < r->count; i++)
        if (serial_compare(&r->entries[i].serial, &e.serial) == 0)
            return ca_refuse(why, ERR_EXISTS, "--revoke %s: revoked already", o->revoke);
    if (r->count == REVOKED_MAX)
        return ca_refuse(why, ERR_LIMIT, "more than %d revoked certificates", REVOKED_MAX);
    r->entries[r->count++] = e;
    snprintf(line, sizeof line, "%s %s %u\n", text, o->reason, e.revoked_at_s);
    enum err err = buffer_append(&r->list, span_text(line));
    if (err == ERR_OK)
        err = ca_step_say(&r->step, "revoked", text);
    if (err == ERR_OK)
        err = ca_step_say(&r->step, "reason", o->reason);
    return err == ERR_OK ? ERR_OK : ca_refuse(why, err, "--revoke: %s", err_text(err));
}

static enum err build(struct revoking *r, uint32_t days, struct buffer *der, struct ca_refusal *why)
{
    struct crl_fields fields = {.issuer = r->ca.subject,
                                .key_id = r->ca.key_id,
                                .alg = r->ca.alg,
                                .this_update_s = r->o->now_s - CA_BACKDATE_S,
                                .next_update_s =
                                    r->o->now_s + (uint64_t)days * CA_DAY_S - CA_BACKDATE_S - 1,
                                .number = r->number};
    size_t room = crl_bytes_max(r->count), size = 0, signature_size = 0;
    uint8_t signature[SIGNATURE_BYTES_MAX];
    uint8_t *tbs = malloc(room);
    enum err err = tbs == NULL ? ERR_MEMORY : buffer_reserve(der, room);
    if (err == ERR_OK)
        err = crl_tbs_encode(&fields, r->entries, r->count, tbs, room, &size);
    if (err != ERR_OK)
        err = ca_refuse(why, err, "the CRL cannot be written: %s", err_text(err));
    if (err == ERR_OK)
        err = ca_key_sign(&r->ca.key, span_of(tbs, size), signature, &signature_size, why);
    if (err == ERR_OK &&
        crl_encode(span_of(tbs, size), r->ca.alg, span_of(signature, signature_size), der->data,
                   room, &der->size) != ERR_OK)
        err = ca_refuse(why, ERR_MALFORMED, "the CRL cannot be written");
    free(tbs);
    return err;
}

/* What was made, read by another parser. */
static enum err judge(struct revoking *r, const struct buffer *der, struct ca_refusal *why)
{
    const unsigned char *at = der->data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der->size);
    bool good =
        crl != NULL && at == der->data + der->size &&
        X509_CRL_verify(crl, r->ca.key.public_key) == 1 &&
        X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(r->ca.certificate)) == 0;
    const STACK_OF(X509_REVOKED) *rows = crl == NULL ? NULL : X509_CRL_get_REVOKED(crl);
    size_t count = rows == NULL ? 0 : (size_t)sk_X509_REVOKED_num(rows);
    X509_CRL_free(crl);
    return good && count == r->count
               ? ERR_OK
               : ca_refuse(why, ERR_SIGNATURE, "what was signed is not the CRL that was meant");
}

static enum err publish(struct revoking *r, const struct buffer *der, struct ca_refusal *why)
{
    char number[LINE_BYTES_MAX], head_text[SHA256_TEXT_BYTES];
    struct span crl = span_of(der->data, der->size);
    struct sha256 head;
    snprintf(number, sizeof number, "%llu\n", (unsigned long long)r->number);
    enum err err = ca_step_write(&r->step, "crl.der", true, crl, 0644, true);
    if (err == ERR_OK)
        err = ca_step_write(&r->step, NUMBER_FILE, true, span_text(number), 0644, true);
    if (err == ERR_OK)
        err = ca_step_write(&r->step, REVOKED_FILE, true, span_of(r->list.data, r->list.size), 0644,
                            true);
    if (err == ERR_OK && r->o->out != NULL)
        err = ca_step_write(&r->step, r->o->out, false, crl, 0644, false);
    number[strlen(number) - 1] = '\0';
    if (err == ERR_OK)
        err = ca_step_say(&r->step, "crl_number", number);
    if (err != ERR_OK)
        return ca_refuse(why, err, "crl.der: %s", err_text(err));
    TRY(ca_step_commit(&r->step, &r->ca.folder, &head, why));
    sha256_to_text(&head, head_text);
    printf("CRL %s: %zu revoked\ntranscript: %s\n", number, r->count, head_text);
    return ERR_OK;
}

static enum err make(struct revoking *r, struct ca_refusal *why)
{
    struct buffer der = {0};
    uint32_t days = CRL_DAYS;
    if (r->o->days != NULL)
        TRY(ca_number("--days", r->o->days, 1, CRL_DAYS_MAX, &days, why));
    enum err err = read_list(r);
    if (err == ERR_OK)
        err = read_number(r);
    if (err != ERR_OK)
        return ca_refuse(why, err, "%s: the list of revoked certificates, or the CRLNumber: %s",
                         r->o->folder, err_text(err));
    if (r->o->revoke != NULL)
        TRY(revoke(r, why));
    err = build(r, days, &der, why);
    if (err == ERR_OK)
        err = judge(r, &der, why);
    if (err == ERR_OK)
        err = publish(r, &der, why);
    buffer_done(&der);
    return err;
}

enum err ca_crl(const struct ca_options *o, struct ca_refusal *why)
{
    struct revoking *r = calloc(1, sizeof *r);
    if (r == NULL)
        return ca_refuse(why, ERR_MEMORY, "out of memory");
    r->o = o;
    enum err err = ca_open(o, &r->ca, why);
    if (err == ERR_OK) {
        err = ca_step_begin(&r->step, "crl", o->operator_name, o->now_s);
        if (err == ERR_OK)
            err = make(r, why);
        ca_step_done(&r->step);
        ca_close(&r->ca);
    }
    buffer_done(&r->list);
    free(r);
    return err;
}
