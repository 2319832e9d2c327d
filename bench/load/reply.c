/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/reply.h"

#include "lib/octets.h"

/* "HTTP/1.1 200" and, after a space, a reason that may be empty (RFC 9112 4). */
#define STATUS_BYTES 12

#define LENGTH_NONE UINT64_MAX

struct fields {
    uint64_t length;
    bool close;
    bool keep;
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* RFC 9110 5.6.2 */
static const bool token_octets[256] = {
    ['!'] = true,         ['#' ... '\''] = true, ['*'] = true,         ['+'] = true,
    ['-'] = true,         ['.'] = true,          ['0' ... '9'] = true, ['A' ... 'Z'] = true,
    ['^' ... 'z'] = true, ['|'] = true,          ['~'] = true,
};

static bool token_equal(struct span s, const char *lower)
{
    size_t size = strlen(lower);
    if (s.size != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = s.data[i];
        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != (uint8_t)lower[i])
            return false;
    }
    return true;
}

static struct span trim(struct span s)
{
    while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = span_of(s.data + 1, s.size - 1);
    while (s.size > 0 && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t'))
        s.size--;
    return s;
}

/* Control characters but for the tab. */
static bool is_text(struct span s)
{
    if (!octets_have_control(s))
        return true;
    for (size_t i = 0; i < s.size; i++) {
        if ((s.data[i] < 0x20 && s.data[i] != '\t') || s.data[i] == 0x7f)
            return false;
    }
    return true;
}

static bool status_line(struct span line, uint16_t *ret_status, bool *ret_is_1_1)
{
    const uint8_t *at = line.data;
    if (line.size < STATUS_BYTES || memcmp(at, "HTTP/1.", 7) != 0 || (at[7] != '1' && at[7] != '0'))
        return false;
    if (at[8] != ' ' || at[9] < '1' || at[9] > '5' || !is_digit(at[10]) || !is_digit(at[11]))
        return false;
    if (line.size > STATUS_BYTES &&
        (at[12] != ' ' || !is_text(span_of(at + STATUS_BYTES, line.size - STATUS_BYTES))))
        return false;
    *ret_status = (uint16_t)((at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0'));
    *ret_is_1_1 = at[7] == '1';
    return true;
}

static bool content_length(struct span value, struct fields *fields)
{
    uint64_t length = 0;
    if (fields->length != LENGTH_NONE || value.size == 0)
        return false;
    for (size_t i = 0; i < value.size; i++) {
        if (!is_digit(value.data[i]))
            return false;
        length = length * 10 + (uint64_t)(value.data[i] - '0');
        if (length > REPLY_BODY_BYTES_MAX)
            return false;
    }
    fields->length = length;
    return true;
}

static bool connection(struct span value, struct fields *fields)
{
    while (value.size > 0) {
        const uint8_t *comma = memchr(value.data, ',', value.size);
        size_t size = comma == NULL ? value.size : (size_t)(comma - value.data);
        struct span option = trim(span_of(value.data, size));
        fields->close |= token_equal(option, "close");
        fields->keep |= token_equal(option, "keep-alive");
        size += comma != NULL;
        value = span_of(value.data + size, value.size - size);
    }
    return true;
}

/* Only the sizes of three names are looked at closer. */
static bool known_field(struct span name, struct span value, struct fields *fields)
{
    if (name.size == 14 && token_equal(name, "content-length"))
        return content_length(value, fields);
    if (name.size == 10 && token_equal(name, "connection"))
        return connection(value, fields);
    return !(name.size == 17 && token_equal(name, "transfer-encoding"));
}

static bool field_line(struct span line, struct fields *fields)
{
    const uint8_t *colon = memchr(line.data, ':', line.size);
    if (colon == NULL || colon == line.data)
        return false;
    struct span name = span_of(line.data, (size_t)(colon - line.data));
    for (size_t i = 0; i < name.size; i++) {
        if (!token_octets[name.data[i]])
            return false;
    }
    struct span value = trim(span_of(colon + 1, line.size - name.size - 1));
    return is_text(value) && known_field(name, value, fields);
}

/* Takes a line that ends with CR LF. NULL data: not there yet; `bad` when it is none. */
static struct span take_line(struct span *rest, bool *bad)
{
    const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, '\n', rest->size);
    if (end == NULL)
        return SPAN_EMPTY;
    size_t size = (size_t)(end - rest->data);
    if (size == 0 || rest->data[size - 1] != '\r') {
        *bad = true;
        return SPAN_EMPTY;
    }
    struct span line = span_of(rest->data, size - 1);
    *rest = span_of(end + 1, rest->size - size - 1);
    return line;
}

static enum reply_found finish(uint16_t status, bool is_1_1, const struct fields *fields,
                               struct reply_head *ret)
{
    bool without_body = status == 204 || status == 304;
    /* An interim answer was not asked for (no Expect), an answer without a length ends with the
     * connection: nobody could say whether it is whole. */
    if (status < 200 || (!without_body && fields->length == LENGTH_NONE))
        return REPLY_BAD;
    ret->status = status;
    ret->keep_alive = is_1_1 ? !fields->close : fields->keep && !fields->close;
    ret->body_size = without_body ? 0 : fields->length;
    return REPLY_HEAD;
}

/* So that a server that speaks something else is found out before it has sent a line. */
static bool may_start(struct span octets)
{
    static const char version[] = "HTTP/1.";
    size_t size = octets.size < sizeof version - 1 ? octets.size : sizeof version - 1;
    return size == 0 || memcmp(octets.data, version, size) == 0;
}

enum reply_found reply_head_parse(struct span octets, struct reply_head *ret)
{
    struct span rest = octets;
    struct fields fields = {.length = LENGTH_NONE};
    uint16_t status = 0;
    bool is_1_1 = false;
    bool bad = !may_start(octets);
    if (rest.size > REPLY_HEAD_BYTES_MAX)
        rest.size = REPLY_HEAD_BYTES_MAX;
    struct span line = bad ? SPAN_EMPTY : take_line(&rest, &bad);
    if (line.data != NULL && !status_line(line, &status, &is_1_1))
        return REPLY_BAD;
    while (line.data != NULL) {
        line = take_line(&rest, &bad);
        if (line.data == NULL)
            break;
        if (line.size == 0) {
            struct reply_head head;
            head.head_size = (size_t)(rest.data - octets.data);
            enum reply_found found = finish(status, is_1_1, &fields, &head);
            if (found == REPLY_HEAD)
                *ret = head;
            return found;
        }
        if (!field_line(line, &fields))
            return REPLY_BAD;
    }
    return bad || octets.size >= REPLY_HEAD_BYTES_MAX ? REPLY_BAD : REPLY_MORE;
}
