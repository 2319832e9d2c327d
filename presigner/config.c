/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/blob_path.h"
#include "lib/hex.h"
#include "lib/os/redis_link.h"
#include "lib/publish_key.h"
#include "lib/wire.h"
#include "presigner/config_crl.h"
#include "presigner/config_feed.h"
#include "presigner/config_filter.h"

struct loader {
    struct config_place place;
    struct presigner_config *config;
};

static enum err resolve_key(struct loader *l, struct key_file *key)
{
    if (key == NULL)
        return ERR_OK;
    TRY(config_resolve(&l->place, &key->file));
    TRY(config_resolve(&l->place, &key->passphrase_file));
    TRY(config_resolve(&l->place, &key->pin_file));
    return config_resolve(&l->place, &key->module);
}

static enum err resolve_all(struct loader *l, struct config_file *file)
{
    TRY(config_resolve(&l->place, &file->state_dir));
    TRY(config_resolve(&l->place, &file->publish_dir));
    TRY(config_resolve(&l->place, &file->publish_key));
    if (file->redis != NULL)
        TRY(config_resolve(&l->place, &file->redis->password_file));
    for (size_t i = 0; i < file->issuers_count; i++) {
        struct issuer_file *issuer = &file->issuers[i];
        TRY(config_resolve(&l->place, &issuer->ca_certificate));
        TRY(config_resolve(&l->place, &issuer->responder_certificate));
        TRY(resolve_key(l, issuer->key));
        TRY(resolve_key(l, issuer->responder_key));
        TRY(config_resolve_feed(&l->place, issuer->feed));
    }
    uint64_t id;
    for (size_t i = 0; i < file->retired_issuers_count; i++)
        if (!presigner_config_issuer_id(file->retired_issuers[i], &id))
            TRY(config_resolve(&l->place, &file->retired_issuers[i]));
    return ERR_OK;
}

static enum err take_pem_key(struct loader *l, const char *where, const struct key_file *key,
                             struct signer_options *ret)
{
    if (key->token != NULL || key->pin_file != NULL || key->label != NULL || key->id != NULL)
        return config_refuse(&l->place, "%s: token, pin_file, label and id go with module", where);
    if (key->passphrase_file != NULL && key->passphrase_env != NULL)
        return config_refuse(&l->place, "%s: passphrase_file and passphrase_env exclude each other",
                             where);
    *ret = (struct signer_options){
        .backend = SIGNER_PEM,
        .key_file = key->file,
        .passphrase_file = key->passphrase_file,
        .passphrase_environment = key->passphrase_env,
    };
    return ERR_OK;
}

