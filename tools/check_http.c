/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about HTTP fields and conditional requests. */
#include <strings.h>

#include "lib/timetext.h"
#include "tools/check.h"

static struct span field(const struct ocsp_answer *answer, const char *name)
{
    return http_reply_field(&answer->http, name);
}

#define SPAN_ARG(s) (int)(s).size, (const char *)(s).data

bool rule_content_type(struct check *c, char why[static CHECK_WHY_BYTES])
{
    struct span value = field(c->signed_good, "Content-Type");
    if (value.size == 25 &&
        strncasecmp((const char *)value.data, "application/ocsp-response", 25) == 0)
        return true;
    WHY("'%.*s'", SPAN_ARG(value));
    return false;
}

static bool decimal(struct span text, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || value > UINT32_MAX)
            return false;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret = value;
    return text.size > 0;
}

bool rule_content_length(struct check *c, char why[static CHECK_WHY_BYTES])
{
    struct span value = field(c->signed_good, "Content-Length");
    uint64_t bytes = 0;
    if (decimal(value, &bytes) && bytes == c->signed_good->http.body.size)
        return true;
    WHY("'%.*s' with %zu octets of body", SPAN_ARG(value), c->signed_good->http.body.size);
    return false;
}

static bool fixdate(struct check *c, const char *name, uint64_t *ret,
                    char why[static CHECK_WHY_BYTES])
{
    struct span value = field(c->signed_good, name);
    if (value.data == NULL) {
        WHY("no %s", name);
        return false;
    }
    if (imf_fixdate_read(value, ret) != ERR_OK) {
        WHY("'%.*s' is no IMF-fixdate", SPAN_ARG(value));
        return false;
    }
    return true;
}

bool rule_date(struct check *c, char why[static CHECK_WHY_BYTES])
{
    uint64_t seconds = 0;
    return fixdate(c, "Date", &seconds, why);
}

static bool fixdate_equals(struct check *c, const char *name, uint64_t wanted, const char *what,
                           char why[static CHECK_WHY_BYTES])
{
    uint64_t seconds = 0;
    if (!fixdate(c, name, &seconds, why))
        return false;
    if (seconds == wanted)
        return true;
    WHY("%lld seconds from %s", (long long)seconds - (long long)wanted, what);
    return false;
}

bool rule_expires(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return fixdate_equals(c, "Expires", c->signed_good->ocsp.next_update_s, "nextUpdate", why);
}

bool rule_last_modified(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return fixdate_equals(c, "Last-Modified", c->signed_good->ocsp.this_update_s, "thisUpdate",
                          why);
}

bool rule_etag(struct check *c, char why[static CHECK_WHY_BYTES])
{
    struct span value = field(c->signed_good, "ETag");
    if (value.size >= 3 && value.data[0] == '"' && value.data[value.size - 1] == '"')
        return true;
    WHY("'%.*s'", SPAN_ARG(value));
    return false;
}

/* Whether the list has the directive; its value goes to `ret` when there is one. */
static bool directive(struct span list, const char *name, struct span *ret)
{
    if (list.data == NULL)
        return false;
    size_t name_size = strlen(name);
    const char *cursor = (const char *)list.data;
    const char *end = cursor + list.size;
    while (cursor < end) {
        while (cursor < end && (*cursor == ' ' || *cursor == ','))
            cursor++;
        const char *stop = memchr(cursor, ',', (size_t)(end - cursor));
        if (stop == NULL)
            stop = end;
        size_t size = (size_t)(stop - cursor);
        if (size >= name_size && strncasecmp(cursor, name, name_size) == 0 &&
            (size == name_size || cursor[name_size] == '=' || cursor[name_size] == ' ')) {
            if (ret != NULL && size > name_size + 1)
                *ret = span_of(cursor + name_size + 1, size - name_size - 1);
            return true;
        }
        cursor = stop;
    }
    return false;
}

bool rule_cache_control(struct check *c, char why[static CHECK_WHY_BYTES])
{
    struct span value = field(c->signed_good, "Cache-Control");
    static const char *const wanted[] = {"max-age", "public", "no-transform", "must-revalidate"};
    static const char *const unwanted[] = {"no-cache", "no-store"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (!directive(value, wanted[i], NULL)) {
            WHY("no %s in '%.*s'", wanted[i], SPAN_ARG(value));
            return false;
        }
    }
    for (size_t i = 0; i < sizeof unwanted / sizeof unwanted[0]; i++) {
        if (directive(value, unwanted[i], NULL)) {
            WHY("%s in '%.*s'", unwanted[i], SPAN_ARG(value));
            return false;
        }
    }
    return true;
}

bool rule_max_age(struct check *c, char why[static CHECK_WHY_BYTES])
{
    struct span value = SPAN_EMPTY;
    uint64_t max_age_s = 0;
    if (!directive(field(c->signed_good, "Cache-Control"), "max-age", &value) ||
        !decimal(value, &max_age_s)) {
        WHY("no max-age");
        return false;
    }
    /* c->now_s was read before the answer was made: only makes the rule stricter by that moment. */
    if (c->now_s + max_age_s <= c->signed_good->ocsp.next_update_s)
        return true;
    WHY("max-age=%llu, nextUpdate in %lld s", (unsigned long long)max_age_s,
        (long long)c->signed_good->ocsp.next_update_s - (long long)c->now_s);
    return false;
}

