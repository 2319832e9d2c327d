/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/config_filter.h"

#include "lib/blob_path.h"

/* Whether what is published for the issuer may come to have that path. */
static bool is_issuers(const struct issuer_config *issuer, const char *path)
{
    const char *base = issuer->crl.url_base == NULL ? NULL : crl_url_path(issuer->crl.url_base);
    if (base == NULL)
        return false;
    size_t size = strlen(base);
    return (strncmp(path, base, size) == 0 && path[size] == '/') ||
           (issuer->crl.ca_path != NULL && strcmp(path, issuer->crl.ca_path) == 0);
}

enum err config_take_filter(const struct config_place *place, const struct filter_file *file,
                            struct presigner_config *config)
{
    if (file == NULL || (file->enabled != NULL && !*file->enabled))
        return ERR_OK;
    struct filter_config *filter = &config->filter;
    const char *path = file->path != NULL ? file->path : FILTER_PATH_DEFAULT;
    filter->reasons = file->reasons;
#define X(name, fallback, min, max, text) filter->name = file->name ? *file->name : (fallback);
    FILTER_NUMBER_TABLE(X)
#undef X
    if (strlen(path) > FILTER_PATH_MAX || !blob_path_valid(span_text(path)))
        return config_refuse(place, "filter: path: not like " FILTER_PATH_DEFAULT);
    for (size_t i = 0; i < config->issuer_count; i++)
        if (is_issuers(&config->issuers[i], path))
            return config_refuse(place, "filter: path: %s is among the CRLs of issuer %s", path,
                                 config->issuers[i].name);
    filter->path = path;
    return ERR_OK;
}
