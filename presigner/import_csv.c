/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/import_field.h"

#include "lib/timetext.h"

enum column { SERIAL, STATUS, REVOKED_AT, REASON, NOT_AFTER, SHARD, COLUMN_COUNT };

static const char *const column_names[COLUMN_COUNT] = {"serial", "status",    "revoked_at",
                                                       "reason", "not_after", "shard"};

static enum err refuse(const char **ret_why, const char *why)
{
    *ret_why = why;
    return ERR_MALFORMED;
}

/* A quote may only be the first and the last octet of a field. */
static enum err unquote(struct span *field)
{
    struct span f = *field;
    if (f.size >= 2 && f.data[0] == '"' && f.data[f.size - 1] == '"')
        f = span_of(f.data + 1, f.size - 2);
    if (f.size > 0 && memchr(f.data, '"', f.size) != NULL)
        return ERR_RANGE;
    *field = f;
    return ERR_OK;
}

/* The last column may be left out: it is then empty. */
static enum err split(struct span line, struct span fields[static COLUMN_COUNT], size_t *ret_count)
{
    size_t count = COLUMN_COUNT;
    if (import_split(line, ',', fields, count) != ERR_OK) {
        count = SHARD;
        TRY(import_split(line, ',', fields, count));
        fields[SHARD] = SPAN_EMPTY;
    }
    for (size_t i = 0; i < count; i++)
        TRY(unquote(&fields[i]));
    *ret_count = count;
    return ERR_OK;
}

enum err import_csv_header(struct span line, const char **ret_why)
{
    struct span fields[COLUMN_COUNT];
    line = import_trim(line);
    size_t name_size = strlen(column_names[SERIAL]);
    size_t start = line.size > 0 && line.data[0] == '"';
    if (line.size < start + name_size ||
        memcmp(line.data + start, column_names[SERIAL], name_size) != 0)
        return ERR_NOT_FOUND;
    size_t count = 0;
    bool equal = split(line, fields, &count) == ERR_OK;
    for (size_t i = 0; i < count && equal; i++)
        equal = span_equal(fields[i], span_text(column_names[i])) ||
                (i == SHARD && span_equal(fields[i], span_text("crldp")));
    if (equal)
        return ERR_OK;
    *ret_why = "the columns are not serial,status,revoked_at,reason,not_after[,shard]";
    return ERR_UNSUPPORTED;
}

static enum err take_good(const struct span *fields, struct cert_record *record,
                          const char **ret_why)
{
    if (fields[REVOKED_AT].size != 0 || fields[REASON].size != 0)
        return refuse(ret_why, "a good certificate has no revoked_at and no reason");
    record->status = CERT_GOOD;
    record->reason = REASON_ABSENT;
    return ERR_OK;
}

static enum err take_revoked(const struct span *fields, struct cert_record *record,
                             const char **ret_why)
{
    uint64_t revoked_at_s;
    enum reason reason = REASON_ABSENT;
    if (fields[REVOKED_AT].size == 0)
        return refuse(ret_why, "revoked without revoked_at");
    if (human_time_read(fields[REVOKED_AT], &revoked_at_s) != ERR_OK)
        return refuse(ret_why, "revoked_at is not a time");
    if (fields[REASON].size != 0 && reason_from_text(fields[REASON], &reason) != ERR_OK)
        return refuse(ret_why, "reason is not one of RFC 5280");
    return import_revoked(revoked_at_s, reason, record, ret_why);
}

enum err import_csv_line(struct span line, struct import_line *ret, const char **ret_why)
{
    struct span fields[COLUMN_COUNT];
    struct import_line out = {0};
    uint64_t not_after_s;
    size_t count = 0;
    enum err err = split(import_trim(line), fields, &count);
    if (err == ERR_RANGE)
        return refuse(ret_why, "a quote inside of a field");
    if (err != ERR_OK)
        return refuse(ret_why, "not five columns: serial,status,revoked_at,reason,not_after");
    TRY(import_serial(fields[SERIAL], &out.serial, ret_why));
    if (span_equal(fields[STATUS], span_text("good")))
        TRY(take_good(fields, &out.record, ret_why));
    else if (span_equal(fields[STATUS], span_text("revoked")))
        TRY(take_revoked(fields, &out.record, ret_why));
    else
        return refuse(ret_why, "status is neither good nor revoked");
    if (fields[NOT_AFTER].size == 0)
        return refuse(ret_why, "not_after is missing");
    if (human_time_read(fields[NOT_AFTER], &not_after_s) != ERR_OK)
        return refuse(ret_why, "not_after is not a time");
    out.record.not_after_s = import_not_after(not_after_s);
    out.shard = fields[SHARD];
    *ret = out;
    return ERR_OK;
}
