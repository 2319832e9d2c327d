/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/crl_shard.h"

#include <stdio.h>

#include "lib/check.h"
#include "lib/wire.h"

#define SETS_VERSION 1

uint32_t crl_shard_of(const struct crl_set *set, const struct serial *serial)
{
    uint64_t rest = 0;
    for (unsigned i = 0; i < serial->size; i++)
        rest = (rest << 8 | serial->octets[i]) % set->count;
    return crl_shard_pack(set->number, (uint16_t)rest);
}

static const struct crl_set *find(const struct crl_sets *sets, uint32_t number)
{
    for (size_t i = 0; i < sets->count; i++)
        if (sets->sets[i].number == number)
            return &sets->sets[i];
    return NULL;
}

const struct crl_set *crl_shard_set(const struct crl_sets *sets, uint32_t shard)
{
    const struct crl_set *set = find(sets, shard >> 16);
    return set != NULL && (shard & UINT16_MAX) < set->count ? set : NULL;
}

/* A decimal number without leading zeros, at most 65535, off the front of the text. */
static bool take_number(struct span *text, uint32_t *ret)
{
    uint32_t value = 0;
    size_t i = 0;
    while (i < text->size && i < 6 && text->data[i] >= '0' && text->data[i] <= '9')
        value = value * 10 + (uint32_t)(text->data[i++] - '0');
    if (i == 0 || value > UINT16_MAX || (i > 1 && text->data[0] == '0'))
        return false;
    *text = span_of(text->data + i, text->size - i);
    *ret = value;
    return true;
}

static bool take_text(struct span *text, struct span word)
{
    if (text->size < word.size || memcmp(text->data, word.data, word.size) != 0)
        return false;
    *text = span_of(text->data + word.size, text->size - word.size);
    return true;
}

static enum err settle(const struct crl_sets *sets, uint32_t set, uint32_t place, uint32_t *ret)
{
    uint32_t shard = crl_shard_pack((uint16_t)set, (uint16_t)place);
    if (set == 0 || crl_shard_set(sets, shard) == NULL)
        return ERR_NOT_FOUND;
    *ret = shard;
    return ERR_OK;
}

static enum err from_url(const struct crl_sets *sets, struct span rest, uint32_t *ret)
{
    uint32_t set = 0, place = 0;
    if (span_equal(rest, span_text("full.crl"))) {
        for (size_t i = 0; i < sets->count; i++)
            if (sets->sets[i].full)
                return settle(sets, sets->sets[i].number, 0, ret);
        return ERR_NOT_FOUND;
    }
    if (!take_number(&rest, &set) || !take_text(&rest, span_text("/")) ||
        !take_number(&rest, &place) || !span_equal(rest, span_text(".crl")))
        return ERR_NOT_FOUND;
    return settle(sets, set, place, ret);
}

enum err crl_shard_from_text(const struct crl_sets *sets, const char *url_base, struct span text,
                             uint32_t *ret)
{
    uint32_t first = 0, second = 0;
    if (sets->count == 0)
        return ERR_NOT_FOUND;
    if (take_text(&text, span_text(url_base)))
        return take_text(&text, span_text("/")) ? from_url(sets, text, ret) : ERR_NOT_FOUND;
    if (text.size > 0 && memchr(text.data, ':', text.size) != NULL)
        return ERR_NOT_FOUND;
    if (!take_number(&text, &first))
        return ERR_MALFORMED;
    if (text.size == 0)
        return settle(sets, sets->sets[sets->current].number, first, ret);
    if (!take_text(&text, span_text("/")) || !take_number(&text, &second) || text.size != 0)
        return ERR_MALFORMED;
    return settle(sets, first, second, ret);
}

enum err crl_shard_url(const char *url_base, uint32_t shard, char ret[static CRL_SHARD_URL_MAX])
{
    int size = shard == CRL_SHARD_FULL ? snprintf(ret, CRL_SHARD_URL_MAX, "%s/full.crl", url_base)
                                       : snprintf(ret, CRL_SHARD_URL_MAX, "%s/%u/%u.crl", url_base,
                                                  shard >> 16, shard & UINT16_MAX);
    return size > 0 && size < CRL_SHARD_URL_MAX ? ERR_OK : ERR_LIMIT;
}

const char *crl_url_path(const char *url)
{
    static const char scheme[] = "http://";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0)
        return NULL;
    const char *host = url + sizeof scheme - 1;
    size_t size = strcspn(host, "/");
    return size == 0 ? NULL : host + size;
}

enum err crl_sets_use(struct crl_sets *sets, const struct crl_set *set)
{
    for (size_t i = 0; i < sets->count; i++) {
        const struct crl_set *known = &sets->sets[i];
        if (known->number != set->number)
            continue;
        if (known->count != set->count || known->full != set->full)
            return ERR_CONFLICT;
        sets->current = (uint8_t)i;
        return ERR_OK;
    }
    if (sets->count == CRL_SETS_MAX)
        return ERR_LIMIT;
    sets->current = (uint8_t)sets->count;
    sets->sets[sets->count++] = *set;
    return ERR_OK;
}

size_t crl_sets_write(const struct crl_sets *sets, uint8_t ret[static CRL_SETS_BYTES_MAX])
{
    struct wire_writer w = wire_writer_of(ret, CRL_SETS_BYTES_MAX);
    wire_put_u8(&w, SETS_VERSION);
    wire_put_u8(&w, sets->indexed);
    wire_put_u8(&w, sets->current);
    for (size_t i = 0; i < sets->count; i++) {
        wire_put_u16(&w, sets->sets[i].number);
        wire_put_u8(&w, sets->sets[i].full);
        wire_put_u32(&w, sets->sets[i].count);
    }
    CHECK(w.err == ERR_OK);
    return w.size;
}

enum err crl_sets_read(struct span value, struct crl_sets *ret)
{
    struct crl_sets sets = {0};
    struct wire_reader r = wire_reader_of(value);
    uint8_t version = wire_get_u8(&r);
    sets.indexed = wire_get_u8(&r) != 0;
    sets.current = wire_get_u8(&r);
    if (r.err == ERR_OK && version != SETS_VERSION)
        return ERR_UNSUPPORTED;
    while (r.err == ERR_OK && r.rest.size > 0 && sets.count < CRL_SETS_MAX) {
        struct crl_set *set = &sets.sets[sets.count++];
        set->number = wire_get_u16(&r);
        set->full = wire_get_u8(&r) != 0;
        set->count = wire_get_u32(&r);
        if (set->number == 0 || set->count == 0 || set->count > CRL_SET_COUNT_MAX)
            return r.err == ERR_OK ? ERR_MALFORMED : r.err;
    }
    TRY(wire_reader_end(&r));
    if (sets.count == 0 || sets.current >= sets.count)
        return ERR_MALFORMED;
    *ret = sets;
    return ERR_OK;
}
