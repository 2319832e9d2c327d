/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/config_crl.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/blob_path.h"

struct crl_set crl_config_set(const struct crl_config *crl)
{
    return (struct crl_set){.number = (uint16_t)crl->shard_set,
                            .full = !crl->partitioned,
                            .count = crl->partitioned ? (uint32_t)crl->shards : 1};
}

void crl_config_ca_path(const struct crl_config *crl, char ret[static CRL_SHARD_URL_MAX])
{
    /* check_urls() has found that it fits. */
    if (crl->ca_path != NULL)
        snprintf(ret, CRL_SHARD_URL_MAX, "%s", crl->ca_path);
    else
        snprintf(ret, CRL_SHARD_URL_MAX, "%s/ca.crt", crl_url_path(crl->url_base));
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static enum err check_urls(const struct config_place *place, const struct issuer_config *issuer)
{
    const struct crl_config *crl = &issuer->crl;
    const char *path = crl_url_path(crl->url_base);
    size_t size = strlen(crl->url_base);
    if (path == NULL || crl->url_base[size - 1] == '/' ||
        (path[0] != '\0' && !blob_path_valid(span_text(path))))
        return config_refuse(place,
                             "issuer %s: crl: url_base: not like http://crl.example/7 (http, no "
                             "slash at its end)",
                             issuer->name);
    if (size + CRL_SHARD_NAME_BYTES > CRL_SHARD_URL_MAX)
        return config_refuse(place, "issuer %s: crl: url_base: too long", issuer->name);
    if (crl->ca_path != NULL &&
        (strlen(crl->ca_path) >= CRL_SHARD_URL_MAX || !blob_path_valid(span_text(crl->ca_path))))
        return config_refuse(place, "issuer %s: crl: ca_path: not like /7/ca.crt", issuer->name);
    /* The paths of CRLs do, and of no other files. */
    if (crl->ca_path != NULL && ends_with(crl->ca_path, ".crl"))
        return config_refuse(place, "issuer %s: crl: ca_path: must not end in .crl", issuer->name);
    return ERR_OK;
}

static enum err check_times(const struct config_place *place, const struct presigner_config *config,
                            const struct issuer_config *issuer)
{
    const struct crl_config *crl = &issuer->crl;
    if (crl->validity_s > CRL_VALIDITY_MAX_S && !config->allow_any_validity)
        return config_refuse(place,
                             "issuer %s: crl: validity_s: %" PRIu64 " is above 10 days (%u); "
                             "allow_any_validity: true permits it",
                             issuer->name, crl->validity_s, CRL_VALIDITY_MAX_S);
    if (crl->interval_s >= crl->validity_s)
        return config_refuse(place, "issuer %s: crl: interval_s must be below validity_s",
                             issuer->name);
    return ERR_OK;
}

enum err config_take_crl(const struct config_place *place, const struct presigner_config *config,
                         const struct crl_file *file, struct issuer_config *issuer)
{
    struct crl_config *crl = &issuer->crl;
    if (file == NULL)
        return ERR_OK;
    crl->url_base = file->url_base;
    crl->ca_path = file->ca_path;
    crl->scope = file->scope;
    crl->partitioned = file->partitioned == NULL || *file->partitioned;
    crl->delta = file->delta;
#define X(name, fallback, min, max, text) crl->name = file->name ? *file->name : (fallback);
    CRL_NUMBER_TABLE(X)
#undef X
    if (!issuer->has_ca_key)
        return config_refuse(place,
                             "issuer %s: crl: needs key, the CA's own: CRLs are not a delegated "
                             "responder's to sign",
                             issuer->name);
    if (!crl->partitioned && crl->shards != 1)
        return config_refuse(place, "issuer %s: crl: partitioned: false has no shards",
                             issuer->name);
    TRY(check_urls(place, issuer));
    return check_times(place, config, issuer);
}

static enum err check_pair(const struct config_place *place, const struct issuer_config *a,
                           const struct issuer_config *b)
{
    char ca_a[CRL_SHARD_URL_MAX], ca_b[CRL_SHARD_URL_MAX];
    if (a->crl.url_base == NULL || b->crl.url_base == NULL)
        return ERR_OK;
    if (strcmp(crl_url_path(a->crl.url_base), crl_url_path(b->crl.url_base)) == 0)
        return config_refuse(place, "issuer %s: crl: url_base: has the path of issuer %s's",
                             a->name, b->name);
    crl_config_ca_path(&a->crl, ca_a);
    crl_config_ca_path(&b->crl, ca_b);
    if (strcmp(ca_a, ca_b) == 0)
        return config_refuse(place, "issuer %s: crl: ca_path: %s is that of issuer %s", a->name,
                             ca_a, b->name);
    return ERR_OK;
}

enum err config_check_crls(const struct config_place *place, const struct presigner_config *config)
{
    for (size_t i = 0; i < config->issuer_count; i++)
        for (size_t j = 0; j < i; j++)
            TRY(check_pair(place, &config->issuers[i], &config->issuers[j]));
    return ERR_OK;
}
