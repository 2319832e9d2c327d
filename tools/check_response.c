/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about what is in a signed response. */
#include "lib/os/clock.h"
#include "tools/check.h"

#define HOUR_S 3600
#define DAY_S  86400

/* Rules here need a signed response to look at. */
static const struct ocsp_reply *signed_reply(struct check *c, char why[static CHECK_WHY_BYTES])
{
    if (c->signed_good->is_ocsp && c->signed_good->ocsp.basic != NULL &&
        c->signed_good->ocsp.matched)
        return &c->signed_good->ocsp;
    WHY("no signed response");
    return NULL;
}

bool rule_canonical(struct check *c, char why[static CHECK_WHY_BYTES])
{
    const struct ocsp_reply *reply = signed_reply(c, why);
    if (reply != NULL && !reply->canonical)
        WHY("other octets when encoded again");
    return reply != NULL && reply->canonical;
}

bool rule_next_update(struct check *c, char why[static CHECK_WHY_BYTES])
{
    const struct ocsp_reply *reply = signed_reply(c, why);
    if (reply == NULL)
        return false;
    if (reply->next_update_s == 0)
        WHY("no nextUpdate");
    else if (reply->next_update_s <= c->now_s)
        WHY("nextUpdate is past");
    else if (reply->this_update_s > c->now_s)
        WHY("thisUpdate is ahead");
    else
        return true;
    return false;
}

bool rule_validity(struct check *c, char why[static CHECK_WHY_BYTES])
{
    const struct ocsp_reply *reply = signed_reply(c, why);
    if (reply == NULL)
        return false;
    /* The interval is inclusive at both ends (BR 4.9.9). */
    int64_t validity_s = (int64_t)reply->next_update_s - (int64_t)reply->this_update_s + 1;
    if (validity_s >= 8 * HOUR_S && validity_s <= 10 * DAY_S)
        return true;
    WHY("%lld s", (long long)validity_s);
    return false;
}

bool rule_refresh(struct check *c, char why[static CHECK_WHY_BYTES])
{
    const struct ocsp_reply *reply = signed_reply(c, why);
    if (reply == NULL)
        return false;
    int64_t validity_s = (int64_t)reply->next_update_s - (int64_t)reply->this_update_s + 1;
    int64_t age_s = (int64_t)c->now_s - (int64_t)reply->this_update_s;
    int64_t left_s = (int64_t)reply->next_update_s - (int64_t)c->now_s;
    if (validity_s < 16 * HOUR_S ? age_s <= validity_s / 2
                                 : left_s >= 8 * HOUR_S && age_s <= 4 * DAY_S)
        return true;
    WHY("%lld s old, %lld s left", (long long)age_s, (long long)left_s);
    return false;
}

bool rule_by_key(struct check *c, char why[static CHECK_WHY_BYTES])
{
    const struct ocsp_reply *reply = signed_reply(c, why);
    const ASN1_OCTET_STRING *key_hash = NULL;
    const X509_NAME *name = NULL;
    if (reply == NULL)
        return false;
    OCSP_resp_get0_id(reply->basic, &key_hash, &name);
    if (key_hash != NULL && ASN1_STRING_length(key_hash) == 20)
        return true;
    WHY("byName");
    return false;
}

bool rule_no_extensions(struct check *c, char why[static CHECK_WHY_BYTES])
{
    const struct ocsp_reply *reply = signed_reply(c, why);
    if (reply == NULL)
        return false;
    int count = OCSP_BASICRESP_get_ext_count(reply->basic);
    if (count <= 0)
        return true;
    WHY("%d", count);
    return false;
}

bool rule_single_count(struct check *c, char why[static CHECK_WHY_BYTES])
{
    const struct ocsp_reply *reply = signed_reply(c, why);
    if (reply == NULL)
        return false;
    if (reply->single_count == 1 || reply->single_count == 2)
        return true;
    WHY("%d", reply->single_count);
    return false;
}

bool rule_signature_hash(struct check *c, char why[static CHECK_WHY_BYTES])
{
    const struct ocsp_reply *reply = signed_reply(c, why);
    if (reply == NULL)
        return false;
    const ASN1_OBJECT *object = NULL;
    X509_ALGOR_get0(&object, NULL, NULL, OCSP_resp_get0_tbs_sigalg(reply->basic));
    int hash = NID_undef;
    int key = NID_undef;
    if (OBJ_find_sigid_algs(OBJ_obj2nid(object), &hash, &key) == 1 && hash != NID_sha1 &&
        hash != NID_md5)
        return true;
    WHY("%s", OBJ_nid2ln(OBJ_obj2nid(object)));
    return false;
}

bool rule_response_time(struct check *c, char why[static CHECK_WHY_BYTES])
{
    struct ocsp_answer answer;
    uint64_t start_ns = clock_monotonic_ns();
    (void)!check_ask(c, &c->good, CERTID_HASH_SHA1, ASK_GET, NULL, &answer);
    uint64_t took_ms = (clock_monotonic_ns() - start_ns) / 1000000;
    bool answered = answer.http.status != 0;
    ocsp_answer_done(&answer);
    if (answered && took_ms <= 10000)
        return true;
    WHY("%s after %llu ms", answered ? "answered" : "no answer", (unsigned long long)took_ms);
    return false;
}
