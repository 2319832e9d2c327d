/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/config_file.h"

#define TEXT_BYTES_MAX 255
#define URL_BYTES_MAX  1023

#define TEXT(structure, member, flags, bytes_max) \
    CYAML_FIELD_STRING_PTR(#member, (flags), structure, member, 1, (bytes_max))
#define LIST(structure, member, flags, schema, low, high)                                          \
    CYAML_FIELD_SEQUENCE(#member, CYAML_FLAG_POINTER | (flags), structure, member, &(schema), low, \
                         high)
#define PART(key, structure, member, flags, fields) \
    CYAML_FIELD_MAPPING_PTR(key, (flags), structure, member, fields)
#define OPTIONAL CYAML_FLAG_OPTIONAL
#define REQUIRED CYAML_FLAG_DEFAULT

static const cyaml_schema_value_t word_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_BYTES_MAX)};
static const cyaml_schema_value_t path_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, PATH_BYTES_MAX)};

static const cyaml_strval_t level_words[] = {{"error", LOG_LEVEL_ERROR},
                                             {"warning", LOG_LEVEL_WARNING},
                                             {"info", LOG_LEVEL_INFO},
                                             {"debug", LOG_LEVEL_DEBUG}};

static const cyaml_schema_field_t key_fields[] = {
    TEXT(struct issuing_key_file, file, OPTIONAL, PATH_BYTES_MAX),
    TEXT(struct issuing_key_file, passphrase_file, OPTIONAL, PATH_BYTES_MAX),
    TEXT(struct issuing_key_file, passphrase_env, OPTIONAL, TEXT_BYTES_MAX),
    TEXT(struct issuing_key_file, module, OPTIONAL, PATH_BYTES_MAX),
    TEXT(struct issuing_key_file, token, OPTIONAL, TEXT_BYTES_MAX),
    TEXT(struct issuing_key_file, label, OPTIONAL, TEXT_BYTES_MAX),
    TEXT(struct issuing_key_file, id, OPTIONAL, TEXT_BYTES_MAX),
    TEXT(struct issuing_key_file, pin_file, OPTIONAL, PATH_BYTES_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t registry_fields[] = {
    TEXT(struct issuing_registry_file, sqlite, OPTIONAL, PATH_BYTES_MAX),
    TEXT(struct issuing_registry_file, postgresql, OPTIONAL, URL_BYTES_MAX),
#define X(name, fallback, min, max, text) \
    CONFIG_FIELD_NUMBER(struct issuing_registry_file, name, min, max),
    REGISTRY_NUMBER_TABLE(X)
#undef X
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t audit_fields[] = {
    TEXT(struct issuing_audit_file, folder, REQUIRED, PATH_BYTES_MAX),
    TEXT(struct issuing_audit_file, key, REQUIRED, PATH_BYTES_MAX),
#define X(name, fallback, min, max, text) \
    CONFIG_FIELD_NUMBER(struct issuing_audit_file, name, min, max),
    AUDIT_NUMBER_TABLE(X)
#undef X
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t linter_fields[] = {
    TEXT(struct issuing_linter_file, socket, REQUIRED, PATH_BYTES_MAX),
    TEXT(struct issuing_linter_file, severity, OPTIONAL, TEXT_BYTES_MAX),
#define X(name, fallback, min, max, text) \
    CONFIG_FIELD_NUMBER(struct issuing_linter_file, name, min, max),
    LINTER_NUMBER_TABLE(X)
#undef X
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t listener_fields[] = {
    TEXT(struct issuing_listener_file, listen, REQUIRED, TEXT_BYTES_MAX),
    TEXT(struct issuing_listener_file, certificate, REQUIRED, PATH_BYTES_MAX),
    TEXT(struct issuing_listener_file, key, REQUIRED, PATH_BYTES_MAX),
    TEXT(struct issuing_listener_file, client_ca, OPTIONAL, PATH_BYTES_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t client_fields[] = {
    TEXT(struct issuing_client_file, name, REQUIRED, ISSUER_NAME_MAX),
    TEXT(struct issuing_client_file, common_name, OPTIONAL, TEXT_BYTES_MAX),
    TEXT(struct issuing_client_file, fingerprint, OPTIONAL, TEXT_BYTES_MAX),
    LIST(struct issuing_client_file, roles, REQUIRED, word_schema, 1, 8),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t client_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct issuing_client_file, client_fields),
};

static const cyaml_schema_field_t authority_fields[] = {
    TEXT(struct issuing_authority_file, name, REQUIRED, ISSUER_NAME_MAX),
    TEXT(struct issuing_authority_file, certificate, REQUIRED, PATH_BYTES_MAX),
    LIST(struct issuing_authority_file, chain, OPTIONAL, path_schema, 1, ISSUER_CHAIN_MAX),
    PART("key", struct issuing_authority_file, key, REQUIRED, key_fields),
    TEXT(struct issuing_authority_file, ocsp_url, OPTIONAL, URL_BYTES_MAX),
    TEXT(struct issuing_authority_file, ca_issuers_url, OPTIONAL, URL_BYTES_MAX),
    TEXT(struct issuing_authority_file, crl_url_base, OPTIONAL, URL_BYTES_MAX),
    LIST(struct issuing_authority_file, profiles, OPTIONAL, word_schema, 1, ISSUER_PROFILES_MAX),
#define X(name, fallback, min, max, text) \
    CONFIG_FIELD_NUMBER(struct issuing_authority_file, name, min, max),
    AUTHORITY_NUMBER_TABLE(X)
#undef X
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t authority_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct issuing_authority_file, authority_fields),
};

static const cyaml_schema_field_t allow_fields[] = {
    TEXT(struct issuing_allow_file, lint, REQUIRED, TEXT_BYTES_MAX),
    TEXT(struct issuing_allow_file, reason, REQUIRED, URL_BYTES_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t allow_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct issuing_allow_file, allow_fields),
};

static const cyaml_strval_t kind_words[] = {
#define X(name, text, ...) {text, LEAF_##name},
    LEAF_KIND_TABLE(X)
#undef X
};

static const cyaml_schema_field_t profile_fields[] = {
    TEXT(struct issuing_profile_file, name, REQUIRED, ISSUER_NAME_MAX),
    CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct issuing_profile_file, kind, kind_words,
                     CYAML_ARRAY_LEN(kind_words)),
    CYAML_FIELD_BOOL("short_lived", OPTIONAL, struct issuing_profile_file, short_lived),
    LIST(struct issuing_profile_file, keys, OPTIONAL, word_schema, 1, KEY_ALG_COUNT),
    LIST(struct issuing_profile_file, policies, OPTIONAL, word_schema, 1, LEAF_POLICIES_MAX),
    LIST(struct issuing_profile_file, allow, OPTIONAL, allow_schema, 1, LEAF_ALLOW_MAX),
#define X(name, fallback, min, max, text) \
    CONFIG_FIELD_NUMBER(struct issuing_profile_file, name, min, max),
    PROFILE_NUMBER_TABLE(X)
#undef X
#define X(name, fallback, text) \
    CYAML_FIELD_BOOL_PTR(#name, OPTIONAL | CYAML_FLAG_POINTER, struct issuing_profile_file, name),
        PROFILE_FLAG_TABLE(X)
#undef X
            CYAML_FIELD_END,
};

static const cyaml_schema_value_t profile_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct issuing_profile_file, profile_fields),
};

static const cyaml_schema_field_t program_fields[] = {
    TEXT(struct issuing_config_file, state_dir, REQUIRED, PATH_BYTES_MAX),
    PART("registry", struct issuing_config_file, registry, REQUIRED, registry_fields),
    PART("audit", struct issuing_config_file, audit, REQUIRED, audit_fields),
    PART("linter", struct issuing_config_file, linter, OPTIONAL, linter_fields),
    PART("public", struct issuing_config_file, public_listener, REQUIRED, listener_fields),
    PART("internal", struct issuing_config_file, internal_listener, REQUIRED, listener_fields),
    TEXT(struct issuing_config_file, admin, OPTIONAL, TEXT_BYTES_MAX),
    LIST(struct issuing_config_file, clients, OPTIONAL, client_schema, 1, ISSUER_CLIENTS_MAX),
    LIST(struct issuing_config_file, authorities, REQUIRED, authority_schema, 1,
         ISSUER_AUTHORITIES_MAX),
    LIST(struct issuing_config_file, profiles, REQUIRED, profile_schema, 1, ISSUER_PROFILES_MAX),
    TEXT(struct issuing_config_file, blocked_keys, OPTIONAL, PATH_BYTES_MAX),
    TEXT(struct issuing_config_file, debian_keys, OPTIONAL, PATH_BYTES_MAX),
    TEXT(struct issuing_config_file, public_suffix, OPTIONAL, PATH_BYTES_MAX),
    CYAML_FIELD_ENUM_PTR("log_level", CYAML_FLAG_POINTER | OPTIONAL | CYAML_FLAG_STRICT,
                         struct issuing_config_file, log_level, level_words,
                         CYAML_ARRAY_LEN(level_words)),
#define X(name, fallback, min, max, text) \
    CONFIG_FIELD_NUMBER(struct issuing_config_file, name, min, max),
    ISSUING_NUMBER_TABLE(X)
#undef X
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t program_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct issuing_config_file, program_fields),
};

const cyaml_schema_value_t *issuing_config_file_schema(void)
{
    return &program_schema;
}
