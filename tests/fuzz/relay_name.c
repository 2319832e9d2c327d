/* SPDX-License-Identifier: Apache-2.0 */
/* A path of any octets: what names a file of the publication is the one way to write it, and its
 * key reads back. */
#include <inttypes.h>
#include <stdio.h>

#include "edge/relay_name.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_BYTES 128

static void path_write(const struct relay_name *name, char out[static TEXT_BYTES])
{
    static const char *const folders[] = {
        [RELAY_INDEX] = "index", [RELAY_PACK] = "pack", [RELAY_BLOB] = "blob"};
    char hash[SHA256_TEXT_BYTES];
    sha256_to_text(&name->hash, hash);
    if (name->kind == RELAY_HEAD)
        snprintf(out, TEXT_BYTES, "/head");
    else if (name->kind == RELAY_LOG)
        snprintf(out, TEXT_BYTES, "/log/%" PRIu64, name->number);
    else
        snprintf(out, TEXT_BYTES, "/%s/%s", folders[name->kind], hash);
}

static bool same(const struct relay_name *a, const struct relay_name *b)
{
    return a->kind == b->kind && a->number == b->number && sha256_equal(&a->hash, &b->hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span octets = span_of(data, size);
    struct relay_name name;
    struct relay_name again;
    uint8_t key[RELAY_KEY_BYTES_MAX];
    if (relay_name_read(octets, &name) == ERR_OK) {
        char text[TEXT_BYTES];
        path_write(&name, text);
        CHECK(span_equal(octets, span_text(text)));
        size_t key_size = relay_key_write(&name, key);
        CHECK(relay_key_read(span_of(key, key_size), &again) == ERR_OK && same(&name, &again));
    }
    if (relay_key_read(octets, &name) == ERR_OK) {
        size_t key_size = relay_key_write(&name, key);
        CHECK(span_equal(span_of(key, key_size), octets));
    }
    return 0;
}
