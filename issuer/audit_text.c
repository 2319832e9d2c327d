/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/audit_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/utf8.h"

static void put(struct audit_text *t, const void *data, size_t size)
{
    if (t->err != ERR_OK)
        return;
    if (size > t->out_size - t->size) {
        t->err = ERR_NO_SPACE;
        return;
    }
    if (size > 0)
        memcpy(t->out + t->size, data, size);
    t->size += size;
}

void audit_text_put(struct audit_text *t, const char *text)
{
    put(t, text, strlen(text));
}

void audit_text_number(struct audit_text *t, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    audit_text_put(t, text);
}

void audit_text_ca(struct audit_text *t, uint64_t issuer_id)
{
    char text[24];
    snprintf(text, sizeof text, "\"%016" PRIx64 "\"", issuer_id);
    audit_text_put(t, text);
}

static void put_ascii(struct audit_text *t, char c)
{
    static const char from[] = "\b\t\n\f\r\"\\";
    static const char to[] = "btnfr\"\\";
    const char *escape = memchr(from, c, sizeof from - 1);
    char text[8] = {'\\'};
    if (escape != NULL) {
        text[1] = to[escape - from];
        put(t, text, 2);
    } else if ((unsigned char)c < 0x20) {
        snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
        put(t, text, 6);
    } else {
        put(t, &c, 1);
    }
}

void audit_text_string(struct audit_text *t, struct span text)
{
    audit_text_put(t, "\"");
    for (size_t at = 0; at < text.size && t->err == ERR_OK;) {
        struct span rest = span_of(text.data + at, text.size - at);
        size_t size = utf8_sequence(rest);
        if (size == 0 || rest.data[0] == 0)
            t->err = ERR_MALFORMED;
        else if (size == 1)
            put_ascii(t, (char)rest.data[0]);
        else
            put(t, rest.data, size);
        at += size;
    }
    audit_text_put(t, "\"");
}
