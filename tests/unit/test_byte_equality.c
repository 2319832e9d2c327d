/* SPDX-License-Identifier: Apache-2.0 */
/* Random facts through the encoder and back through OpenSSL, which has to read the same facts,
 * write the same octets, and find the signature good.
 *
 *   test_byte_equality [COUNT [SEED]]
 *
 * COUNT, or STATIM_BYTE_EQUALITY in the environment, is the number of statements per key type.
 * Without it, the numbers are weighted by what a signature of the type costs, as every statement is
 * signed for itself: together 6,000, or 100,000 with STATIM_FULL=1. */
#include "ocsp_fixture.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* algorithm, share of all statements in hundredths */
#define SHARE_TABLE(X)       \
    X(ECDSA_P256_SHA256, 48) \
    X(ED25519, 44)           \
    X(ECDSA_P384_SHA384, 4)  \
    X(RSA2048_SHA256, 2)     \
    X(RSA3072_SHA256, 1)     \
    X(RSA4096_SHA256, 1)

static const struct {
    enum sig_alg alg;
    uint32_t share;
} shares[] = {
#define X(name, share) {SIG_##name, share},
    SHARE_TABLE(X)
#undef X
};

static uint64_t random_state;

/* splitmix64 */
static uint64_t random_u64(void)
{
    random_state += 0x9e3779b97f4a7c15u;
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint32_t random_below(uint32_t bound)
{
    return (uint32_t)(random_u64() % bound);
}

static struct serial random_serial(void)
{
    uint8_t content[SERIAL_BYTES_MAX];
    struct serial serial;
    do {
        for (size_t i = 0; i < sizeof content; i++)
            content[i] = random_below(4) == 0 ? 0 : (uint8_t)random_u64();
    } while (serial_from_content(span_of(content, 1 + random_below(SERIAL_BYTES_MAX)), &serial) !=
             ERR_OK);
    return serial;
}

static struct facts random_facts(void)
{
    struct facts facts;
    uint8_t wire[FACTS_BYTES];
    do {
        for (size_t i = 0; i < sizeof wire; i++)
            wire[i] = (uint8_t)random_u64();
        wire[2] &= 1;
        wire[3] = random_below(3) == 0 ? REASON_ABSENT : (uint8_t)random_below(11);
        if (wire[2] == CERT_GOOD) {
            wire[3] = REASON_ABSENT;
            memset(wire + 4, 0, 4);
        }
    } while (facts_read(wire, &facts) != ERR_OK);
    return facts;
}

/* What one statement was made of, and the judge's reading of it. */
struct sample {
    struct serial serial;
    struct facts facts;
    uint32_t produced_at_s;
    OCSP_BASICRESP *basic;
};

static void check_time(const ASN1_GENERALIZEDTIME *time, uint32_t want_s)
{
    struct tm tm;
    CHECK(time != NULL && ASN1_TIME_to_tm(time, &tm) == 1);
    CHECK(timegm(&tm) == (time_t)want_s);
}

static void check_single(const struct sample *s, int i, int hash_nid, const uint8_t *name_hash,
                         const uint8_t *key_hash)
{
    OCSP_SINGLERESP *single = OCSP_resp_get0(s->basic, i);
    ASN1_OCTET_STRING *name, *key;
    ASN1_OBJECT *hash;
    ASN1_INTEGER *serial;
    ASN1_GENERALIZEDTIME *revoked_at = NULL, *this_update, *next_update;
    int reason = -2;
    OCSP_CERTID *id = (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single);
    CHECK(OCSP_id_get0_info(&name, &hash, &key, &serial, id) == 1);
    CHECK(OBJ_obj2nid(hash) == hash_nid);
    size_t hash_size = hash_nid == NID_sha1 ? 20 : 32;
    CHECK(span_equal(span_of(name->data, (size_t)name->length), span_of(name_hash, hash_size)));
    CHECK(span_equal(span_of(key->data, (size_t)key->length), span_of(key_hash, hash_size)));
    unsigned char *der = NULL;
    int der_size = i2d_ASN1_INTEGER(serial, &der);
    CHECK(der_size == s->serial.size + 2);
    CHECK(memcmp(der + 2, s->serial.octets, s->serial.size) == 0);
    OPENSSL_free(der);
    int status = OCSP_single_get0_status(single, &reason, &revoked_at, &this_update, &next_update);
    check_time(this_update, s->facts.this_update_s);
    check_time(next_update, s->facts.next_update_s);
    CHECK(OCSP_SINGLERESP_get_ext_count(single) == 0);
    if (s->facts.status == CERT_GOOD) {
        CHECK(status == V_OCSP_CERTSTATUS_GOOD);
        return;
    }
    CHECK(status == V_OCSP_CERTSTATUS_REVOKED);
    CHECK(reason == (s->facts.reason == REASON_ABSENT ? -1 : s->facts.reason));
    check_time(revoked_at, s->facts.revoked_at_s);
}

static void check_fields(const struct sample *s, const struct ocsp_template *t)
{
    const ASN1_OCTET_STRING *key_hash;
    const X509_NAME *name;
    int i = 0;
    check_time(OCSP_resp_get0_produced_at(s->basic), s->produced_at_s);
    CHECK(OCSP_resp_get0_id(s->basic, &key_hash, &name) == 1 && name == NULL);
    CHECK(span_equal(span_of(key_hash->data, (size_t)key_hash->length),
                     span_of(t->responder_key_sha1, sizeof t->responder_key_sha1)));
    if (t->certid_set & CERTID_SHA1)
        check_single(s, i++, NID_sha1, t->name_sha1, t->key_sha1);
    if (t->certid_set & CERTID_SHA256)
        check_single(s, i++, NID_sha256, t->name_sha256, t->key_sha256);
    CHECK(OCSP_resp_count(s->basic) == i);
    CHECK(OCSP_BASICRESP_get_ext_count(s->basic) == 0);
    const STACK_OF(X509) *certs = OCSP_resp_get0_certs(s->basic);
    CHECK((certs == NULL ? 0 : sk_X509_num(certs)) == (t->responder_cert_size != 0));
}

/* The signer is found by key hash: in the response when it is delegated, else in `ca`. */
static void check_signature(const struct sample *s, STACK_OF(X509) * ca)
{
    static X509_STORE *empty;
    if (empty == NULL)
        empty = X509_STORE_new();
    CHECK(OCSP_basic_verify(s->basic, ca, empty, OCSP_NOVERIFY) == 1);
}

static void check_one(struct fixture_signer *signer, STACK_OF(X509) * ca, bool tamper)
{
    uint8_t stored[SIGNATURE_BYTES_MAX], out[OCSP_RESPONSE_BYTES_MAX];
    struct sample s = {.serial = random_serial(), .facts = random_facts()};
    size_t size = 0;
    s.produced_at_s = random_below(4) == 0 ? (uint32_t)random_u64() : s.facts.this_update_s;
    signer->t.certid_set = (uint8_t)(1 + random_below(3));
    struct span signature = fixture_sign(signer, &s.serial, &s.facts, s.produced_at_s, stored);
    if (tamper)
        stored[signature.size - 1] ^= 1;
    CHECK(ocsp_response_encode(&signer->t, &s.serial, &s.facts, s.produced_at_s, signature, out,
                               sizeof out, &size) == ERR_OK);
    const unsigned char *at = out;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)size);
    CHECK(response != NULL && at == out + size);
    s.basic = OCSP_response_get1_basic(response);
    CHECK(s.basic != NULL);
    unsigned char *again = NULL, *basic_again = NULL;
    CHECK(i2d_OCSP_RESPONSE(response, &again) == (int)size && memcmp(again, out, size) == 0);
    /* OCSPResponse holds the basic response as octets: write that anew as well. */
    int basic_size = i2d_OCSP_BASICRESP(s.basic, &basic_again);
    CHECK(basic_size > 0 &&
          memcmp(out + size - (size_t)basic_size, basic_again, (size_t)basic_size) == 0);
    check_fields(&s, &signer->t);
    if (tamper)
        CHECK(OCSP_basic_verify(s.basic, ca, NULL, OCSP_NOVERIFY) != 1);
    else
        check_signature(&s, ca);
    OPENSSL_free(again);
    OPENSSL_free(basic_again);
    OCSP_BASICRESP_free(s.basic);
    OCSP_RESPONSE_free(response);
}

