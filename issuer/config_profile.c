/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/config_parts.h"

#include <stdlib.h>

#include "issuer/leaf_lint.h"

/* What everybody can use. */
#define KEYS_USUAL (1u << KEY_RSA | 1u << KEY_P256 | 1u << KEY_P384)

static enum err take_keys(const struct config_place *place, const struct issuing_profile_file *file,
                          struct leaf_profile *p)
{
    enum key_alg alg;
    p->key_algs = file->keys_count == 0 ? KEYS_USUAL : 0;
    for (unsigned i = 0; i < file->keys_count; i++) {
        if (key_alg_from_text(span_text(file->keys[i]), &alg) != ERR_OK)
            return config_refuse(place, "profile %s: keys: %s: not rsa, p256, p384 or ed25519",
                                 p->name, file->keys[i]);
        p->key_algs |= 1u << alg;
    }
    return ERR_OK;
}

static enum err take_policies(const struct config_place *place,
                              const struct issuing_profile_file *file, struct leaf_profile *p)
{
    for (unsigned i = 0; i < file->policies_count; i++)
        if (leaf_oid_read(span_text(file->policies[i]), &p->policies[p->policy_count++]) != ERR_OK)
            return config_refuse(place, "profile %s: policies: %s: not an OID in dotted decimal",
                                 p->name, file->policies[i]);
    return ERR_OK;
}

static enum err take_allow(const struct config_place *place,
                           const struct issuing_profile_file *file, struct leaf_profile *p)
{
    size_t rule;
    for (unsigned i = 0; i < file->allow_count; i++) {
        const struct issuing_allow_file *allow = &file->allow[i];
        if (leaf_lint_find(span_text(allow->lint), &rule) != ERR_OK)
            return config_refuse(place, "profile %s: allow: %s: the linter has no such rule",
                                 p->name, allow->lint);
        if (strlen(allow->reason) < LEAF_REASON_BYTES_MIN)
            return config_refuse(place, "profile %s: allow: %s: needs a reason of a sentence",
                                 p->name, allow->lint);
        p->allow[p->allow_count++] = (struct leaf_allow){allow->lint, allow->reason};
    }
    return ERR_OK;
}

static enum err take_profile(const struct config_place *place,
                             const struct issuing_profile_file *file, struct leaf_profile *p)
{
    struct problem why = {0};
    *p = (struct leaf_profile){
        .name = file->name, .kind = file->kind, .short_lived = file->short_lived};
#define X(key, fallback, min, max, text) const uint64_t key = file->key ? *file->key : (fallback);
    PROFILE_NUMBER_TABLE(X)
#undef X
    p->validity_s = validity_days * LEAF_DAY_S;
    p->names_max = (uint32_t)names_max;
#define X(key, fallback, text) p->key = file->key ? *file->key : (fallback);
    PROFILE_FLAG_TABLE(X)
#undef X
    TRY(take_keys(place, file, p));
    TRY(take_policies(place, file, p));
    TRY(take_allow(place, file, p));
    if (leaf_profile_check(p, &why) != ERR_OK)
        return config_refuse(place, "profile %s: %s", p->name, why.detail);
    return ERR_OK;
}

enum err config_take_profiles(const struct config_place *place,
                              const struct issuing_config_file *file, struct issuing_config *config)
{
    config->profiles = calloc(file->profiles_count, sizeof *config->profiles);
    if (config->profiles == NULL)
        return ERR_MEMORY;
    for (unsigned i = 0; i < file->profiles_count; i++) {
        const struct issuing_profile_file *profile = &file->profiles[i];
        if (issuing_config_profile(config, span_text(profile->name)) != NULL)
            return config_refuse(place, "profile %s: two profiles have this name", profile->name);
        TRY(take_profile(place, profile, &config->profiles[i]));
        config->profile_count = i + 1;
    }
    return ERR_OK;
}
