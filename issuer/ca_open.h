/* SPDX-License-Identifier: Apache-2.0 */
/* The CA of a folder, and what steps of a ceremony share. */
#pragma once

#include <openssl/x509.h>

#include "issuer/ca_ceremony.h"

struct ca {
    struct ca_folder folder;
    struct ca_key key;
    X509 *certificate;
    struct span subject; /* Name in DER */
    struct span key_id;
    enum sig_alg alg;
};

/** The folder, its certificate (valid now, a CA) and its key. */
MUST_CHECK enum err ca_open(const struct ca_options *o, struct ca *ret, struct ca_refusal *why);
void ca_close(struct ca *ca);

/** The certificate in PEM as a file of the step, and as `out` unless that is NULL. */
MUST_CHECK enum err ca_step_certificate(struct ca_step *step, X509 *certificate, const char *name,
                                        const char *out);
/** Prints who, until when, serial, extensions, and the fingerprint of a signed one. */
void ca_show(X509 *certificate, const char *what, bool is_signed);
/** X.509 path validation, strict, with `issuer` as the trust anchor. ERR_CHAIN. */
MUST_CHECK enum err ca_verify_chain(X509 *certificate, X509 *issuer, const char *path,
                                    uint64_t now_s, struct ca_refusal *why);
MUST_CHECK enum err ca_lint_or_refuse(X509 *certificate, X509 *issuer, enum ca_kind kind,
                                      const char *path, struct ca_refusal *why);