/* The HTTP status of a GET for the good certificate with one conditional field "name: value". */
static long conditional(struct check *c, const char *name, const char *value,
                        struct ocsp_answer *ret)
{
    char line[512];
    (void)snprintf(line, sizeof line, "%s: %s", name, value);
    enum certid_hash hash = c->signed_good == &c->get_good ? CERTID_HASH_SHA256 : CERTID_HASH_SHA1;
    (void)!check_ask(c, &c->good, hash, ASK_GET, line, ret);
    return ret->http.status;
}

static bool conditional_gives(struct check *c, const char *name, const char *value, long wanted,
                              char why[static CHECK_WHY_BYTES])
{
    struct ocsp_answer answer;
    long status = conditional(c, name, value, &answer);
    ocsp_answer_done(&answer);
    if (status == wanted)
        return true;
    WHY("HTTP %ld", status);
    return false;
}

/* If-None-Match with `before` and the ETag: the forms a cache may send. */
static bool match_gives_304(struct check *c, const char *before, char why[static CHECK_WHY_BYTES])
{
    char value[400];
    struct span etag = field(c->signed_good, "ETag");
    if (etag.data == NULL || etag.size > 300) {
        WHY("no ETag to compare with");
        return false;
    }
    (void)snprintf(value, sizeof value, "%s%.*s", before, SPAN_ARG(etag));
    return conditional_gives(c, "If-None-Match", value, 304, why);
}

bool rule_match_exact(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return match_gives_304(c, "", why);
}

bool rule_match_list(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return match_gives_304(c, "\"other\", ", why);
}

bool rule_match_weak(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return match_gives_304(c, "W/", why);
}

bool rule_match_any(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return conditional_gives(c, "If-None-Match", "*", 304, why);
}

bool rule_match_other(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return conditional_gives(c, "If-None-Match", "\"other\"", 200, why);
}

bool rule_modified_since(struct check *c, char why[static CHECK_WHY_BYTES])
{
    char value[400];
    struct span modified = field(c->signed_good, "Last-Modified");
    if (modified.data == NULL || modified.size > 300) {
        WHY("no Last-Modified to compare with");
        return false;
    }
    (void)snprintf(value, sizeof value, "%.*s", SPAN_ARG(modified));
    return conditional_gives(c, "If-Modified-Since", value, 304, why);
}

bool rule_not_modified_fields(struct check *c, char why[static CHECK_WHY_BYTES])
{
    static const char *const names[] = {"ETag", "Cache-Control", "Expires", "Date"};
    struct ocsp_answer answer;
    long status = conditional(c, "If-None-Match", "*", &answer);
    bool kept = status == 304;
    if (!kept)
        WHY("HTTP %ld", status);
    for (size_t i = 0; kept && i < sizeof names / sizeof names[0]; i++) {
        if (field(c->signed_good, names[i]).data != NULL && field(&answer, names[i]).data == NULL) {
            WHY("the 304 has no %s", names[i]);
            kept = false;
        }
    }
    ocsp_answer_done(&answer);
    return kept;
}

bool rule_head(struct check *c, char why[static CHECK_WHY_BYTES])
{
    bool sha256 = c->signed_good == &c->get_good;
    struct ocsp_question question = {.url = c->url,
                                     .issuer = &c->issuer,
                                     .serial = c->good,
                                     .hash = sha256 ? CERTID_HASH_SHA256 : CERTID_HASH_SHA1,
                                     .method = ASK_GET,
                                     .head_only = true};
    struct ocsp_answer answer;
    (void)!ocsp_ask(&question, &answer);
    static const char *const names[] = {"ETag", "Expires", "Last-Modified", "Content-Type",
                                        "Content-Length"};
    bool kept = answer.http.status == 200 && answer.http.body.size == 0;
    if (!kept)
        WHY("HTTP %ld, %zu octets of body", answer.http.status, answer.http.body.size);
    for (size_t i = 0; kept && i < sizeof names / sizeof names[0]; i++) {
        if (!span_equal(field(c->signed_good, names[i]), field(&answer, names[i]))) {
            WHY("%s differs", names[i]);
            kept = false;
        }
    }
    ocsp_answer_done(&answer);
    return kept;
}

bool rule_method(struct check *c, char why[static CHECK_WHY_BYTES])
{
    struct http_exchange e = {.method = "DELETE", .url = c->url};
    struct http_reply http;
    (void)!http_client_exchange(&e, &http);
    struct span allow = http_reply_field(&http, "Allow");
    bool kept =
        http.status == 405 && directive(allow, "GET", NULL) && directive(allow, "POST", NULL);
    if (!kept)
        WHY("HTTP %ld, Allow '%.*s'", http.status, SPAN_ARG(allow));
    http_reply_done(&http);
    return kept;
}

bool rule_uncached_unauthorized(struct check *c, char why[static CHECK_WHY_BYTES])
{
    struct span value = http_reply_field(&c->get_random.http, "Cache-Control");
    struct span max_age = SPAN_EMPTY;
    uint64_t seconds = 1;
    if (directive(value, "max-age", &max_age))
        (void)!decimal(max_age, &seconds);
    if (c->get_random.http.status != 0 &&
        (directive(value, "no-cache", NULL) || directive(value, "no-store", NULL) || seconds == 0))
        return true;
    WHY("Cache-Control '%.*s'", SPAN_ARG(value));
    return false;
}
