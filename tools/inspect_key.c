/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/inspect_key.h"

#include <stdio.h>
#include <string.h>

#include "tools/inspect_fact.h"

#define KEY_FILE_BYTES_MAX 4096
#define KEY_FILE_NAME      "publish-key.pub"

/* The first line of a file. */
static enum err read_key_file(const char *path, struct verify_key *ret)
{
    struct buffer content = {0};
    TRY(file_read(path, KEY_FILE_BYTES_MAX, &content));
    size_t size = 0;
    while (size < content.size && content.data[size] != '\n' && content.data[size] != '\r')
        size++;
    enum err err = verify_key_from_text(span_of(content.data, size), ret);
    buffer_done(&content);
    return err;
}

static bool take_given(struct inspection *in, struct inspect_key *ret)
{
    ret->known = true;
    ret->given = true;
    (void)snprintf(ret->source, sizeof ret->source, "%s", in->key);
    if (verify_key_from_text(span_text(in->key), &ret->key) == ERR_OK)
        return true;
    enum err err = read_key_file(in->key, &ret->key);
    if (err == ERR_OK)
        return true;
    return inspect_refuse(in, "--key: neither a verifier key nor a file that has one: %s",
                          err_text(err));
}

/* pub/head has it at ../publish-key.pub, pub/log/1 one folder higher. */
static void look_around(const char *path, struct inspect_key *ret)
{
    static const char *const places[] = {"", "../", "../../"};
    const char *slash = strrchr(path, '/');
    int folder = slash == NULL ? 0 : (int)(slash - path) + 1;
    for (size_t i = 0; i < sizeof places / sizeof *places && !ret->known; i++) {
        int size = snprintf(ret->source, sizeof ret->source, "%.*s%s" KEY_FILE_NAME, folder, path,
                            places[i]);
        ret->known = size > 0 && (size_t)size < sizeof ret->source &&
                     read_key_file(ret->source, &ret->key) == ERR_OK;
    }
}

bool inspect_key_find(struct inspection *in, struct inspect_key *ret)
{
    *ret = (struct inspect_key){0};
    if (in->key != NULL)
        return take_given(in, ret);
    look_around(in->path, ret);
    return true;
}

bool inspect_key_verdict(struct inspection *in, const struct inspect_key *key, enum err err)
{
    char text[PATH_BYTES_MAX + 64];
    if (!key->known) {
        fact_text(in->facts, "signature", "not verified: no key is known (--key)");
        return true;
    }
    bool other = err == ERR_KEY || err == ERR_NETWORK;
    if (err != ERR_OK && (!other || key->given))
        return inspect_refuse(in, "%s (key: %s)", err_text(err), key->source);
    (void)snprintf(text, sizeof text, "%s %s",
                   other ? "not verified: made by another key than" : "verified by", key->source);
    fact_text(in->facts, "signature", text);
    return true;
}
