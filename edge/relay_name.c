/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/relay_name.h"

#include "lib/textline.h"
#include "lib/wire.h"

static const struct {
    enum relay_kind kind;
    const char *prefix;
} folders[] = {
    {RELAY_LOG, "/log/"},
    {RELAY_INDEX, "/index/"},
    {RELAY_PACK, "/pack/"},
    {RELAY_BLOB, "/blob/"},
};

static enum err read_in_folder(enum relay_kind kind, struct span word, struct relay_name *ret)
{
    struct relay_name name = {.kind = kind};
    enum err err =
        kind == RELAY_LOG ? text_decimal(word, &name.number) : sha256_from_text(word, &name.hash);
    if (err != ERR_OK || (kind == RELAY_LOG && name.number == 0))
        return ERR_NOT_FOUND;
    *ret = name;
    return ERR_OK;
}

enum err relay_name_read(struct span path, struct relay_name *ret)
{
    if (span_equal(path, span_text("/head"))) {
        *ret = relay_name_head();
        return ERR_OK;
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        struct span prefix = span_text(folders[i].prefix);
        if (path.size > prefix.size && memcmp(path.data, prefix.data, prefix.size) == 0)
            return read_in_folder(folders[i].kind,
                                  span_of(path.data + prefix.size, path.size - prefix.size), ret);
    }
    return ERR_NOT_FOUND;
}

size_t relay_key_write(const struct relay_name *name, uint8_t ret[static RELAY_KEY_BYTES_MAX])
{
    ret[0] = (uint8_t)name->kind;
    if (name->kind == RELAY_LOG)
        be64_store(ret + 1, name->number);
    else if (name->kind != RELAY_HEAD)
        memcpy(ret + 1, name->hash.octets, SHA256_BYTES);
    return relay_key_size(ret[0]);
}

size_t relay_key_size(uint8_t first_octet)
{
    switch (first_octet) {
    case RELAY_HEAD:
        return 1;
    case RELAY_LOG:
        return 1 + 8;
    case RELAY_INDEX:
    case RELAY_PACK:
    case RELAY_BLOB:
        return 1 + SHA256_BYTES;
    default:
        return 0;
    }
}

enum err relay_key_read(struct span key, struct relay_name *ret)
{
    if (key.size == 0 || key.size != relay_key_size(key.data[0]))
        return ERR_MALFORMED;
    struct relay_name name = {.kind = (enum relay_kind)key.data[0]};
    if (name.kind == RELAY_LOG)
        name.number = be64_load(key.data + 1);
    else if (name.kind != RELAY_HEAD)
        memcpy(name.hash.octets, key.data + 1, SHA256_BYTES);
    *ret = name;
    return ERR_OK;
}
