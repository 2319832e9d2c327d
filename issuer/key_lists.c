/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "issuer/key_policy.h"
#include "lib/hex.h"
#include "lib/textline.h"

#define DEBIAN_BYTES 10 /* the end of a SHA-1 that a line of openssl-blacklist has */

struct entries {
    uint8_t *octets; /* sorted; each of `width` */
    size_t count;
    size_t width;
};

struct key_lists {
    struct entries blocked, debian;
};

static int compare_blocked(const void *a, const void *b)
{
    return memcmp(a, b, SHA256_BYTES);
}

static int compare_debian(const void *a, const void *b)
{
    return memcmp(a, b, DEBIAN_BYTES);
}

static enum err entries_read(struct span list, size_t width,
                             int (*compare)(const void *, const void *), struct entries *ret)
{
    /* Each line has two digits an octet and its end. */
    ret->width = width;
    ret->octets = malloc(list.size / 2 + 1);
    if (ret->octets == NULL)
        return ERR_MEMORY;
    while (list.size > 0) {
        struct span line;
        TRY(text_line(&list, &line));
        if (line.size == 0 || line.data[0] == '#')
            continue;
        if (line.size != 2 * width)
            return ERR_MALFORMED;
        size_t size = 0;
        TRY(hex_decode(line, ret->octets + ret->count * width, width, &size));
        ret->count++;
    }
    qsort(ret->octets, ret->count, width, compare);
    return ERR_OK;
}

enum err key_lists_load(struct span blocked, struct span debian, struct key_lists **ret)
{
    struct key_lists *lists = calloc(1, sizeof *lists);
    if (lists == NULL)
        return ERR_MEMORY;
    enum err err = entries_read(blocked, SHA256_BYTES, compare_blocked, &lists->blocked);
    if (err == ERR_OK)
        err = entries_read(debian, DEBIAN_BYTES, compare_debian, &lists->debian);
    if (err != ERR_OK) {
        key_lists_free(lists);
        return err;
    }
    *ret = lists;
    return ERR_OK;
}

struct key_lists *key_lists_free(struct key_lists *lists)
{
    if (lists == NULL)
        return NULL;
    free(lists->blocked.octets);
    free(lists->debian.octets);
    free(lists);
    return NULL;
}

/* The end of the SHA-1 of "Modulus=<HEX>\n", as openssl rsa -modulus prints it. */
static enum err debian_name(EVP_PKEY *key, uint8_t ret[static SHA1_BYTES])
{
    BIGNUM *n = NULL;
    char *hex = NULL, *line = NULL;
    enum err err = ERR_CRYPTO;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
        (hex = BN_bn2hex(n)) != NULL) {
        int size = asprintf(&line, "Modulus=%s\n", hex);
        err = size < 0 ? ERR_MEMORY : ERR_OK;
        if (err == ERR_OK)
            sha1_of(span_of(line, (size_t)size), ret);
    }
    if (err == ERR_OK)
        free(line);
    OPENSSL_free(hex);
    BN_free(n);
    return err;
}

enum err key_lists_check(const struct key_lists *lists, EVP_PKEY *key, struct span spki,
                         enum key_flaw *ret_flaw)
{
    struct sha256 hash = sha256_of(spki);
    if (lists->blocked.count > 0 &&
        bsearch(hash.octets, lists->blocked.octets, lists->blocked.count, SHA256_BYTES,
                compare_blocked) != NULL) {
        *ret_flaw = KEY_FLAW_BLOCKED;
        return ERR_KEY;
    }
    if (lists->debian.count == 0 || !EVP_PKEY_is_a(key, "RSA"))
        return ERR_OK;
    uint8_t name[SHA1_BYTES];
    TRY(debian_name(key, name));
    if (bsearch(name + SHA1_BYTES - DEBIAN_BYTES, lists->debian.octets, lists->debian.count,
                DEBIAN_BYTES, compare_debian) != NULL) {
        *ret_flaw = KEY_FLAW_DEBIAN;
        return ERR_KEY;
    }
    return ERR_OK;
}
