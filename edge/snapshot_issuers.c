/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/snapshot_issuers.h"

#include "lib/check.h"

#include <stdlib.h>

/* Key hashes come from cryptographic hashes of the issuers' own keys: their leading octets spread
 * by themselves, and nobody outside chooses what is in the table. */
static uint32_t slot_start(const uint8_t *key_hash, uint32_t mask)
{
    uint32_t value;
    memcpy(&value, key_hash, sizeof value);
    return value & mask;
}

static void slot_insert(uint32_t *slots, uint32_t mask, const uint8_t *key_hash, uint32_t issuer)
{
    uint32_t place = slot_start(key_hash, mask);
    while (slots[place] != 0)
        place = (place + 1) & mask;
    slots[place] = issuer + 1;
}

static bool same_names(const struct ocsp_template *a, const struct ocsp_template *b)
{
    return memcmp(a->name_sha1, b->name_sha1, sizeof a->name_sha1) == 0 &&
           memcmp(a->key_sha1, b->key_sha1, sizeof a->key_sha1) == 0 &&
           memcmp(a->name_sha256, b->name_sha256, sizeof a->name_sha256) == 0 &&
           memcmp(a->key_sha256, b->key_sha256, sizeof a->key_sha256) == 0;
}

static enum err issuers_from_templates(struct snapshot *s)
{
    s->issuers = calloc(s->template_count + 1, sizeof *s->issuers);
    if (s->issuers == NULL)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < s->template_count; i++) {
        const struct ocsp_template *t = s->templates[i];
        struct snapshot_issuer *last =
            s->issuer_count > 0 ? &s->issuers[s->issuer_count - 1] : NULL;
        if (last == NULL || last->issuer_id != t->issuer_id) {
            s->issuers[s->issuer_count++] = (struct snapshot_issuer){
                .issuer_id = t->issuer_id, .template_first = i, .template_count = 1, .names = t};
            continue;
        }
        if (!same_names(last->names, t))
            return ERR_CONFLICT;
        last->template_count++;
    }
    return ERR_OK;
}

/* Both are in order of issuer id. Groups of an issuer without a template are out of reach. */
static void issuers_take_groups(struct snapshot *s)
{
    uint32_t g = 0;
    for (uint32_t i = 0; i < s->issuer_count; i++) {
        struct snapshot_issuer *issuer = &s->issuers[i];
        while (g < s->index.group_count && s->index.groups[g].issuer_id < issuer->issuer_id)
            g++;
        issuer->group_first = g;
        while (g < s->index.group_count && s->index.groups[g].issuer_id == issuer->issuer_id)
            g++;
        issuer->group_count = g - issuer->group_first;
    }
}

enum err snapshot_issuers_make(struct snapshot *s)
{
    TRY(issuers_from_templates(s));
    issuers_take_groups(s);
    uint32_t slot_count = 8;
    while (slot_count < 2 * s->issuer_count)
        slot_count *= 2;
    s->slot_mask = slot_count - 1;
    s->slots_sha1 = calloc(slot_count, sizeof *s->slots_sha1);
    s->slots_sha256 = calloc(slot_count, sizeof *s->slots_sha256);
    if (s->slots_sha1 == NULL || s->slots_sha256 == NULL)
        return ERR_MEMORY;
    for (uint32_t i = 0; i < s->issuer_count; i++) {
        slot_insert(s->slots_sha1, s->slot_mask, s->issuers[i].names->key_sha1, i);
        slot_insert(s->slots_sha256, s->slot_mask, s->issuers[i].names->key_sha256, i);
    }
    return ERR_OK;
}

void snapshot_issuers_free(struct snapshot *s)
{
    free(s->issuers);
    free(s->slots_sha1);
    free(s->slots_sha256);
}

/* Sizes that the compiler knows: no call for so few octets. */
static bool is_named_sha1(const struct ocsp_template *t, const uint8_t *name, const uint8_t *key)
{
    return memcmp(t->key_sha1, key, SHA1_BYTES) == 0 && memcmp(t->name_sha1, name, SHA1_BYTES) == 0;
}

static bool is_named_sha256(const struct ocsp_template *t, const uint8_t *name, const uint8_t *key)
{
    return memcmp(t->key_sha256, key, SHA256_BYTES) == 0 &&
           memcmp(t->name_sha256, name, SHA256_BYTES) == 0;
}

const struct snapshot_issuer *snapshot_issuer_find(const struct snapshot *s, enum certid_hash hash,
                                                   struct span name_hash, struct span key_hash)
{
    bool is_sha1 = hash == CERTID_HASH_SHA1;
    size_t size = is_sha1 ? SHA1_BYTES : SHA256_BYTES;
    if (hash == CERTID_HASH_OTHER || name_hash.size != size || key_hash.size != size)
        return NULL;
    const uint32_t *slots = is_sha1 ? s->slots_sha1 : s->slots_sha256;
    uint32_t place = slot_start(key_hash.data, s->slot_mask);
    for (; slots[place] != 0; place = (place + 1) & s->slot_mask) {
        const struct snapshot_issuer *issuer = &s->issuers[slots[place] - 1];
        if (is_sha1 ? is_named_sha1(issuer->names, name_hash.data, key_hash.data)
                    : is_named_sha256(issuer->names, name_hash.data, key_hash.data))
            return issuer;
    }
    return NULL;
}

bool snapshot_template_place(const struct snapshot *s, const struct snapshot_issuer *issuer,
                             uint16_t template_no, uint32_t *ret_place)
{
    uint32_t low = issuer->template_first;
    uint32_t high = low + issuer->template_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint16_t number = s->templates[middle]->template_no;
        if (number == template_no) {
            *ret_place = middle;
            return true;
        }
        if (number < template_no)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
