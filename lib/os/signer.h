/* SPDX-License-Identifier: Apache-2.0 */
/* The key that signs statements. Two backends: a PEM file through OpenSSL, and a PKCS#11 token.
 *
 * A signer is opened once per issuer; each thread makes a worker of its own from it, which keeps
 * whatever is dear to set up (digest, context, session). What goes wrong with a key is logged by
 * the backend in words a person can act on; the return value only says what kind it was. */
#pragma once

#include <openssl/types.h>

#include "lib/template.h"

enum signer_backend { SIGNER_PEM, SIGNER_PKCS11 };

/** Borrowed strings; NULL or "" where not set. */
struct signer_options {
    enum signer_backend backend;
    /* SIGNER_PEM */
    const char *key_file;
    const char *passphrase_file;        /* first line is the passphrase */
    const char *passphrase_environment; /* name of a variable */
    const char *passphrase;             /* itself, for who asked a person */
    /* SIGNER_PKCS11 */
    const char *module;      /* path of the shared object */
    const char *token_label; /* NULL: the only token there is */
    const char *pin_file;    /* first line; NULL: no login */
    const char *key_label;   /* label or id or both */
    const char *key_id;      /* hex */
};

struct signer;
struct signer_worker;

/** Opens the key and checks that it is the one that `t` names: signs once and verifies under the
 *  template's signer key. ERR_NOT_FOUND, ERR_KEY (wrong passphrase, wrong key, no such key),
 *  ERR_CONFIG, ERR_CRYPTO, ERR_MEMORY. */
MUST_CHECK enum err signer_open(const struct signer_options *options, const struct ocsp_template *t,
                                struct signer **ret);
/** All workers must be freed before. Takes NULL, returns NULL. */
struct signer *signer_free(struct signer *signer);

/** One per thread. ERR_CRYPTO, ERR_KEY, ERR_MEMORY. */
MUST_CHECK enum err signer_worker_new(struct signer *signer, struct signer_worker **ret);
struct signer_worker *signer_worker_free(struct signer_worker *worker);
/** Signs `tbs`; the signature in stored form (sig_alg.h). ERR_CRYPTO; a token whose session was
 * lost is opened again once before that. */
MUST_CHECK enum err signer_worker_sign(struct signer_worker *worker, struct span tbs,
                                       uint8_t out[static SIGNATURE_BYTES_MAX], size_t *ret_size);

/** Opens the key for one algorithm and checks, by a signature over made-up octets, that
 * `public_key` is its other half. Errors as signer_open(). */
MUST_CHECK enum err signer_open_for(const struct signer_options *options, EVP_PKEY *public_key,
                                    struct signer **ret);
/** What the key signs with; borrowed. */
const struct sig_alg_info *signer_alg(const struct signer *signer);

/** One signature over made-up facts, verified under `t`: ERR_KEY when it is another key. */
MUST_CHECK enum err signer_matches(struct signer *signer, const struct ocsp_template *t);
