/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/revoke_line.h"

#include "lib/timetext.h"
#include "presigner/import_field.h"

#define FIELD_COUNT_MAX 3

bool revoke_line_is_header(struct span line)
{
    static const char *const headers[] = {"serial", "serial,reason", "serial,reason,time"};
    line = import_trim(line);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        if (span_equal(line, span_text(headers[i])))
            return true;
    return false;
}

static enum err split(struct span line, struct span fields[static FIELD_COUNT_MAX])
{
    for (size_t i = 0; i < FIELD_COUNT_MAX; i++)
        fields[i] = SPAN_EMPTY;
    for (size_t count = 1; count <= FIELD_COUNT_MAX; count++)
        if (import_split(line, ',', fields, count) == ERR_OK)
            return ERR_OK;
    return ERR_MALFORMED;
}

enum err revoke_line_read(struct span line, const struct revoke_defaults *defaults,
                          struct serial *ret_serial, struct cert_record *ret_claim,
                          const char **ret_why)
{
    struct span fields[FIELD_COUNT_MAX];
    struct serial serial;
    struct cert_record claim = {.status = CERT_REVOKED};
    enum reason reason = defaults->reason;
    uint64_t at_s = defaults->at_s;
    *ret_why = "it has more than the fields serial,reason,time";
    TRY(split(import_trim(line), fields));
    TRY(import_serial(fields[0], &serial, ret_why));
    *ret_why = "not a reason of RFC 5280, such as keyCompromise or superseded";
    if (fields[1].size > 0)
        TRY(reason_from_text(fields[1], &reason));
    *ret_why = "not a time, such as 2026-11-24T19:30:00Z";
    if (fields[2].size > 0)
        TRY(human_time_read(fields[2], &at_s));
    *ret_why = "the revocation time is in the future";
    if (at_s > defaults->at_max_s)
        return ERR_RANGE;
    TRY(import_revoked(at_s, reason, &claim, ret_why));
    *ret_serial = serial;
    *ret_claim = claim;
    return ERR_OK;
}
