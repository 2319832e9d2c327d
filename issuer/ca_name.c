/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_name.h"

#include <stdio.h>

#include "lib/der_write.h"
#include "lib/textline.h"

#define DER_UTF8_STRING      0x0c
#define DER_PRINTABLE_STRING 0x13
#define DER_SET              0x31

struct row {
    const char *typed;
    uint8_t octet;
    uint8_t most;
};

static const struct row rows[CA_NAME_PARTS] = {
#define X(name, typed, octet, most) {typed, octet, most},
    CA_NAME_TABLE(X)
#undef X
};

#define WHY(...) snprintf(why, CA_NAME_WHY_BYTES, __VA_ARGS__)

/* Takes one character of UTF-8 (RFC 3629: shortest form, no surrogates) that is no control
 * character; its size, 0 when it is none. */
static size_t utf8_take(struct span s)
{
    uint8_t c = s.data[0];
    size_t size = c < 0x80                ? 1
                  : c >= 0xc2 && c < 0xe0 ? 2
                  : c >= 0xe0 && c < 0xf0 ? 3
                  : c >= 0xf0 && c < 0xf5 ? 4
                                          : 0;
    if (size == 0 || size > s.size || c < 0x20 || c == 0x7f)
        return 0;
    uint32_t point = size == 1 ? c : c & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((s.data[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (s.data[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0, 0xa0, 0x800, 0x10000};
    bool surrogate = point >= 0xd800 && point < 0xe000;
    return point < least[size] || surrogate || point > 0x10ffff ? 0 : size;
}

static enum err value_check(const struct row *row, struct span value, char *why)
{
    size_t characters = 0;
    for (size_t at = 0; at < value.size; characters++) {
        size_t size = utf8_take(span_of(value.data + at, value.size - at));
        if (size == 0) {
            WHY("%s: a control character, or not UTF-8", row->typed);
            return ERR_MALFORMED;
        }
        at += size;
    }
    if (characters == 0 || characters > row->most) {
        WHY("%s: %zu characters, not 1 to %u", row->typed, characters, row->most);
        return ERR_MALFORMED;
    }
    if (value.data[0] == ' ' || value.data[value.size - 1] == ' ') {
        WHY("%s: a blank at the beginning or the end", row->typed);
        return ERR_MALFORMED;
    }
    if (row == &rows[CA_NAME_COUNTRY] &&
        (value.size != 2 || value.data[0] < 'A' || value.data[0] > 'Z' || value.data[1] < 'A' ||
         value.data[1] > 'Z')) {
        WHY("C: two capital letters (ISO 3166-1)");
        return ERR_MALFORMED;
    }
    return ERR_OK;
}

static enum err part_set(struct ca_name *name, size_t part, struct span value, char *why)
{
    if (name->parts[part][0] != '\0') {
        WHY("%s: given twice", rows[part].typed);
        return ERR_MALFORMED;
    }
    TRY(value_check(&rows[part], value, why));
    memcpy(name->parts[part], value.data, value.size);
    name->parts[part][value.size] = '\0';
    return ERR_OK;
}

static size_t part_typed(struct span typed)
{
    for (size_t i = 0; i < CA_NAME_PARTS; i++)
        if (span_equal(typed, span_text(rows[i].typed)))
            return i;
    return CA_NAME_PARTS;
}

/* Takes "TYPE=VALUE" up to a comma or the end. */
static enum err read_part(const char **text, struct ca_name *name, char *why)
{
    const char *equals = strchr(*text, '=');
    size_t part =
        equals == NULL ? CA_NAME_PARTS : part_typed(span_of(*text, (size_t)(equals - *text)));
    if (part == CA_NAME_PARTS) {
        WHY("\"%.24s\" does not begin with C=, ST=, L=, O= or CN=", *text);
        return ERR_MALFORMED;
    }
    char value[CA_NAME_TEXT_BYTES];
    size_t size = 0;
    const char *at = equals + 1;
    for (; *at != '\0' && *at != ','; at++) {
        if (*at == '\\' && *++at == '\0') {
            WHY("a backslash at the end");
            return ERR_MALFORMED;
        }
        if (size == sizeof value - 1) {
            WHY("%s: too long", rows[part].typed);
            return ERR_MALFORMED;
        }
        value[size++] = *at;
    }
    *text = at;
    return part_set(name, part, span_of(value, size), why);
}

static enum err require(const struct ca_name *name, char *why)
{
    static const enum ca_name_part required[] = {CA_NAME_COUNTRY, CA_NAME_ORGANIZATION,
                                                 CA_NAME_COMMON_NAME};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        if (name->parts[required[i]][0] == '\0') {
            WHY("no %s= (BR 7.1.2.10.2)", rows[required[i]].typed);
            return ERR_MALFORMED;
        }
    return ERR_OK;
}

enum err ca_name_read(const char *text, struct ca_name *ret, char why[static CA_NAME_WHY_BYTES])
{
    struct ca_name name = {0};
    for (;;) {
        TRY(read_part(&text, &name, why));
        if (*text == '\0')
            break;
        text++;
    }
    TRY(require(&name, why));
    *ret = name;
    return ERR_OK;
}

static enum err decode_part(struct span oid, uint8_t tag, struct span value, struct ca_name *name,
                            char *why)
{
    size_t part = CA_NAME_PARTS;
    if (oid.size == 3 && oid.data[0] == 0x55 && oid.data[1] == 0x04)
        for (part = 0; part < CA_NAME_PARTS && rows[part].octet != oid.data[2];)
            part++;
    if (part == CA_NAME_PARTS) {
        WHY("an attribute that is none of C, ST, L, O, CN");
        return ERR_MALFORMED;
    }
    if (tag != DER_PRINTABLE_STRING && (tag != DER_UTF8_STRING || part == CA_NAME_COUNTRY)) {
        WHY("%s: neither PrintableString nor UTF8String as it has to be", rows[part].typed);
        return ERR_MALFORMED;
    }
    return part_set(name, part, value, why);
}

enum err ca_name_decode(struct span der, struct ca_name *ret, char why[static CA_NAME_WHY_BYTES])
{
    struct ca_name name = {0};
    struct der_reader r;
    der_reader_init(&r, der);
    der_enter(&r, DER_SEQUENCE);
    while (!der_at_end(&r)) {
        uint8_t tag = 0;
        der_enter(&r, DER_SET);
        der_enter(&r, DER_SEQUENCE);
        struct span oid = der_take(&r, DER_OID);
        struct span value = der_take_any(&r, &tag);
        der_leave(&r);
        der_leave(&r);
        if (r.err == ERR_OK)
            TRY(decode_part(oid, tag, value, &name, why));
    }
    der_leave(&r);
    if (der_end(&r) != ERR_OK) {
        WHY("a name that is not of single attributes in DER");
        return ERR_MALFORMED;
    }
    TRY(require(&name, why));
    *ret = name;
    return ERR_OK;
}

enum err ca_name_encode(const struct ca_name *name, uint8_t *out, size_t out_size, size_t *ret_size)
{
    struct der_writer w = der_writer_into(out, out_size);
    for (size_t part = CA_NAME_PARTS; part-- > 0;) {
        const uint8_t oid[] = {0x55, 0x04, rows[part].octet};
        size_t mark = w.used;
        if (name->parts[part][0] == '\0')
            continue;
        der_put_element(&w, part == CA_NAME_COUNTRY ? DER_PRINTABLE_STRING : DER_UTF8_STRING,
                        span_text(name->parts[part]));
        der_put_element(&w, DER_OID, span_of(oid, sizeof oid));
        der_put_header(&w, DER_SEQUENCE, mark);
        der_put_header(&w, DER_SET, mark);
    }
    der_put_header(&w, DER_SEQUENCE, 0);
    return der_writer_finish(&w, ret_size);
}

enum err ca_name_write(const struct ca_name *name, char *out, size_t out_size)
{
    struct line_writer w = {.out = out, .out_size = out_size};
    const char *comma = "";
    for (size_t part = 0; part < CA_NAME_PARTS; part++) {
        if (name->parts[part][0] == '\0')
            continue;
        text_put_format(&w, "%s%s=", comma, rows[part].typed);
        for (const char *at = name->parts[part]; *at != '\0'; at++) {
            if (*at == ',' || *at == '\\')
                text_put(&w, span_text("\\"));
            text_put(&w, span_of(at, 1));
        }
        comma = ",";
    }
    text_put(&w, span_of("", 1));
    return w.err;
}
