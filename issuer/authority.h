/* SPDX-License-Identifier: Apache-2.0 */
/* The CAs that this issuer signs with: certificate, chain, key. Loaded at the start and never
 * changed after that, so that every thread reads them without a lock.
 *
 * Only intermediates: a self-signed certificate is refused, because the key of a root has no place
 * on a machine that talks to clients (`statim ca` is for it, on another machine). */
#pragma once

#include "issuer/config.h"
#include "issuer/leaf_profile.h"
#include "lib/crl_shard.h"
#include "lib/os/file.h"

#define AUTHORITY_ID_TEXT_BYTES 17 /* 16 lower-case hex digits and the end */

struct authority {
    uint64_t id; /* lib/template.h */
    char id_text[AUTHORITY_ID_TEXT_BYTES];
    const struct authority_config *config; /* borrowed; name, profiles */
    struct buffer der;                     /* the certificate */
    X509 *certificate;
    struct leaf_ca ca;       /* of it, for the leaves; with the URLs */
    struct buffer chain_pem; /* what a server sends after its own certificate: this one and the
                                intermediates above it, without the root */
    struct crl_set crl_set;  /* new certificates get their shard in it */
    struct signer *signer;
    uint64_t *published_seq; /* atomic: authority_published() */
};

struct authority_set {
    size_t count; /* at least 1 */
    struct authority authorities[ISSUER_AUTHORITIES_MAX];
};

/** Loads all CAs of the configuration, which stays borrowed. Checks of each that it is a CA by its
 * basicConstraints and keyUsage, is valid now, is not self-signed, is certified by the next one of
 * its chain, has an id of its own, and that the key is its own (a signature is made and verified).
 * What is wrong is logged in a line a person can act on. ERR_CONFIG, ERR_NOT_FOUND, ERR_KEY,
 * ERR_CHAIN, ERR_EXPIRED, ERR_FUTURE, ERR_MALFORMED, ERR_IO, ERR_MEMORY. */
MUST_CHECK enum err authority_set_load(const struct issuing_config *config, uint64_t now_s,
                                       struct authority_set **ret);
/** All signer workers must be freed before. Takes NULL, returns NULL. */
struct authority_set *authority_set_free(struct authority_set *set);

/** NULL: there is none such. */
const struct authority *authority_by_id(const struct authority_set *set, uint64_t id);
const struct authority *authority_by_name(const struct authority_set *set, struct span name);
/** The one to use when nobody said which: the first that has the profile; NULL: none has. */
const struct authority *authority_for_profile(const struct authority_set *set, struct span profile);
/** Its place in the set: the index of struct issuer_worker's signers. */
size_t authority_index(const struct authority_set *set, const struct authority *authority);
/** Whether the configuration lets this CA issue by that profile. */
bool authority_has_profile(const struct authority *authority, struct span profile);

/** How far the presigner has said that everything is signed and in its log. Any thread; never goes
 * back. The feed's handler notes, who waits for a certificate reads. */
uint64_t authority_published(const struct authority *authority);
void authority_published_note(const struct authority *authority, uint64_t seq);

/** 16 lower-case hex digits, as in JSON and URLs. ERR_MALFORMED. */
MUST_CHECK enum err authority_id_from_text(struct span text, uint64_t *ret);
