/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/cert_der.h"
#include "issuer/config_parts.h"

static enum err resolve_authority(const struct config_place *place,
                                  struct issuing_authority_file *file)
{
    TRY(config_resolve(place, &file->certificate));
    for (unsigned i = 0; i < file->chain_count; i++)
        TRY(config_resolve(place, &file->chain[i]));
    TRY(config_resolve(place, &file->key->file));
    TRY(config_resolve(place, &file->key->passphrase_file));
    TRY(config_resolve(place, &file->key->pin_file));
    return config_resolve(place, &file->key->module);
}

static enum err take_pem_key(const struct config_place *place, const char *name,
                             const struct issuing_key_file *key, struct signer_options *ret)
{
    if (key->token != NULL || key->pin_file != NULL || key->label != NULL || key->id != NULL)
        return config_refuse(place,
                             "authority %s: key: token, pin_file, label and id go with "
                             "module",
                             name);
    if (key->passphrase_file != NULL && key->passphrase_env != NULL)
        return config_refuse(place,
                             "authority %s: key: passphrase_file and passphrase_env exclude each "
                             "other",
                             name);
    *ret = (struct signer_options){
        .backend = SIGNER_PEM,
        .key_file = key->file,
        .passphrase_file = key->passphrase_file,
        .passphrase_environment = key->passphrase_env,
    };
    return ERR_OK;
}

static enum err take_token_key(const struct config_place *place, const char *name,
                               const struct issuing_key_file *key, struct signer_options *ret)
{
    if (key->passphrase_file != NULL || key->passphrase_env != NULL)
        return config_refuse(place, "authority %s: key: a token has a pin_file, not a passphrase",
                             name);
    if (key->label == NULL && key->id == NULL)
        return config_refuse(place, "authority %s: key: name the key on the token by label or id",
                             name);
    *ret = (struct signer_options){
        .backend = SIGNER_PKCS11,
        .module = key->module,
        .token_label = key->token,
        .pin_file = key->pin_file,
        .key_label = key->label,
        .key_id = key->id,
    };
    return ERR_OK;
}

static enum err take_key(const struct config_place *place, const char *name,
                         const struct issuing_key_file *key, struct signer_options *ret)
{
    if ((key->file != NULL) == (key->module != NULL))
        return config_refuse(place, "authority %s: key: give either file (PEM) or module (PKCS#11)",
                             name);
    return key->file != NULL ? take_pem_key(place, name, key, ret)
                             : take_token_key(place, name, key, ret);
}

static enum err check_url(const struct config_place *place, const char *name, const char *key,
                          const char *url)
{
    if (url == NULL || cert_url_valid(url))
        return ERR_OK;
    return config_refuse(place,
                         "authority %s: %s: %s: not a URL that a certificate can carry "
                         "(http://...)",
                         name, key, url);
}

/* A profile that points to a status needs a CA that says where it is. */
static enum err check_profiles(const struct config_place *place,
                               const struct issuing_config *config,
                               const struct authority_config *authority)
{
    for (size_t i = 0; i < authority->profile_count; i++) {
        const char *name = authority->profiles[i];
        const struct leaf_profile *profile = issuing_config_profile(config, span_text(name));
        if (profile == NULL)
            return config_refuse(place, "authority %s: profiles: %s: there is no such profile",
                                 authority->name, name);
        if (profile->ocsp_url && authority->ocsp_url == NULL)
            return config_refuse(place, "authority %s: profile %s needs its ocsp_url",
                                 authority->name, name);
        if (profile->crl_url && authority->crl_url_base == NULL)
            return config_refuse(place, "authority %s: profile %s needs its crl_url_base",
                                 authority->name, name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(name, authority->profiles[j]) == 0)
                return config_refuse(place, "authority %s: profiles: %s: given twice",
                                     authority->name, name);
    }
    return ERR_OK;
}

static enum err take_authority(const struct config_place *place,
                               struct issuing_authority_file *file,
                               const struct issuing_config *config,
                               struct authority_config *authority)
{
    *authority = (struct authority_config){
        .name = file->name,
        .certificate = file->certificate,
        .chain = file->chain,
        .chain_count = file->chain_count,
        .ocsp_url = file->ocsp_url,
        .ca_issuers_url = file->ca_issuers_url,
        .crl_url_base = file->crl_url_base,
        .profiles = file->profiles,
        .profile_count = file->profiles_count,
    };
#define X(key, fallback, min, max, text) authority->key = file->key ? *file->key : (fallback);
    AUTHORITY_NUMBER_TABLE(X)
#undef X
    TRY(check_url(place, file->name, "ocsp_url", file->ocsp_url));
    TRY(check_url(place, file->name, "ca_issuers_url", file->ca_issuers_url));
    TRY(check_url(place, file->name, "crl_url_base", file->crl_url_base));
    TRY(check_profiles(place, config, authority));
    return take_key(place, file->name, file->key, &authority->key);
}

enum err config_take_authorities(const struct config_place *place, struct issuing_config_file *file,
                                 struct issuing_config *config)
{
    for (unsigned i = 0; i < file->authorities_count; i++) {
        struct issuing_authority_file *from = &file->authorities[i];
        TRY(resolve_authority(place, from));
        TRY(take_authority(place, from, config, &config->authorities[i]));
        for (unsigned j = 0; j < i; j++)
            if (strcmp(from->name, config->authorities[j].name) == 0)
                return config_refuse(place, "authority %s: two authorities have this name",
                                     from->name);
        config->authority_count = i + 1;
    }
    return ERR_OK;
}
