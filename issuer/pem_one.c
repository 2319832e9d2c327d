/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/pem_one.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#define BEGIN "-----BEGIN "

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum err flawed(enum pem_flaw flaw, enum pem_flaw *ret_flaw)
{
    *ret_flaw = flaw;
    return ERR_MALFORMED;
}

static bool only_blanks(BIO *in)
{
    char c;
    while (BIO_read(in, &c, 1) == 1)
        if (!is_blank((uint8_t)c))
            return false;
    return true;
}

/* What PEM_read_bio() would take with something else in front of the block, or headers in it. */
static enum err block_read(BIO *in, const char *label, const char *old_label, uint8_t **ret_der,
                           size_t *ret_size, enum pem_flaw *ret_flaw)
{
    char *found = NULL, *header = NULL;
    unsigned char *der = NULL;
    long size = 0;
    if (PEM_read_bio(in, &found, &header, &der, &size) != 1) {
        ERR_clear_error();
        return flawed(PEM_NOT, ret_flaw);
    }
    bool labelled = strcmp(found, label) == 0 || strcmp(found, old_label) == 0;
    enum err err = !labelled           ? flawed(PEM_LABEL, ret_flaw)
                   : header[0] != '\0' ? flawed(PEM_NOT, ret_flaw)
                   : !only_blanks(in)  ? flawed(PEM_TRAILING, ret_flaw)
                                       : ERR_OK;
    OPENSSL_free(found);
    OPENSSL_free(header);
    if (err != ERR_OK) {
        OPENSSL_free(der);
        return err;
    }
    *ret_der = der;
    *ret_size = (size_t)size;
    return ERR_OK;
}

enum err pem_one_read(struct span text, const char *label, const char *old_label, uint8_t **ret_der,
                      size_t *ret_size, enum pem_flaw *ret_flaw)
{
    if (text.size > 0 && text.data[0] == 0x30) {
        uint8_t *der = OPENSSL_memdup(text.data, text.size);
        if (der == NULL)
            return ERR_MEMORY;
        *ret_der = der;
        *ret_size = text.size;
        return ERR_OK;
    }
    while (text.size > 0 && is_blank(text.data[0]))
        text = span_of(text.data + 1, text.size - 1);
    if (text.size == 0)
        return flawed(PEM_EMPTY, ret_flaw);
    if (text.size > INT32_MAX || text.size < strlen(BEGIN) ||
        memcmp(text.data, BEGIN, strlen(BEGIN)) != 0)
        return flawed(PEM_NOT, ret_flaw);
    BIO *in = BIO_new_mem_buf(text.data, (int)text.size);
    if (in == NULL)
        return ERR_MEMORY;
    enum err err = block_read(in, label, old_label, ret_der, ret_size, ret_flaw);
    BIO_free(in);
    return err;
}
