/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/signature_judge.h"

#include <openssl/err.h>
#include <stdlib.h>

struct signature_judge {
    X509_STORE *store;
    STACK_OF(X509) * issuers;
};

enum err signature_judge_new(const struct ocsp_issuer *issuer, struct signature_judge **ret)
{
    struct signature_judge *judge = calloc(1, sizeof *judge);
    if (judge == NULL)
        return ERR_MEMORY;
    judge->store = X509_STORE_new();
    judge->issuers = sk_X509_new_null();
    if (judge->store == NULL || judge->issuers == NULL ||
        sk_X509_push(judge->issuers, issuer->certificate) <= 0 ||
        X509_STORE_add_cert(judge->store, issuer->certificate) != 1) {
        ERR_clear_error();
        signature_judge_free(judge);
        return ERR_MEMORY;
    }
    /* The issuer itself is the anchor, also when it is an intermediate. */
    X509_STORE_set_flags(judge->store, X509_V_FLAG_PARTIAL_CHAIN);
    *ret = judge;
    return ERR_OK;
}

struct signature_judge *signature_judge_free(struct signature_judge *judge)
{
    if (judge == NULL)
        return NULL;
    sk_X509_free(judge->issuers);
    X509_STORE_free(judge->store);
    free(judge);
    return NULL;
}

bool signature_judge_accepts(const struct signature_judge *judge, struct span der)
{
    const uint8_t *cursor = der.data;
    OCSP_BASICRESP *basic = NULL;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &cursor, (long)der.size);
    if (response != NULL && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
        basic = OCSP_response_get1_basic(response);
    bool accepts = basic != NULL && OCSP_basic_verify(basic, judge->issuers, judge->store, 0) == 1;
    ERR_clear_error();
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    return accepts;
}
