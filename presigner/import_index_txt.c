/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/import_field.h"

#include "lib/timetext.h"

enum field { STATUS, EXPIRY, REVOCATION, SERIAL, FILE_NAME, SUBJECT, FIELD_COUNT };

static enum err refuse(const char **ret_why, const char *why)
{
    *ret_why = why;
    return ERR_MALFORMED;
}

/* Takes what stands before the first comma. */
static struct span take_part(struct span *rest)
{
    const uint8_t *comma = rest->size > 0 ? memchr(rest->data, ',', rest->size) : NULL;
    struct span part = *rest;
    if (comma == NULL) {
        *rest = SPAN_EMPTY;
        return part;
    }
    part.size = (size_t)(comma - rest->data);
    *rest = span_of(comma + 1, rest->size - part.size - 1);
    return part;
}

/* The names of ca(1) that are not in RFC 5280: they carry a detail of a reason. */
static enum err reason_from_index(struct span text, enum reason *ret)
{
    static const struct {
        const char *text;
        enum reason reason;
    } own[] = {{"holdInstruction", REASON_CERTIFICATE_HOLD},
               {"keyTime", REASON_KEY_COMPROMISE},
               {"CAkeyTime", REASON_CA_COMPROMISE}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (span_equal(text, span_text(own[i].text))) {
            *ret = own[i].reason;
            return ERR_OK;
        }
    }
    return reason_from_text(text, ret);
}

static enum err take_revoked(struct span revocation, struct cert_record *record,
                             const char **ret_why)
{
    uint64_t revoked_at_s;
    enum reason reason = REASON_ABSENT;
    bool has_reason = memchr(revocation.data, ',', revocation.size) != NULL;
    struct span time = take_part(&revocation);
    struct span name = take_part(&revocation);
    if (asn1_time_read(time, &revoked_at_s) != ERR_OK)
        return refuse(ret_why, "the revocation time is not like YYMMDDHHMMSSZ");
    if (has_reason && reason_from_index(name, &reason) != ERR_OK)
        return refuse(ret_why, "the reason is not one of RFC 5280");
    return import_revoked(revoked_at_s, reason, record, ret_why);
}

static enum err take_status(const struct span *fields, struct cert_record *record,
                            const char **ret_why)
{
    bool revoked = span_equal(fields[STATUS], span_text("R"));
    if (!revoked && !span_equal(fields[STATUS], span_text("V")) &&
        !span_equal(fields[STATUS], span_text("E")))
        return refuse(ret_why, "the status is none of V, R, E");
    if (revoked) {
        if (fields[REVOCATION].size == 0)
            return refuse(ret_why, "revoked without a revocation time");
        return take_revoked(fields[REVOCATION], record, ret_why);
    }
    if (fields[REVOCATION].size != 0)
        return refuse(ret_why, "a revocation time, but the status is not R");
    record->status = CERT_GOOD;
    record->reason = REASON_ABSENT;
    return ERR_OK;
}

enum err import_index_txt_line(struct span line, struct import_line *ret, const char **ret_why)
{
    struct span fields[FIELD_COUNT];
    struct import_line out = {0};
    uint64_t not_after_s;
    if (import_split(import_trim(line), '\t', fields, FIELD_COUNT) != ERR_OK)
        return refuse(ret_why, "not six fields with tabs between them");
    TRY(take_status(fields, &out.record, ret_why));
    if (asn1_time_read(fields[EXPIRY], &not_after_s) != ERR_OK)
        return refuse(ret_why, "the expiry is not like YYMMDDHHMMSSZ");
    out.record.not_after_s = import_not_after(not_after_s);
    TRY(import_serial(fields[SERIAL], &out.serial, ret_why));
    *ret = out;
    return ERR_OK;
}