static void check_alg(enum sig_alg alg, uint32_t count)
{
    EVP_PKEY *key = fixture_key(alg);
    for (int delegated = 0; delegated <= 1; delegated++) {
        struct fixture_signer signer;
        EVP_PKEY_up_ref(key);
        fixture_signer_of(key, delegated, &signer);
        CHECK(signer.t.sig_alg == (uint8_t)alg);
        STACK_OF(X509) *ca = sk_X509_new_null();
        if (!delegated)
            sk_X509_push(ca, signer.cert);
        check_one(&signer, ca, true); /* the judge does say no */
        for (uint32_t i = 0; i < (count + 1) / 2; i++)
            check_one(&signer, ca, false);
        sk_X509_free(ca);
        fixture_signer_free(&signer);
    }
    EVP_PKEY_free(key);
    printf("%s: %u\n", sig_alg_info((uint8_t)alg)->text, (count + 1) / 2 * 2);
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 0);
    if (*text == '\0' || *end != '\0') {
        fprintf(stderr, "usage: test_byte_equality [COUNT [SEED]]\n");
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    const char *count_text = argc > 1 ? argv[1] : getenv("STATIM_BYTE_EQUALITY");
    uint64_t count = count_text == NULL ? 0 : number(count_text);
    random_state = argc > 2 ? number(argv[2]) : 9919;
    printf("seed %" PRIu64 "\n", random_state);
    const char *full = getenv("STATIM_FULL");
    uint64_t total = full != NULL && strcmp(full, "1") == 0 ? 100000 : 6000;
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++)
        check_alg(shares[i].alg,
                  (uint32_t)(count_text != NULL ? count : total * shares[i].share / 100));
    return 0;
}
