/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/responder_cert.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdbool.h>

static enum err check(X509 *responder, X509 *ca)
{
    if (X509_NAME_cmp(X509_get_issuer_name(responder), X509_get_subject_name(ca)) != 0 ||
        X509_verify(responder, X509_get0_pubkey(ca)) != 1)
        return ERR_SIGNATURE;
    bool any_use = (X509_get_extension_flags(responder) & EXFLAG_XKUSAGE) == 0;
    if (any_use || (X509_get_extended_key_usage(responder) & XKU_OCSP_SIGN) == 0)
        return ERR_KEY;
    return ERR_OK;
}

enum err responder_cert_check(X509 *responder, X509 *ca)
{
    enum err err = check(responder, ca);
    ERR_clear_error();
    return err;
}
