/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/authority.h"

#include <inttypes.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "issuer/authority_chain.h"
#include "lib/check.h"
#include "lib/hex.h"
#include "lib/os/log.h"
#include "lib/template.h"
#include "lib/wire.h"

static enum err take_id(const struct authority_set *set, struct authority *authority)
{
    struct ocsp_template *t = calloc(1, sizeof *t);
    if (t == NULL)
        return ERR_MEMORY;
    enum err err = template_from_certificates(span_of(authority->der.data, authority->der.size),
                                              SPAN_EMPTY, t);
    authority->id = t->issuer_id;
    free(t);
    if (err != ERR_OK) {
        log_error("%s: a certificate whose statements nobody could sign: %s",
                  authority->config->certificate, err_text(err));
        return err;
    }
    snprintf(authority->id_text, sizeof authority->id_text, "%016" PRIx64, authority->id);
    const struct authority *other = authority_by_id(set, authority->id);
    if (other != NULL) {
        log_error("%s: authority %s has the same name and key", authority->config->certificate,
                  other->config->name);
        return ERR_CONFIG;
    }
    return ERR_OK;
}

/* That no certificate of a profile can pass the linter is said here, not to each customer. */
static enum err check_profiles(const struct issuing_config *config,
                               const struct authority *authority)
{
    for (size_t i = 0; i < authority->config->profile_count; i++) {
        const char *name = authority->config->profiles[i];
        struct problem why = {0};
        enum err err =
            leaf_ca_check(&authority->ca, issuing_config_profile(config, span_text(name)), &why);
        if (err != ERR_OK) {
            log_error("authority %s: profile %s: %s", authority->config->name, name, why.detail);
            return err;
        }
    }
    return ERR_OK;
}

static enum err load_one(struct authority_set *set, const struct issuing_config *all,
                         const struct authority_config *config, uint64_t now_s)
{
    struct authority *authority = &set->authorities[set->count];
    authority->config = config;
    authority->published_seq = calloc(1, sizeof *authority->published_seq);
    if (authority->published_seq == NULL)
        return ERR_MEMORY;
    TRY(authority_read(authority, now_s));
    TRY(check_profiles(all, authority));
    TRY(take_id(set, authority));
    authority->crl_set = (struct crl_set){.number = (uint16_t)config->crl_shard_set,
                                          .count = (uint32_t)config->crl_shards};
    enum err err =
        signer_open_for(&config->key, X509_get0_pubkey(authority->certificate), &authority->signer);
    if (err != ERR_OK)
        log_error("authority %s: its key cannot be used: %s", config->name,
                  err == ERR_KEY ? "it does not fit the certificate, or does not open"
                                 : err_text(err));
    return err;
}

static void authority_done(struct authority *authority)
{
    signer_free(authority->signer);
    X509_free(authority->certificate);
    buffer_done(&authority->der);
    buffer_done(&authority->chain_pem);
    free(authority->published_seq);
}

struct authority_set *authority_set_free(struct authority_set *set)
{
    for (size_t i = 0; set != NULL && i < ISSUER_AUTHORITIES_MAX; i++)
        authority_done(&set->authorities[i]);
    free(set);
    return NULL;
}

enum err authority_set_load(const struct issuing_config *config, uint64_t now_s,
                            struct authority_set **ret)
{
    struct authority_set *set = calloc(1, sizeof *set);
    if (set == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < config->authority_count; i++) {
        enum err err = load_one(set, config, &config->authorities[i], now_s);
        if (err != ERR_OK) {
            authority_set_free(set);
            return err;
        }
        set->count++;
    }
    *ret = set;
    return ERR_OK;
}

const struct authority *authority_by_id(const struct authority_set *set, uint64_t id)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->authorities[i].id == id)
            return &set->authorities[i];
    return NULL;
}

const struct authority *authority_by_name(const struct authority_set *set, struct span name)
{
    for (size_t i = 0; i < set->count; i++)
        if (span_equal(span_text(set->authorities[i].config->name), name))
            return &set->authorities[i];
    return NULL;
}

bool authority_has_profile(const struct authority *authority, struct span profile)
{
    for (size_t i = 0; i < authority->config->profile_count; i++)
        if (span_equal(span_text(authority->config->profiles[i]), profile))
            return true;
    return false;
}

const struct authority *authority_for_profile(const struct authority_set *set, struct span profile)
{
    for (size_t i = 0; i < set->count; i++)
        if (authority_has_profile(&set->authorities[i], profile))
            return &set->authorities[i];
    return NULL;
}

size_t authority_index(const struct authority_set *set, const struct authority *authority)
{
    size_t index = (size_t)(authority - set->authorities);
    CHECK(index < set->count);
    return index;
}

uint64_t authority_published(const struct authority *authority)
{
    return __atomic_load_n(authority->published_seq, __ATOMIC_ACQUIRE);
}

void authority_published_note(const struct authority *authority, uint64_t seq)
{
    uint64_t known = authority_published(authority);
    while (known < seq && !__atomic_compare_exchange_n(authority->published_seq, &known, seq, false,
                                                       __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
        ;
}

enum err authority_id_from_text(struct span text, uint64_t *ret)
{
    uint8_t octets[8];
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] >= 'A' && text.data[i] <= 'F')
            return ERR_MALFORMED;
    if (text.size != AUTHORITY_ID_TEXT_BYTES - 1 ||
        hex_decode(text, octets, sizeof octets, &size) != ERR_OK || size != sizeof octets)
        return ERR_MALFORMED;
    *ret = be64_load(octets);
    return ERR_OK;
}
