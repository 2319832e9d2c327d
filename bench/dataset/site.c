/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/dataset/site.h"

#include "bench/dataset/statement_draw.h"
#include "lib/os/clock.h"
#include "lib/os/file.h"
#include "tools/pki.h"
#include "tools/pki_make.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_NAME       "publish-key.pem"
#define KEY_PUBLIC     "publish-key.pub"
#define KEY_BYTES      4096
#define FILE_MODE      0644
#define KEY_MODE       0600
#define DIRECTORY_MODE 0755
#define TEMPLATE_NO    1

void site_file_name(const char *stem, uint32_t number, const char *suffix,
                    char ret[static SITE_NAME_BYTES])
{
    if (number == 0)
        snprintf(ret, SITE_NAME_BYTES, "%s%s", stem, suffix);
    else
        snprintf(ret, SITE_NAME_BYTES, "%s-%" PRIu32 "%s", stem, number + 1, suffix);
}

static enum err complain(const char *what, enum err err)
{
    if (err != ERR_OK)
        fprintf(stderr, "statim-dataset: %s: %s\n", what, err_text(err));
    return err;
}

static enum err file_put(const char *folder, const char *name, struct span content, unsigned mode)
{
    char path[PATH_BYTES_MAX];
    TRY(path_join(path, sizeof path, folder, name));
    return complain(path, file_publish_lazy(path, content, mode));
}

static enum err certificate_use(const struct site_options *o, X509 *ca, uint32_t number,
                                struct site_issuer *ret)
{
    char name[SITE_NAME_BYTES];
    struct buffer pem = {0};
    site_file_name("ca", number, ".pem", name);
    enum err err = pki_certificate_pem(ca, &pem);
    if (err == ERR_OK)
        err = file_put(o->folder, name, span_of(pem.data, pem.size), FILE_MODE);
    buffer_done(&pem);
    TRY(err);
    TRY(pki_template(ca, NULL, &ret->template_));
    ret->number = number;
    ret->template_.template_no = TEMPLATE_NO;
    ret->template_.certid_set = (uint8_t)o->certid_set;
    ret->template_.refresh_interval_s = DRAW_REFRESH_S;
    return ERR_OK;
}

static enum err issuer_make(const struct site_options *o, uint32_t number, struct site_issuer *ret)
{
    char name[SITE_NAME_BYTES];
    EVP_PKEY *key = NULL;
    X509 *ca = NULL;
    snprintf(name, sizeof name, "Statim data set CA %" PRIu32, number + 1);
    enum err err = pki_key_make(o->key_type, &key);
    if (err == ERR_OK)
        err = pki_ca_make(key, name, clock_wall_s(), &ca);
    if (err == ERR_OK)
        err = certificate_use(o, ca, number, ret);
    X509_free(ca);
    EVP_PKEY_free(key);
    return complain(name, err);
}

static int by_id(const void *a, const void *b)
{
    const struct site_issuer *const x = a;
    const struct site_issuer *const y = b;
    return (x->template_.issuer_id > y->template_.issuer_id) -
           (x->template_.issuer_id < y->template_.issuer_id);
}

static enum err key_put(const char *folder, const struct publish_key *key)
{
    char text[KEY_BYTES];
    size_t size;
    TRY(publish_key_to_pem(key, text, sizeof text, &size));
    TRY(file_put(folder, KEY_NAME, span_of(text, size), KEY_MODE));
    verify_key_to_text(publish_key_public(key), text);
    size = strlen(text);
    text[size++] = '\n';
    return file_put(folder, KEY_PUBLIC, span_of(text, size), FILE_MODE);
}

static enum err key_make(const char *folder, uint64_t issuer_id, struct publish_key **ret)
{
    char network[NETWORK_NAME_MAX + 1];
    struct publish_key *key;
    snprintf(network, sizeof network, "data-set-%08" PRIx32, (uint32_t)(issuer_id >> 32));
    TRY(publish_key_generate(span_text(network), &key));
    enum err err = key_put(folder, key);
    if (err == ERR_OK)
        *ret = key;
    else
        publish_key_free(key);
    return err;
}

static void config_print(const struct site_options *o, FILE *out)
{
    char name[SITE_NAME_BYTES];
    fprintf(out, "# An edge over this data set. Its signatures are random octets: only hashes are "
                 "checked.\n"
                 "publish_key: " KEY_PUBLIC "\n"
                 "data_dir: edge\n"
                 "origins:\n"
                 "  - pub\n"
                 "verify_packs: none\n"
                 "ca_certificates:\n");
    for (uint32_t i = 0; i < o->issuer_count; i++) {
        site_file_name("ca", i, ".pem", name);
        fprintf(out, "  - %s\n", name);
    }
    fprintf(out, "listen:\n  - '%s'\nadmin: '%s'\n", o->listen, o->admin);
    if (o->workers > 0)
        fprintf(out, "workers: %u\n", o->workers);
}

static enum err config_write(const struct site_options *o)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return ERR_MEMORY;
    config_print(o, out);
    enum err err = fclose(out) == 0 ? ERR_OK : ERR_MEMORY;
    if (err == ERR_OK)
        err = file_put(o->folder, "edge.yaml", span_of(text, size), FILE_MODE);
    free(text);
    return err;
}

enum err site_make(const struct site_options *o, struct site_issuer *ret_issuers,
                   struct publish_key **ret_key)
{
    TRY(complain(o->folder, directory_make(o->folder, DIRECTORY_MODE)));
    for (uint32_t i = 0; i < o->issuer_count; i++)
        TRY(issuer_make(o, i, &ret_issuers[i]));
    TRY(config_write(o));
    TRY(complain("publish key", key_make(o->folder, ret_issuers[0].template_.issuer_id, ret_key)));
    qsort(ret_issuers, o->issuer_count, sizeof *ret_issuers, by_id);
    return ERR_OK;
}

static enum err text_read(const char *folder, const char *name, struct buffer *ret)
{
    char path[PATH_BYTES_MAX];
    TRY(path_join(path, sizeof path, folder, name));
    TRY(complain(path, file_read(path, KEY_BYTES, ret)));
    while (ret->size > 0 && ret->data[ret->size - 1] == '\n')
        ret->size--;
    return ERR_OK;
}

enum err site_key(const char *folder, struct publish_key **ret_key)
{
    struct buffer pem = {0};
    struct buffer public = {0};
    struct verify_key key;
    enum err err = text_read(folder, KEY_PUBLIC, &public);
    if (err == ERR_OK)
        err = complain(KEY_PUBLIC, verify_key_from_text(span_of(public.data, public.size), &key));
    if (err == ERR_OK)
        err = text_read(folder, KEY_NAME, &pem);
    if (err == ERR_OK)
        err = complain(KEY_NAME, publish_key_from_pem(span_text(key.network),
                                                      span_of(pem.data, pem.size), ret_key));
    buffer_done(&pem);
    buffer_done(&public);
    return err;
}
