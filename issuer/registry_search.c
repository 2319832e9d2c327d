/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/registry_search.h"

#include "issuer/registry_certificate_row.h"
#include "issuer/registry_cursor.h"

struct search_page {
    registry_certificate_row row;
    void *context;
    size_t limit;
    size_t count;
    struct search_cursor last; /* the last row that was given */
    bool more;
};

/* One row more than the page has is asked for, and only tells that there is another page. */
static enum err give_row(void *context, struct sql_row *row)
{
    struct search_page *page = context;
    struct registry_certificate c;
    struct span name = SPAN_EMPTY;
    if (page->count == page->limit) {
        page->more = true;
        return ERR_OK;
    }
    certificate_row_read(row, &c);
    if (page->last.form == SEARCH_BY_NAME)
        name = sql_get_octets(row);
    TRY(sql_row_end(row));
    if (name.size > sizeof page->last.name)
        return ERR_STORE;
    page->count++;
    page->last.name_size = name.size;
    if (name.size > 0)
        memcpy(page->last.name, name.data, name.size);
    page->last.not_after_s = c.not_after_s;
    page->last.issuer_id = c.issuer_id;
    page->last.serial = c.serial;
    return page->row(page->context, &c);
}

static enum search_form form_of(const struct registry_search *s)
{
    return s->san.size > 0        ? SEARCH_BY_NAME
           : s->customer.size > 0 ? SEARCH_BY_CUSTOMER
                                  : SEARCH_BY_EXPIRY;
}

/* Before the first row: no serial is empty, and no issuer id below. */
static enum err start_of(const struct registry_search *s, enum search_form form,
                         struct search_cursor *ret)
{
    if (s->cursor.size > 0)
        return search_cursor_read(s->cursor, form, ret);
    *ret = (struct search_cursor){
        .form = form, .not_after_s = s->expires_after_s, .issuer_id = (uint64_t)INT64_MIN};
    return ERR_OK;
}

static struct sql_param before_param(const struct registry_search *s)
{
    return sql_number(s->expires_before_s == 0 ? INT64_MAX : s->expires_before_s);
}

static enum err search_name(struct registry *r, const struct registry_search *s,
                            struct search_cursor *after, struct search_page *page)
{
    uint8_t low[REVERSED_BYTES_MAX], high[REVERSED_BYTES_MAX + 1];
    size_t low_size, high_size;
    TRY(param_name(s->san).err);
    TRY(name_reverse(s->san, low, &low_size));
    memcpy(high, low, low_size);
    high_size = low_size;
    /* What begins with the name, or nothing but it: until the next octet, or with a NUL behind. */
    if (s->subdomains)
        high[high_size - 1] = '.' + 1;
    else
        high[high_size++] = 0;
    struct span from = span_of(after->name, after->name_size);
    struct span least = span_of(low, low_size);
    if (s->cursor.size == 0 || span_compare(from, least) < 0)
        from = least;
    return registry_run(r, STATEMENT_SEARCH_NAME,
                        REGISTRY_PARAMS(sql_octets(from, sizeof low), sql_bits(after->issuer_id),
                                        sql_serial(&after->serial),
                                        sql_octets(span_of(high, high_size), sizeof high),
                                        sql_octets(least, sizeof low), param_customer(s->customer),
                                        sql_number(s->expires_after_s), before_param(s),
                                        sql_number(s->limit + 1)),
                        give_row, page);
}

static enum err run_search(struct registry *r, const struct registry_search *s,
                           struct search_cursor *after, struct search_page *page)
{
    struct sql_param limit = sql_number(s->limit + 1);
    uint64_t from_s = after->not_after_s;
    /* A cursor from another search does not take one out of this one. */
    if (from_s < s->expires_after_s)
        from_s = s->expires_after_s;
    switch (after->form) {
    case SEARCH_BY_NAME:
        return search_name(r, s, after, page);
    case SEARCH_BY_CUSTOMER:
        return registry_run(r, STATEMENT_SEARCH_CUSTOMER,
                            REGISTRY_PARAMS(param_customer(s->customer), sql_number(from_s),
                                            sql_bits(after->issuer_id), sql_serial(&after->serial),
                                            before_param(s), limit),
                            give_row, page);
    case SEARCH_BY_EXPIRY:
        return registry_run(r, STATEMENT_SEARCH_EXPIRY,
                            REGISTRY_PARAMS(sql_number(from_s), sql_bits(after->issuer_id),
                                            sql_serial(&after->serial), before_param(s), limit),
                            give_row, page);
    }
    return ERR_RANGE;
}

enum err registry_search(struct registry *r, const struct registry_search *s,
                         registry_certificate_row row, void *context,
                         char ret_cursor[static REGISTRY_CURSOR_BYTES])
{
    struct search_cursor after;
    TRY(registry_check_limit(s->limit));
    if (s->subdomains && s->san.size == 0)
        return ERR_RANGE;
    TRY(start_of(s, form_of(s), &after));
    struct search_page page = {
        .row = row, .context = context, .limit = s->limit, .last = {.form = after.form}};
    TRY(run_search(r, s, &after, &page));
    if (page.more)
        search_cursor_write(&page.last, ret_cursor);
    else
        ret_cursor[0] = '\0';
    return ERR_OK;
}

enum err registry_expiring(struct registry *r, uint64_t from_s, uint64_t until_s,
                           uint64_t *ret_count)
{
    return registry_number(r, STATEMENT_EXPIRING,
                           REGISTRY_PARAMS(sql_number(from_s), sql_number(until_s)), ret_count);
}
