/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about what is answered to which request. */
#include <openssl/rand.h>

#include "lib/base64.h"
#include "lib/check.h"
#include "tools/check.h"

void check_random_serial(struct serial *ret)
{
    ret->size = 20;
    CHECK(RAND_bytes(ret->octets, 20) == 1);
    ret->octets[0] = (uint8_t)(0x40 | (ret->octets[0] & 0x3f)); /* positive, minimal */
}

enum err check_ask(struct check *c, const struct serial *serial, enum certid_hash hash,
                   enum ask_method method, const char *field, struct ocsp_answer *ret)
{
    struct ocsp_question question = {.url = c->url,
                                     .issuer = &c->issuer,
                                     .serial = *serial,
                                     .hash = hash,
                                     .method = method,
                                     .encoding = ASK_ENCODED,
                                     .field = field};
    return ocsp_ask(&question, ret);
}

bool check_status(const struct ocsp_answer *answer, int status, char why[static CHECK_WHY_BYTES])
{
    const struct ocsp_reply *reply = &answer->ocsp;
    if (answer->http.status == 0)
        WHY("no HTTP answer: %s", answer->http.error);
    else if (!answer->is_ocsp)
        WHY("HTTP %ld without an OCSP response", answer->http.status);
    else if (reply->basic == NULL)
        WHY("%s", OCSP_response_status_str(reply->response_status));
    else if (!reply->matched)
        WHY("no SingleResponse has the CertID that was asked for");
    else if (!reply->verified)
        WHY("the signature does not verify: %s", reply->why);
    else if (reply->cert_status != status)
        WHY("%s", OCSP_cert_status_str(reply->cert_status));
    else
        return true;
    return false;
}

static bool fresh_status(struct check *c, const struct serial *serial, enum ask_method method,
                         int status, char why[static CHECK_WHY_BYTES])
{
    struct ocsp_answer answer;
    enum certid_hash hash = c->signed_good == &c->get_good ? CERTID_HASH_SHA256 : CERTID_HASH_SHA1;
    (void)!check_ask(c, serial, hash, method, NULL, &answer);
    bool kept = check_status(&answer, status, why);
    ocsp_answer_done(&answer);
    return kept;
}

bool rule_get_good(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return check_status(c->signed_good, V_OCSP_CERTSTATUS_GOOD, why);
}

bool rule_post_good(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return fresh_status(c, &c->good, ASK_POST, V_OCSP_CERTSTATUS_GOOD, why);
}

bool rule_get_revoked(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return fresh_status(c, &c->revoked, ASK_GET, V_OCSP_CERTSTATUS_REVOKED, why);
}

bool rule_post_revoked(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return fresh_status(c, &c->revoked, ASK_POST, V_OCSP_CERTSTATUS_REVOKED, why);
}

/* Anything that is an answer and does not vouch for the serial. */
static bool not_good(const struct ocsp_answer *answer, char why[static CHECK_WHY_BYTES])
{
    if (answer->http.status == 0) {
        WHY("no HTTP answer: %s", answer->http.error);
        return false;
    }
    if (!answer->is_ocsp) {
        WHY("HTTP %ld without an OCSP response", answer->http.status);
        return false;
    }
    if (answer->ocsp.matched && answer->ocsp.cert_status == V_OCSP_CERTSTATUS_GOOD) {
        WHY("good");
        return false;
    }
    return true;
}

static bool random_is_not_good(struct check *c, enum ask_method method,
                               char why[static CHECK_WHY_BYTES])
{
    struct serial serial;
    check_random_serial(&serial);
    struct ocsp_answer answer;
    (void)!check_ask(c, &serial, CERTID_HASH_SHA1, method, NULL, &answer);
    bool kept = not_good(&answer, why);
    ocsp_answer_done(&answer);
    return kept;
}

bool rule_random_serial(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return random_is_not_good(c, ASK_GET, why);
}

bool rule_random_serial_post(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return random_is_not_good(c, ASK_POST, why);
}

bool rule_sha256_certid(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return check_status(&c->get_good, V_OCSP_CERTSTATUS_GOOD, why);
}

bool rule_sha1_certid(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return check_status(&c->get_good_old, V_OCSP_CERTSTATUS_GOOD, why);
}

/* A serial whose request has `wanted` in its raw base64: runs of set bits at every alignment. */
static bool serial_with(const struct check *c, uint8_t fill, const char *wanted, struct serial *ret)
{
    for (uint8_t size = 8; size < 20; size++) {
        struct serial serial = {.size = size, .octets = {0x03}};
        memset(serial.octets + 1, fill, (size_t)size - 1);
        uint8_t der[256];
        char text[512];
        size_t der_size = 0;
        size_t text_size = 0;
        if (ocsp_issuer_request(&c->issuer, CERTID_HASH_SHA1, span_of(serial.octets, size), der,
                                sizeof der, &der_size) == ERR_OK &&
            base64_encode(span_of(der, der_size), text, sizeof text, &text_size) == ERR_OK &&
            memmem(text, text_size, wanted, strlen(wanted)) != NULL) {
            *ret = serial;
            return true;
        }
    }
    return false;
}

/* The raw GET must be taken as the same request that the POST carries. */
static bool same_by_raw_get(struct check *c, const struct serial *serial,
                            char why[static CHECK_WHY_BYTES])
{
    struct ocsp_question question = {.url = c->url,
                                     .issuer = &c->issuer,
                                     .serial = *serial,
                                     .hash = CERTID_HASH_SHA1,
                                     .method = ASK_GET,
                                     .encoding = ASK_RAW};
    struct ocsp_answer get;
    struct ocsp_answer post;
    (void)!ocsp_ask(&question, &get);
    question.method = ASK_POST;
    (void)!ocsp_ask(&question, &post);
    bool kept = not_good(&get, why);
    if (kept && (!post.is_ocsp || post.ocsp.response_status != get.ocsp.response_status)) {
        WHY("GET says %s, POST %s", OCSP_response_status_str(get.ocsp.response_status),
            post.is_ocsp ? OCSP_response_status_str(post.ocsp.response_status) : "nothing");
        kept = false;
    }
    ocsp_answer_done(&get);
    ocsp_answer_done(&post);
    return kept;
}

