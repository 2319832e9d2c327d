/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http_request.h"

#include "lib/http_line.h"

/* Longer names are no method anybody registered; the bound lets the target be judged early. */
#define METHOD_BYTES_MAX 32
/* Where the target must have ended: an empty line, the method, a space, the target. */
#define TARGET_END_MAX (2 + METHOD_BYTES_MAX + 1 + HTTP_TARGET_BYTES_MAX)
/* " HTTP/1.1" */
#define VERSION_BYTES 9

static const struct {
    uint16_t status;
    const char *text;
} verdicts[] = {
#define X(name, status, text) {status, text},
    HTTP_VERDICT_TABLE(X)
#undef X
};

uint16_t http_verdict_status(enum http_verdict verdict)
{
    return (size_t)verdict < HTTP_VERDICT_COUNT ? verdicts[verdict].status : 500;
}

const char *http_verdict_text(enum http_verdict verdict)
{
    return (size_t)verdict < HTTP_VERDICT_COUNT ? verdicts[verdict].text : "an unknown verdict";
}

enum {
    TOKEN = 1, /* RFC 9110 5.6.2 */
    HOST = 2,  /* RFC 3986 host and port; without "," so that joined fields never look like one */
};

/* clang-format off */
static const uint8_t classes[256] = {
    ['0' ... '9'] = TOKEN | HOST, ['A' ... 'Z'] = TOKEN | HOST, ['a' ... 'z'] = TOKEN | HOST,
    ['!'] = TOKEN | HOST, ['$'] = TOKEN | HOST, ['%'] = TOKEN | HOST, ['&'] = TOKEN | HOST,
    ['\''] = TOKEN | HOST, ['*'] = TOKEN | HOST, ['+'] = TOKEN | HOST, ['-'] = TOKEN | HOST,
    ['.'] = TOKEN | HOST, ['_'] = TOKEN | HOST, ['~'] = TOKEN | HOST,
    ['#'] = TOKEN, ['^'] = TOKEN, ['`'] = TOKEN, ['|'] = TOKEN,
    ['('] = HOST, [')'] = HOST, [';'] = HOST, ['='] = HOST, [':'] = HOST, ['['] = HOST,
    [']'] = HOST,
};
/* clang-format on */

static bool all_of_class(struct span s, uint8_t class)
{
    uint8_t common = class;
    for (size_t i = 0; i < s.size; i++)
        common &= classes[s.data[i]];
    return common == class;
}

/* What the fields said, beside what goes to the caller. */
struct head {
    struct http_request *r;
    const uint8_t *start; /* of the octets */
    size_t field_count;
    uint8_t host_count;
    bool transfer_encoding, close, keep_alive;
};

/* `lower` has letters and "-" only. Names and tokens that match nothing else in ASCII: a token has
 * no octet but the letter itself that becomes it when bit 5 is set. */
static inline __attribute__((always_inline)) bool
equals_ignoring_case(struct span s, const char *lower, size_t size)
{
    if (s.size != size)
        return false;
    const uint8_t *expected = (const uint8_t *)lower;
    uint64_t difference = 0;
    size_t i = 0;
    for (; i + 8 <= size; i += 8)
        difference |= (octets_load(s.data + i) | OCTETS_EACH(0x20u)) ^ octets_load(expected + i);
    if (i == size)
        return difference == 0;
    /* The rest, with some of what is done when there is no more of it. */
    if (size >= 8)
        return (difference | ((octets_load(s.data + size - 8) | OCTETS_EACH(0x20u)) ^
                              octets_load(expected + size - 8))) == 0;
    for (; i < size; i++)
        difference |= (uint8_t)((s.data[i] | 0x20) ^ expected[i]);
    return difference == 0;
}
#define IS(s, literal) equals_ignoring_case((s), (literal), sizeof(literal) - 1)

