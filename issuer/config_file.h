/* SPDX-License-Identifier: Apache-2.0 */
/* issuer.yaml as libcyaml loads it, before defaults and checks: for config*.c. A number that was
 * not given is NULL. */
#pragma once

#include "issuer/config.h"
#include "issuer/leaf_profile.h"

struct issuing_key_file {
    char *file;
    char *passphrase_file;
    char *passphrase_env;
    char *module;
    char *token;
    char *label;
    char *id;
    char *pin_file;
};

struct issuing_registry_file {
    char *sqlite;
    char *postgresql;
#define X(name, fallback, min, max, text) uint64_t *name;
    REGISTRY_NUMBER_TABLE(X)
#undef X
};

struct issuing_audit_file {
    char *folder;
    char *key;
#define X(name, fallback, min, max, text) uint64_t *name;
    AUDIT_NUMBER_TABLE(X)
#undef X
};

struct issuing_linter_file {
    char *socket;
    char *severity;
#define X(name, fallback, min, max, text) uint64_t *name;
    LINTER_NUMBER_TABLE(X)
#undef X
};

struct issuing_listener_file {
    char *listen;
    char *certificate;
    char *key;
    char *client_ca;
};

struct issuing_client_file {
    char *name;
    char *common_name;
    char *fingerprint;
    char **roles;
    unsigned roles_count;
};

struct issuing_authority_file {
    char *name;
    char *certificate;
    char **chain;
    unsigned chain_count;
    struct issuing_key_file *key;
    char *ocsp_url;
    char *ca_issuers_url;
    char *crl_url_base;
    char **profiles;
    unsigned profiles_count;
#define X(name, fallback, min, max, text) uint64_t *name;
    AUTHORITY_NUMBER_TABLE(X)
#undef X
};

struct issuing_allow_file {
    char *lint;
    char *reason;
};

struct issuing_profile_file {
    char *name;
    enum leaf_kind kind;
    bool short_lived;
    char **keys;
    unsigned keys_count;
    char **policies;
    unsigned policies_count;
    struct issuing_allow_file *allow;
    unsigned allow_count;
#define X(name, fallback, min, max, text) uint64_t *name;
    PROFILE_NUMBER_TABLE(X)
#undef X
#define X(name, fallback, text) bool *name;
    PROFILE_FLAG_TABLE(X)
#undef X
};

struct issuing_config_file {
    char *state_dir;
    struct issuing_registry_file *registry;
    struct issuing_audit_file *audit;
    struct issuing_linter_file *linter;
    struct issuing_listener_file *public_listener;
    struct issuing_listener_file *internal_listener;
    char *admin;
    struct issuing_client_file *clients;
    unsigned clients_count;
    struct issuing_authority_file *authorities;
    unsigned authorities_count;
    struct issuing_profile_file *profiles;
    unsigned profiles_count;
    char *blocked_keys;
    char *debian_keys;
    char *public_suffix;
    enum log_level *log_level;
#define X(name, fallback, min, max, text) uint64_t *name;
    ISSUING_NUMBER_TABLE(X)
#undef X
};

const cyaml_schema_value_t *issuing_config_file_schema(void);
