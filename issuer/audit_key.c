/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/audit_key.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEY_BYTES_MAX 4096
#define PATH_BYTES    4096
#define KEY_MODE      0600
#define PUBLIC_MODE   0644

enum err audit_key_make(const char *path, const char *origin)
{
    struct publish_key *key = NULL;
    char pem[KEY_BYTES_MAX];
    size_t size = 0;
    if (access(path, F_OK) == 0)
        return ERR_EXISTS;
    TRY(publish_key_generate(span_text(origin), &key));
    enum err err = publish_key_to_pem(key, pem, sizeof pem, &size);
    if (err == ERR_OK)
        err = file_publish(path, span_of(pem, size), KEY_MODE);
    OPENSSL_cleanse(pem, sizeof pem);
    publish_key_free(key);
    return err;
}

static enum err read_public(const char *path, struct verify_key *ret)
{
    struct buffer content = {0};
    TRY(file_read(path, KEY_BYTES_MAX, &content));
    size_t size = 0;
    while (size < content.size && content.data[size] != '\n')
        size++;
    enum err err = verify_key_from_text(span_of(content.data, size), ret);
    buffer_done(&content);
    return err;
}

enum err audit_verify_key(const char *given, const char *folder, struct verify_key *ret)
{
    char path[PATH_BYTES];
    if (given != NULL && verify_key_from_text(span_text(given), ret) == ERR_OK)
        return ERR_OK;
    if (given != NULL)
        return read_public(given, ret);
    TRY(path_join(path, sizeof path, folder, AUDIT_PUBLIC_FILE));
    return read_public(path, ret);
}

static enum err load_private(const char *path, struct span name, struct publish_key **ret)
{
    struct buffer pem = {0};
    TRY(file_read(path, KEY_BYTES_MAX, &pem));
    enum err err = publish_key_from_pem(name, span_of(pem.data, pem.size), ret);
    OPENSSL_cleanse(pem.data, pem.size);
    buffer_done(&pem);
    return err;
}

enum err audit_key_load(const char *path, const char *folder, struct publish_key **ret)
{
    struct verify_key public_;
    struct publish_key *key = NULL;
    TRY(audit_verify_key(NULL, folder, &public_));
    TRY(load_private(path, span_text(public_.network), &key));
    const struct verify_key *half = publish_key_public(key);
    if (memcmp(half->public_key, public_.public_key, sizeof half->public_key) != 0) {
        publish_key_free(key);
        return ERR_KEY;
    }
    *ret = key;
    return ERR_OK;
}

enum err audit_key_publish(const struct publish_key *key, const char *folder)
{
    char path[PATH_BYTES];
    char text[VKEY_TEXT_BYTES + 1];
    verify_key_to_text(publish_key_public(key), text);
    size_t size = strlen(text);
    text[size++] = '\n';
    TRY(path_join(path, sizeof path, folder, AUDIT_PUBLIC_FILE));
    return file_publish(path, span_of(text, size), PUBLIC_MODE);
}