static enum http_method method_from(struct span text)
{
    if (span_equal(text, span_text("GET")))
        return HTTP_GET;
    if (span_equal(text, span_text("POST")))
        return HTTP_POST;
    return span_equal(text, span_text("HEAD")) ? HTTP_HEAD : HTTP_OTHER;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static void take_request_line(struct head *h, struct span method, struct span target,
                              uint8_t minor_version)
{
    h->r->method = method_from(method);
    h->r->method_text = method;
    h->r->target = target;
    h->r->minor_version = minor_version;
}

/* `line` without its CRLF. */
static enum http_verdict read_request_line(struct head *h, struct span line)
{
    const uint8_t *space = line.size > 0 ? memchr(line.data, ' ', line.size) : NULL;
    if (space == NULL)
        return HTTP_BAD_REQUEST;
    struct span method = span_of(line.data, (size_t)(space - line.data));
    size_t rest = line.size - method.size - 1;
    if (method.size == 0 || method.size > METHOD_BYTES_MAX || rest <= VERSION_BYTES ||
        !all_of_class(method, TOKEN))
        return HTTP_BAD_REQUEST;
    struct span target = span_of(space + 1, rest - VERSION_BYTES);
    const uint8_t *version = target.data + target.size;
    if (memcmp(version, " HTTP/", 6) != 0 || !is_digit(version[6]) || version[7] != '.' ||
        !is_digit(version[8]) || !octets_all_visible(target))
        return HTTP_BAD_REQUEST;
    if (version[6] != '1' || version[8] > '1')
        return HTTP_VERSION;
    take_request_line(h, method, target, (uint8_t)(version[8] - '0'));
    return HTTP_REQUEST;
}

static enum http_verdict read_content_length(struct head *h, struct span value)
{
    uint64_t length = 0;
    /* Even an equal repetition is refused: somebody before us may have read it otherwise. */
    if (value.size == 0 || h->r->has_content_length)
        return HTTP_BAD_REQUEST;
    for (size_t i = 0; i < value.size; i++) {
        if (!is_digit(value.data[i]) || __builtin_mul_overflow(length, 10u, &length) ||
            __builtin_add_overflow(length, (uint64_t)(value.data[i] - '0'), &length))
            return HTTP_BAD_REQUEST;
    }
    h->r->has_content_length = true;
    h->r->content_length_bytes = length;
    return HTTP_REQUEST;
}

static void read_connection(struct head *h, struct span value)
{
    while (value.size > 0) {
        const uint8_t *comma = memchr(value.data, ',', value.size);
        size_t size = comma ? (size_t)(comma - value.data) : value.size;
        struct span option = http_trim(span_of(value.data, size));
        h->close |= IS(option, "close");
        h->keep_alive |= IS(option, "keep-alive");
        size += comma ? 1 : 0;
        value = span_of(value.data + size, value.size - size);
    }
}

static enum http_verdict read_host(struct head *h, struct span value)
{
    size_t at = (size_t)(value.data - h->start);
    bool valid = octets_all_plain(h->start, at, at + value.size) || all_of_class(value, HOST);
    if (h->host_count++ > 0 || !valid)
        return HTTP_BAD_REQUEST;
    h->r->host = value;
    return HTTP_REQUEST;
}

static void keep_first(struct span *field, struct span value)
{
    if (field->data == NULL)
        *field = value;
}

/* A list of dates is no date. */
static void keep_date(struct span *field, struct span value)
{
    *field = field->data == NULL ? value : span_of(value.data, 0);
}

static void keep_range(struct head *h, struct span *field, struct span value)
{
    h->r->range_repeated |= field->data != NULL;
    keep_first(field, value);
}

static enum http_verdict take_field(struct head *h, struct span name, struct span value)
{
    if (++h->field_count > HTTP_FIELDS_MAX)
        return HTTP_HEAD_TOO_LARGE;
    switch (name.size) {
    case sizeof "Host" - 1:
        return IS(name, "host") ? read_host(h, value) : HTTP_REQUEST;
    case sizeof "Range" - 1:
        if (IS(name, "range"))
            keep_range(h, &h->r->range, value);
        return HTTP_REQUEST;
    case sizeof "Expect" - 1:
        if (IS(name, "expect"))
            h->r->expect_continue |= value.size == 12 && memcmp(value.data, "100-", 4) == 0 &&
                                     IS(span_of(value.data + 4, 8), "continue");
        return HTTP_REQUEST;
    case sizeof "If-Range" - 1: /* and If-Match */
        if (IS(name, "if-range"))
            keep_range(h, &h->r->if_range, value);
        if (IS(name, "if-match"))
            keep_first(&h->r->if_match, value);
        return HTTP_REQUEST;
    case sizeof "Connection" - 1:
        if (IS(name, "connection"))
            read_connection(h, value);
        return HTTP_REQUEST;
    case sizeof "Content-Type" - 1:
        if (IS(name, "content-type"))
            keep_first(&h->r->content_type, value);
        return HTTP_REQUEST;
    case sizeof "If-None-Match" - 1:
        if (IS(name, "if-none-match")) {
            h->r->if_none_match_repeated |= h->r->if_none_match.data != NULL;
            keep_first(&h->r->if_none_match, value);
        }
        return HTTP_REQUEST;
    case sizeof "Content-Length" - 1:
        return IS(name, "content-length") ? read_content_length(h, value) : HTTP_REQUEST;
    case sizeof "Transfer-Encoding" - 1: /* and If-Modified-Since */
        h->transfer_encoding |= IS(name, "transfer-encoding");
        if (IS(name, "if-modified-since"))
            keep_date(&h->r->if_modified_since, value);
        return HTTP_REQUEST;
    case sizeof "If-Unmodified-Since" - 1:
        if (IS(name, "if-unmodified-since"))
            keep_date(&h->r->if_unmodified_since, value);
        return HTTP_REQUEST;
    default:
        return HTTP_REQUEST;
    }
}

/* Tabs are the one control character of a value (RFC 9110 5.5), and rare. */
static bool value_has_control(struct span value)
{
    if (!octets_have_control(value))
        return false;
    for (size_t i = 0; i < value.size; i++)
        if ((value.data[i] < 0x20 && value.data[i] != '\t') || value.data[i] == 0x7F)
            return true;
    return false;
}

/* `line` without its CRLF, not empty. */
static enum http_verdict read_field(struct head *h, struct span line)
{
    size_t size = 0;
    while (size < line.size && (classes[line.data[size]] & TOKEN) != 0)
        size++;
    /* obs-fold, a space before the colon, an empty name and a line without a colon end here. */
    if (size == 0 || size == line.size || line.data[size] != ':')
        return HTTP_BAD_REQUEST;
    struct span value = http_trim(span_of(line.data + size + 1, line.size - size - 1));
    if (value_has_control(value))
        return HTTP_BAD_REQUEST;
    return take_field(h, span_of(line.data, size), value);
}

/* What only the whole head can tell. */
static enum http_verdict judge(struct head *h)
{
    if (h->r->minor_version == 1 && h->host_count == 0)
        return HTTP_BAD_REQUEST;
    if (h->transfer_encoding) {
        /* RFC 9112 6.1: with Content-Length, or from a 1.0 client, the framing is in doubt. */
        bool doubtful = h->r->has_content_length || h->r->minor_version == 0;
        return doubtful ? HTTP_BAD_REQUEST : HTTP_LENGTH_REQUIRED;
    }
    if (h->r->method == HTTP_POST && !h->r->has_content_length)
        return HTTP_LENGTH_REQUIRED;
    h->r->keep_alive = !h->close && (h->r->minor_version == 1 || h->keep_alive);
    if (h->r->minor_version == 0)
        h->r->expect_continue = false; /* RFC 9110 10.1.1 */
    return HTTP_REQUEST;
}

/* The head can hold no end beyond this. */
static size_t bounded_size(struct span bytes)
{
    return bytes.size < HTTP_HEAD_BYTES_MAX ? bytes.size : HTTP_HEAD_BYTES_MAX;
}

static enum http_verdict without_end(struct span bytes)
{
    return bytes.size < HTTP_HEAD_BYTES_MAX ? HTTP_MORE : HTTP_HEAD_TOO_LARGE;
}

/* Looks only at line ends from `from` on: REQUEST when the empty line is there, BAD for a bare
 * LF before it, MORE or HEAD_TOO_LARGE. What came before `from` had neither. */
static enum http_verdict find_end(struct span bytes, size_t start, size_t from)
{
    size_t size = bounded_size(bytes);
    const uint8_t *data = bytes.data;
    for (size_t i = from; i < size; i++) {
        const uint8_t *lf = memchr(data + i, '\n', size - i);
        if (lf == NULL)
            break;
        i = (size_t)(lf - data);
        if (i < start)
            continue;
        if (i == start || data[i - 1] != '\r')
            return HTTP_BAD_REQUEST;
        if (i - 1 == start || data[i - 2] == '\n')
            return HTTP_REQUEST;
    }
    return without_end(bytes);
}

/* A target that is too long shows before its end arrives. A line end inside is another matter. */
static bool target_is_too_long(struct span bytes, size_t start)
{
    size_t i = start, method_end = start + METHOD_BYTES_MAX;
    while (i < bytes.size && i <= method_end && bytes.data[i] > ' ')
        i++;
    if (i >= bytes.size || bytes.data[i] != ' ' || bytes.size - ++i <= HTTP_TARGET_BYTES_MAX)
        return false;
    size_t target_end = i + HTTP_TARGET_BYTES_MAX;
    while (i <= target_end && bytes.data[i] > ' ')
        i++;
    return i > target_end;
}

/* The line at `at` as it usually is; false: the general way must judge it. */
static bool read_plain_line(struct head *h, struct span bytes, size_t at, bool is_first,
                            size_t *ret_bytes, enum http_verdict *ret_verdict)
{
    struct http_line line;
    if (is_first) {
        if (!http_line_plain_request(bytes, at, &line))
            return false;
        take_request_line(h, line.name, line.value, line.minor_version);
        *ret_verdict = HTTP_REQUEST;
    } else {
        if (!http_line_plain_field(bytes, at, &line))
            return false;
        *ret_verdict = take_field(h, line.name, line.value);
    }
    *ret_bytes = line.bytes;
    return true;
}

/* The same for any line. 0 octets: its end is not there. */
static enum http_verdict read_line(struct head *h, struct span bytes, size_t at, bool is_first,
                                   size_t *ret_bytes)
{
    const uint8_t *data = bytes.data + at;
    const uint8_t *lf = memchr(data, '\n', bytes.size - at);
    *ret_bytes = lf == NULL ? 0 : (size_t)(lf - data) + 1;
    if (lf == NULL)
        return HTTP_MORE;
    if (lf == data || lf[-1] != '\r')
        return HTTP_BAD_REQUEST;
    struct span line = span_of(data, *ret_bytes - 2);
    return is_first ? read_request_line(h, line) : read_field(h, line);
}

/* Every line in turn. After the first fault only the end of the head is looked for, so that the
 * verdict does not depend on how the bytes arrived. */
static enum http_verdict read_lines(struct head *h, struct span bytes, size_t start, bool try_plain)
{
    struct span bounded = span_of(bytes.data, bounded_size(bytes));
    size_t at = start;
    while (at < bounded.size) {
        if (at > start && http_line_ends_at(bounded, at)) {
            h->r->head_bytes = at + 2;
            return judge(h);
        }
        size_t line_bytes;
        enum http_verdict verdict;
        if (!try_plain || !read_plain_line(h, bounded, at, at == start, &line_bytes, &verdict))
            verdict = read_line(h, bounded, at, at == start, &line_bytes);
        if (line_bytes == 0)
            break;
        if (verdict != HTTP_REQUEST) {
            enum http_verdict end = find_end(bytes, start, at);
            return end == HTTP_REQUEST ? verdict : end;
        }
        at += line_bytes;
    }
    return without_end(bytes);
}

/* In parts: so few octets each are plain stores. All at once it would be a string instruction,
 * which takes as long as a fifth of the parsing. */
static void request_clear(struct http_request *r)
{
    size_t second = offsetof(struct http_request, content_type);
    size_t third = offsetof(struct http_request, range);
    uint8_t *octets = (uint8_t *)r;
    memset(octets, 0, second);
    memset(octets + second, 0, third - second);
    memset(octets + third, 0, sizeof *r - third);
}

static enum http_verdict parse(struct span bytes, size_t already_seen, bool try_plain,
                               struct http_request *ret)
{
    bool blank = bytes.size >= 2 && bytes.data[0] == '\r' && bytes.data[1] == '\n';
    size_t start = blank ? 2 : 0;
    if (bytes.size > HTTP_TARGET_BYTES_MAX && already_seen <= TARGET_END_MAX &&
        target_is_too_long(bytes, start))
        return HTTP_TARGET_TOO_LONG;
    if (already_seen > 0) {
        enum http_verdict end = find_end(bytes, start, already_seen);
        if (end != HTTP_REQUEST)
            return end;
    }
    struct head head = {.r = ret, .start = bytes.data};
    request_clear(ret);
    return read_lines(&head, bytes, start, try_plain);
}

enum http_verdict http_request_parse(struct span bytes, size_t already_seen,
                                     struct http_request *ret)
{
    return parse(bytes, already_seen, true, ret);
}

enum http_verdict http_request_parse_any(struct span bytes, size_t already_seen,
                                         struct http_request *ret)
{
    return parse(bytes, already_seen, false, ret);
}

/* The head is whole and well formed: each line has its end, and an empty one is the last. */
bool http_request_field(const struct http_request *request, const char *name, const uint8_t **at,
                        struct span *ret_value)
{
    const uint8_t *line = *at != NULL ? *at : request->target.data + request->target.size;
    size_t name_size = strlen(name);
    for (;;) {
        while (*line++ != '\n')
            ;
        if (*line == '\r')
            return false;
        const uint8_t *colon = line, *end;
        while (*colon != ':')
            colon++;
        if (!equals_ignoring_case(span_of(line, (size_t)(colon - line)), name, name_size))
            continue;
        for (end = colon + 1; *end != '\r'; end++)
            ;
        *at = end;
        *ret_value = http_trim(span_of(colon + 1, (size_t)(end - colon - 1)));
        return true;
    }
}
