/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http_response.h"

#include "lib/octets.h"
#include "lib/timetext.h"

#define DECIMAL_BYTES_MAX 20 /* UINT64_MAX */

static void put(struct http_writer *w, const void *data, size_t size)
{
    if (w->err != ERR_OK)
        return;
    if (w->out_size - w->size < size) {
        w->err = ERR_NO_SPACE;
        return;
    }
    memcpy(w->out + w->size, data, size);
    w->size += size;
}

/* The digits at the end of `digits`; returns the first. */
static char *decimal(uint64_t value, char digits[static DECIMAL_BYTES_MAX])
{
    char *at = digits + DECIMAL_BYTES_MAX;
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return at;
}

const char *http_status_reason(uint16_t status)
{
    switch (status) {
#define X(number, reason) \
    case number:          \
        return reason;
        HTTP_STATUS_TABLE(X)
#undef X
    default:
        return "Unknown";
    }
}

void http_writer_start(struct http_writer *w, uint16_t status, uint8_t *out, size_t out_size)
{
    *w = (struct http_writer){.out = out, .out_size = out_size};
    char digits[DECIMAL_BYTES_MAX];
    const char *first = decimal(status, digits);
    const char *reason = http_status_reason(status);
    put(w, "HTTP/1.1 ", 9);
    put(w, first, (size_t)(digits + sizeof digits - first));
    put(w, " ", 1);
    put(w, reason, strlen(reason));
    put(w, "\r\n", 2);
}

/* `value` has no control character. */
static void put_field(struct http_writer *w, const char *name, const void *value, size_t value_size)
{
    size_t name_size = strlen(name);
    if (w->err != ERR_OK)
        return;
    if (value_size > w->out_size || w->out_size - w->size < name_size + value_size + 4) {
        w->err = ERR_NO_SPACE;
        return;
    }
    uint8_t *at = w->out + w->size;
    memcpy(at, name, name_size);
    at += name_size;
    *at++ = ':';
    *at++ = ' ';
    if (value_size > 0)
        memcpy(at, value, value_size);
    at += value_size;
    *at++ = '\r';
    *at++ = '\n';
    w->size = (size_t)(at - w->out);
}

void http_writer_field(struct http_writer *w, const char *name, struct span value)
{
    if (octets_have_control(value)) {
        if (w->err == ERR_OK)
            w->err = ERR_MALFORMED;
        return;
    }
    put_field(w, name, value.data, value.size);
}

void http_writer_number(struct http_writer *w, const char *name, uint64_t value)
{
    http_writer_directive(w, name, "", value, "");
}

void http_writer_directive(struct http_writer *w, const char *name, const char *before,
                           uint64_t value, const char *after)
{
    char digits[DECIMAL_BYTES_MAX];
    const char *first = decimal(value, digits);
    put(w, name, strlen(name));
    put(w, ": ", 2);
    put(w, before, strlen(before));
    put(w, first, (size_t)(digits + sizeof digits - first));
    put(w, after, strlen(after));
    put(w, "\r\n", 2);
}

void http_writer_date(struct http_writer *w, const char *name, uint64_t time_s)
{
    uint8_t text[IMF_FIXDATE_BYTES];
    imf_fixdate_write(time_s, text);
    put_field(w, name, text, sizeof text);
}

enum err http_writer_finish(struct http_writer *w, size_t *ret_size)
{
    put(w, "\r\n", 2);
    TRY(w->err);
    *ret_size = w->size;
    return ERR_OK;
}
