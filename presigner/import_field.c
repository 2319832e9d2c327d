/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/import_field.h"

enum import_format import_format_guess(struct span first_line)
{
    bool tabs = first_line.size > 0 && memchr(first_line.data, '\t', first_line.size) != NULL;
    return tabs ? IMPORT_INDEX_TXT : IMPORT_CSV;
}

enum err import_split(struct span line, uint8_t separator, struct span *fields, size_t count)
{
    for (size_t i = 0; i + 1 < count; i++) {
        const uint8_t *end = line.size > 0 ? memchr(line.data, separator, line.size) : NULL;
        if (end == NULL)
            return ERR_MALFORMED;
        size_t size = (size_t)(end - line.data);
        fields[i] = span_of(line.data, size);
        line = span_of(end + 1, line.size - size - 1);
    }
    if (line.size > 0 && memchr(line.data, separator, line.size) != NULL)
        return ERR_MALFORMED;
    fields[count - 1] = line;
    return ERR_OK;
}

struct span import_trim(struct span line)
{
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    return line;
}

enum err import_serial(struct span text, struct serial *ret, const char **why)
{
    enum err err = serial_from_hex(text, ret);
    if (err == ERR_LIMIT)
        *why = "the serial is longer than 32 octets";
    else if (err != ERR_OK)
        *why = "the serial is not a hexadecimal number";
    return err;
}

enum err import_revoked(uint64_t revoked_at_s, enum reason reason, struct cert_record *record,
                        const char **why)
{
    if (reason == REASON_REMOVE_FROM_CRL) {
        *why = "removeFromCRL is not the reason of a revocation";
        return ERR_MALFORMED;
    }
    if (revoked_at_s > TIME_S_MAX) {
        *why = "the revocation time is past 2106";
        return ERR_RANGE;
    }
    record->status = CERT_REVOKED;
    record->reason = (uint8_t)reason;
    record->revoked_at_s = (uint32_t)revoked_at_s;
    return ERR_OK;
}

uint32_t import_not_after(uint64_t time_s)
{
    return time_s > TIME_S_MAX ? TIME_S_MAX : (uint32_t)time_s;
}
