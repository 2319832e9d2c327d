/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/digest.h"

#include <openssl/evp.h>
#include <stdatomic.h>

#include "lib/check.h"
#include "lib/hex.h"

/* OpenSSL 3 looks an algorithm up by name at every use of EVP_sha256(), which costs more than
 * hashing a statement: each is fetched once for the life of the process. */
static EVP_MD *fetched(EVP_MD *_Atomic *slot, const char *name)
{
    EVP_MD *md = atomic_load_explicit(slot, memory_order_acquire);
    if (md != NULL)
        return md;
    EVP_MD *fresh = EVP_MD_fetch(NULL, name, NULL);
    CHECK(fresh != NULL);
    if (atomic_compare_exchange_strong(slot, &md, fresh))
        return fresh;
    EVP_MD_free(fresh); /* another thread was first */
    return md;
}

static void digest(EVP_MD *_Atomic *slot, const char *name, struct span data, uint8_t *ret)
{
    CHECK(EVP_Digest(data.data, data.size, ret, NULL, fetched(slot, name), NULL) == 1);
}

static EVP_MD *_Atomic sha256_md;

struct sha256 sha256_of(struct span data)
{
    struct sha256 hash;
    digest(&sha256_md, "SHA256", data, hash.octets);
    return hash;
}

struct sha256 sha256_of_two(struct span first, struct span second)
{
    struct sha256 hash;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    CHECK(context != NULL);
    CHECK(EVP_DigestInit_ex2(context, fetched(&sha256_md, "SHA256"), NULL) == 1 &&
          EVP_DigestUpdate(context, first.data, first.size) == 1 &&
          EVP_DigestUpdate(context, second.data, second.size) == 1 &&
          EVP_DigestFinal_ex(context, hash.octets, NULL) == 1);
    EVP_MD_CTX_free(context);
    return hash;
}

void sha1_of(struct span data, uint8_t ret[static SHA1_BYTES])
{
    static EVP_MD *_Atomic md;
    digest(&md, "SHA1", data, ret);
}

bool sha256_equal(const struct sha256 *a, const struct sha256 *b)
{
    return memcmp(a->octets, b->octets, SHA256_BYTES) == 0;
}

void sha256_to_text(const struct sha256 *hash, char ret[static SHA256_TEXT_BYTES])
{
    CHECK(hex_encode(span_of(hash->octets, SHA256_BYTES), ret, SHA256_TEXT_BYTES) == ERR_OK);
}

enum err sha256_from_text(struct span text, struct sha256 *ret)
{
    if (text.size != SHA256_TEXT_BYTES - 1)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] >= 'A' && text.data[i] <= 'F')
            return ERR_MALFORMED;
    struct sha256 hash;
    size_t size;
    TRY(hex_decode(text, hash.octets, sizeof hash.octets, &size));
    *ret = hash;
    return ERR_OK;
}
