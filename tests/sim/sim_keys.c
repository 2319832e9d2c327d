/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim_keys.h"

static struct publish_key *publish_key;
static struct publish_key *wrong_key;
static struct fixture_signer signers[SIM_ISSUERS][SIM_TEMPLATES];

uint64_t sim_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t sim_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)(sim_random(state) % bound);
}

/* Template 1 is signed by the CA itself, template 2 by a responder of it. */
static void make_signers(struct fixture_signer ret[static SIM_TEMPLATES])
{
    static uint8_t ca_der[RESPONDER_CERT_BYTES_MAX], der[RESPONDER_CERT_BYTES_MAX];
    EVP_PKEY *ca_key = fixture_key(SIG_ED25519);
    EVP_PKEY *key = fixture_key(SIG_ED25519);
    X509 *ca = fixture_certificate(ca_key, "CA", ca_key, "CA");
    X509 *responder = fixture_certificate(key, "Responder", ca_key, "CA");
    struct span ca_span = span_of(ca_der, fixture_der(ca, ca_der, sizeof ca_der));
    struct span span = span_of(der, fixture_der(responder, der, sizeof der));
    ret[0] = (struct fixture_signer){.key = ca_key, .cert = ca};
    ret[1] = (struct fixture_signer){.key = key, .cert = responder};
    for (uint16_t i = 0; i < SIM_TEMPLATES; i++) {
        ret[i].t.template_no = (uint16_t)(i + 1);
        ret[i].t.certid_set = CERTID_BOTH;
        ret[i].t.refresh_interval_s = 1000;
        CHECK(template_from_certificates(ca_span, i == 0 ? SPAN_EMPTY : span, &ret[i].t) == ERR_OK);
    }
}

static int signer_order(const void *a, const void *b)
{
    uint64_t x = ((const struct fixture_signer *)a)->t.issuer_id;
    uint64_t y = ((const struct fixture_signer *)b)->t.issuer_id;
    return x < y ? -1 : x > y;
}

void sim_keys_start(void)
{
    CHECK(publish_key_generate(span_text(SIM_NETWORK), &publish_key) == ERR_OK);
    CHECK(publish_key_generate(span_text(SIM_NETWORK), &wrong_key) == ERR_OK);
    for (uint32_t i = 0; i < SIM_ISSUERS; i++)
        make_signers(signers[i]);
    qsort(signers, SIM_ISSUERS, sizeof signers[0], signer_order);
}

void sim_keys_stop(void)
{
    publish_key = publish_key_free(publish_key);
    wrong_key = publish_key_free(wrong_key);
    for (uint32_t i = 0; i < SIM_ISSUERS; i++)
        for (uint32_t k = 0; k < SIM_TEMPLATES; k++)
            fixture_signer_free(&signers[i][k]);
}

const struct publish_key *sim_publish_key(void)
{
    return publish_key;
}

const struct publish_key *sim_wrong_key(void)
{
    return wrong_key;
}

const struct fixture_signer *sim_signer(uint32_t issuer, uint32_t template_place)
{
    return &signers[issuer][template_place];
}