static enum err take_pkcs11_key(struct loader *l, const char *where, const struct key_file *key,
                                struct signer_options *ret)
{
    if (key->passphrase_file != NULL || key->passphrase_env != NULL)
        return config_refuse(&l->place, "%s: a token has a pin_file, not a passphrase", where);
    if (key->label == NULL && key->id == NULL)
        return config_refuse(&l->place, "%s: name the key on the token by label or id", where);
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

static enum err take_key(struct loader *l, const char *where, const struct key_file *key,
                         struct signer_options *ret)
{
    if ((key->file != NULL) == (key->module != NULL))
        return config_refuse(&l->place, "%s: give either file (PEM) or module (PKCS#11)", where);
    return key->file != NULL ? take_pem_key(l, where, key, ret)
                             : take_pkcs11_key(l, where, key, ret);
}

static enum err take_keys(struct loader *l, const struct issuer_file *file,
                          struct issuer_config *issuer)
{
    char where[128];
    issuer->has_ca_key = file->key != NULL;
    if (file->key != NULL) {
        snprintf(where, sizeof where, "issuer %.60s: key", file->name);
        TRY(take_key(l, where, file->key, &issuer->ca_key));
    }
    if ((file->responder_certificate != NULL) != (file->responder_key != NULL))
        return config_refuse(&l->place,
                             "issuer %s: responder_certificate and responder_key go together",
                             file->name);
    if (file->responder_key == NULL) {
        if (file->key == NULL)
            return config_refuse(
                &l->place, "issuer %s: needs a key, or responder_certificate and responder_key",
                file->name);
        issuer->signer = issuer->ca_key;
        return ERR_OK;
    }
    snprintf(where, sizeof where, "issuer %.60s: responder_key", file->name);
    return take_key(l, where, file->responder_key, &issuer->signer);
}

static enum err check_times(struct loader *l, const struct issuer_config *issuer)
{
    bool usual = issuer->validity_s >= VALIDITY_MIN_S && issuer->validity_s <= VALIDITY_MAX_S;
    if (!usual && !l->config->allow_any_validity)
        return config_refuse(&l->place,
                             "issuer %s: validity_s: %" PRIu64 " is outside of 8 hours to 10 days "
                             "(%u..%u); allow_any_validity: true permits it",
                             issuer->name, issuer->validity_s, VALIDITY_MIN_S, VALIDITY_MAX_S);
    if (issuer->backdate_s >= issuer->refresh_s)
        return config_refuse(&l->place, "issuer %s: backdate_s must be below refresh_s",
                             issuer->name);
    if (issuer->refresh_s + issuer->backdate_s >= issuer->validity_s)
        return config_refuse(
            &l->place, "issuer %s: refresh_s and backdate_s together must be below validity_s",
            issuer->name);
    return ERR_OK;
}

static enum err take_issuer(struct loader *l, const struct issuer_file *file,
                            struct issuer_config *issuer)
{
    issuer->name = file->name;
    issuer->ca_certificate = file->ca_certificate;
    issuer->responder_certificate = file->responder_certificate;
    issuer->certid = file->certid == 0 ? CERTID_BOTH : file->certid;
#define X(key, fallback, min, max, text) issuer->key = file->key ? *file->key : (fallback);
    ISSUER_NUMBER_TABLE(X)
#undef X
    TRY(take_keys(l, file, issuer));
    TRY(config_take_crl(&l->place, l->config, file->crl, issuer));
    TRY(config_take_feed(&l->place, l->config, file->feed, issuer));
    return check_times(l, issuer);
}

static enum err take_issuers(struct loader *l, const struct config_file *file)
{
    struct presigner_config *config = l->config;
    config->issuers = calloc(file->issuers_count, sizeof *config->issuers);
    if (config->issuers == NULL)
        return ERR_MEMORY;
    config->issuer_count = file->issuers_count;
    for (size_t i = 0; i < config->issuer_count; i++) {
        TRY(take_issuer(l, &file->issuers[i], &config->issuers[i]));
        for (size_t j = 0; j < i; j++)
            if (strcmp(config->issuers[i].name, config->issuers[j].name) == 0)
                return config_refuse(&l->place, "issuer %s: two issuers have this name",
                                     config->issuers[i].name);
    }
    return config_check_crls(&l->place, config);
}

static enum err take_redis(struct loader *l, const struct redis_file *file)
{
    struct redis_config *redis = &l->config->redis;
    if (file == NULL)
        return ERR_OK;
    redis->addresses = file->addresses;
    redis->address_count = file->addresses_count;
    redis->user = file->user;
    redis->password_file = file->password_file;
#define X(key, fallback, min, max, text) redis->key = file->key ? *file->key : (fallback);
    REDIS_NUMBER_TABLE(X)
#undef X
    for (size_t i = 0; i < redis->address_count; i++)
        if (redis_link_address_check(redis->addresses[i]) != ERR_OK)
            return config_refuse(&l->place,
                                 "redis: addresses: \"%s\" is not like 127.0.0.1:6379, [::1]:6379 "
                                 "or /run/redis/redis.sock",
                                 redis->addresses[i]);
    if (redis->user != NULL && redis->password_file == NULL)
        return config_refuse(&l->place, "redis: user goes with password_file");
    return ERR_OK;
}

static enum err check_withdrawn(struct loader *l)
{
    for (size_t i = 0; i < l->config->withdrawn_count; i++)
        if (!blob_path_valid(span_text(l->config->withdrawn[i])))
            return config_refuse(&l->place, "withdrawn_paths: \"%s\" is not like /7/1/0.crl or /7/",
                                 l->config->withdrawn[i]);
    return ERR_OK;
}

static enum err take_program(struct loader *l, const struct config_file *file)
{
    struct presigner_config *config = l->config;
    config->network = file->network;
    config->state_dir = file->state_dir;
    config->publish_dir = file->publish_dir;
    config->publish_key = file->publish_key;
    config->has_admin = file->admin != NULL;
    config->verify = file->verify == VERIFY_FILE_ALL    ? SIGN_VERIFY_ALL
                     : file->verify == VERIFY_FILE_NONE ? SIGN_VERIFY_NONE
                                                        : SIGN_VERIFY_SAMPLE;
    config->allow_any_validity = file->allow_any_validity;
    config->retired = file->retired_issuers;
    config->retired_count = file->retired_issuers_count;
    config->withdrawn = file->withdrawn_paths;
    config->withdrawn_count = file->withdrawn_paths_count;
#define X(key, fallback, min, max, text) config->key = file->key ? *file->key : (fallback);
    PRESIGNER_NUMBER_TABLE(X)
#undef X
    if (network_name_check(span_text(file->network)) != ERR_OK)
        return config_refuse(&l->place,
                             "network: letters, digits, dots and hyphens, a letter or digit first");
    if (file->admin != NULL && address_from_text(span_text(file->admin), &config->admin) != ERR_OK)
        return config_refuse(&l->place, "admin: \"%s\" is not like 127.0.0.1:9081 or [::1]:9081",
                             file->admin);
    if (config->head_refresh_s >= config->head_validity_s)
        return config_refuse(&l->place, "head_refresh_s must be below head_validity_s");
    return check_withdrawn(l);
}

static enum err take_file(struct loader *l, struct config_file *file)
{
    TRY(resolve_all(l, file));
    TRY(take_program(l, file));
    TRY(take_redis(l, file->redis));
    TRY(take_issuers(l, file));
    return config_take_filter(&l->place, file->filter, l->config);
}

enum err presigner_config_load(const char *path, struct presigner_config **ret,
                               char message[static CONFIG_MESSAGE_BYTES])
{
    struct presigner_config *config = calloc(1, sizeof *config);
    if (config == NULL)
        return ERR_MEMORY;
    struct loader l = {.place = {path, message}, .config = config};
    enum err err = config_load(path, config_file_schema(), &config->file, message);
    if (err == ERR_OK) {
        err = take_file(&l, config->file);
        if (err == ERR_MEMORY)
            (void)!config_refuse(&l.place, "%s", err_text(err));
    }
    if (err != ERR_OK) {
        presigner_config_free(config);
        return err;
    }
    *ret = config;
    return ERR_OK;
}

struct presigner_config *presigner_config_free(struct presigner_config *config)
{
    if (config == NULL)
        return NULL;
    if (config->file != NULL)
        config_free(config_file_schema(), config->file);
    free(config->issuers);
    free(config);
    return NULL;
}

bool presigner_config_issuer_id(const char *word, uint64_t *ret)
{
    uint8_t octets[8];
    size_t size = 0;
    if (hex_decode(span_text(word), octets, sizeof octets, &size) != ERR_OK ||
        size != sizeof octets)
        return false;
    *ret = be64_load(octets);
    return true;
}

const struct issuer_config *presigner_config_issuer(const struct presigner_config *config,
                                                    const char *name)
{
    if (name == NULL)
        return config->issuer_count == 1 ? &config->issuers[0] : NULL;
    for (size_t i = 0; i < config->issuer_count; i++)
        if (strcmp(config->issuers[i].name, name) == 0)
            return &config->issuers[i];
    return NULL;
}