bool rule_forward_slashes(struct check *c, char why[static CHECK_WHY_BYTES])
{
    struct serial serial;
    if (!serial_with(c, 0xff, "///", &serial)) {
        WHY("no such request could be made");
        return false;
    }
    return same_by_raw_get(c, &serial, why);
}

bool rule_unencoded_plus(struct check *c, char why[static CHECK_WHY_BYTES])
{
    struct serial serial;
    /* 111110 is '+': the octets of a run of them, at every alignment */
    static const uint8_t fills[] = {0xfb, 0xef, 0xbe};
    for (size_t i = 0; i < sizeof fills; i++) {
        if (serial_with(c, fills[i], "+", &serial))
            return same_by_raw_get(c, &serial, why);
    }
    WHY("no such request could be made");
    return false;
}

bool rule_unauthorized(struct check *c, char why[static CHECK_WHY_BYTES])
{
    if (c->get_random.is_ocsp &&
        c->get_random.ocsp.response_status == OCSP_RESPONSE_STATUS_UNAUTHORIZED)
        return true;
    WHY("%s", c->get_random.is_ocsp ? OCSP_response_status_str(c->get_random.ocsp.response_status)
                                    : "no OCSP response");
    return false;
}

/* The octets of a request with a nonce of 32 octets, by OpenSSL. */
static int request_with_nonce(struct check *c, uint8_t **ret)
{
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    BIGNUM *value = BN_bin2bn(c->good.octets, c->good.size, NULL);
    int size = 0;
    if (request != NULL && number != NULL && value != NULL &&
        BN_to_ASN1_INTEGER(value, number) != NULL) {
        OCSP_CERTID *id = OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(c->issuer.certificate),
                                           X509_get0_pubkey_bitstr(c->issuer.certificate), number);
        if (id != NULL && OCSP_request_add0_id(request, id) != NULL &&
            OCSP_request_add1_nonce(request, NULL, 32) == 1)
            size = i2d_OCSP_REQUEST(request, ret);
    }
    BN_free(value);
    ASN1_INTEGER_free(number);
    OCSP_REQUEST_free(request);
    return size;
}

static void post_octets(struct check *c, struct span octets, struct http_reply *ret)
{
    struct http_exchange e = {.method = "POST",
                              .url = c->url,
                              .body = octets,
                              .content_type = "application/ocsp-request"};
    (void)!http_client_exchange(&e, ret);
}

bool rule_nonce(struct check *c, char why[static CHECK_WHY_BYTES])
{
    uint8_t *der = NULL;
    int size = request_with_nonce(c, &der);
    if (size <= 0) {
        WHY("no such request could be made");
        return false;
    }
    struct http_reply http;
    post_octets(c, span_of(der, (size_t)size), &http);
    OPENSSL_free(der);
    struct ocsp_answer answer = {.http = http};
    answer.is_ocsp =
        http.body.size > 0 &&
        ocsp_reply_read(&c->issuer, CERTID_HASH_SHA1, span_of(c->good.octets, c->good.size),
                        span_of(http.body.data, http.body.size), &answer.ocsp) == ERR_OK;
    bool kept = check_status(&answer, V_OCSP_CERTSTATUS_GOOD, why);
    ocsp_answer_done(&answer);
    return kept;
}

/* malformedRequest, or an HTTP error of the 400s. */
static bool refused(struct check *c, struct span octets, char why[static CHECK_WHY_BYTES])
{
    struct http_reply http;
    post_octets(c, octets, &http);
    bool kept = http.status >= 400 && http.status < 500;
    if (!kept && http.status == 200) {
        /* SEQUENCE { ENUMERATED malformedRequest (1) } */
        static const uint8_t malformed[] = {0x30, 0x03, 0x0a, 0x01, 0x01};
        kept = span_equal(span_of(http.body.data, http.body.size),
                          span_of(malformed, sizeof malformed));
    }
    if (!kept)
        WHY("HTTP %ld, %zu octets%s%s", http.status, http.body.size, http.error[0] ? ": " : "",
            http.error);
    http_reply_done(&http);
    return kept;
}

bool rule_malformed(struct check *c, char why[static CHECK_WHY_BYTES])
{
    return refused(c, span_text("this is no OCSPRequest"), why);
}

bool rule_trailing(struct check *c, char why[static CHECK_WHY_BYTES])
{
    uint8_t der[256];
    size_t size = 0;
    if (ocsp_issuer_request(&c->issuer, CERTID_HASH_SHA1, span_of(c->good.octets, c->good.size),
                            der, sizeof der - 1, &size) != ERR_OK) {
        WHY("no such request could be made");
        return false;
    }
    der[size] = 0;
    return refused(c, span_of(der, size + 1), why);
}

bool rule_size_cap(struct check *c, char why[static CHECK_WHY_BYTES])
{
    static uint8_t junk[200000];
    memset(junk, 0x30, sizeof junk);
    /* A responder may close before it has read all of it: that is a refusal too. */
    struct http_reply http;
    post_octets(c, span_of(junk, sizeof junk), &http);
    bool kept = http.status == 413 || http.status == 0;
    if (!kept)
        WHY("HTTP %ld after reading all of it", http.status);
    http_reply_done(&http);
    return kept;
}
