/* SPDX-License-Identifier: Apache-2.0 */
#include "presigner/config_file.h"

#include "lib/os/redis_link.h"

#define NAME_BYTES_MAX 255

#define TEXT(structure, member, flags, bytes_max) \
    CYAML_FIELD_STRING_PTR(#member, (flags), structure, member, 1, (bytes_max))
#define OPTIONAL CYAML_FLAG_OPTIONAL
#define REQUIRED CYAML_FLAG_DEFAULT

static const cyaml_schema_field_t key_fields[] = {
    TEXT(struct key_file, file, OPTIONAL, PATH_BYTES_MAX),
    TEXT(struct key_file, passphrase_file, OPTIONAL, PATH_BYTES_MAX),
    TEXT(struct key_file, passphrase_env, OPTIONAL, NAME_BYTES_MAX),
    TEXT(struct key_file, module, OPTIONAL, PATH_BYTES_MAX),
    TEXT(struct key_file, token, OPTIONAL, NAME_BYTES_MAX),
    TEXT(struct key_file, label, OPTIONAL, NAME_BYTES_MAX),
    TEXT(struct key_file, id, OPTIONAL, NAME_BYTES_MAX),
    TEXT(struct key_file, pin_file, OPTIONAL, PATH_BYTES_MAX),
    CYAML_FIELD_END,
};

static const cyaml_strval_t certid_words[] = {
    {"both", CERTID_BOTH}, {"sha1", CERTID_SHA1}, {"sha256", CERTID_SHA256}};

static const cyaml_strval_t scope_words[] = {
    {"user", CRL_USER_CERTS}, {"ca", CRL_CA_CERTS}, {"all", CRL_ALL_CERTS}};

static const cyaml_schema_field_t crl_fields[] = {
    TEXT(struct crl_file, url_base, REQUIRED, PATH_BYTES_MAX),
    TEXT(struct crl_file, ca_path, OPTIONAL, PATH_BYTES_MAX),
    CYAML_FIELD_ENUM("scope", CYAML_FLAG_STRICT, struct crl_file, scope, scope_words,
                     CYAML_ARRAY_LEN(scope_words)),
    CYAML_FIELD_BOOL_PTR("partitioned", OPTIONAL | CYAML_FLAG_POINTER, struct crl_file,
                         partitioned),
    CYAML_FIELD_BOOL("delta", OPTIONAL, struct crl_file, delta),
#define X(name, fallback, min, max, text) CONFIG_FIELD_NUMBER(struct crl_file, name, min, max),
    CRL_NUMBER_TABLE(X)
#undef X
        CYAML_FIELD_END,
};

static const cyaml_strval_t reasons_words[] = {
#define X(name, word, text) {#word, FILTER_REASONS_##name},
    FILTER_REASONS_TABLE(X)
#undef X
};

static const cyaml_schema_field_t filter_fields[] = {
    TEXT(struct filter_file, path, OPTIONAL, FILTER_PATH_MAX),
    CYAML_FIELD_ENUM("reasons", OPTIONAL | CYAML_FLAG_STRICT, struct filter_file, reasons,
                     reasons_words, CYAML_ARRAY_LEN(reasons_words)),
    CYAML_FIELD_BOOL_PTR("enabled", OPTIONAL | CYAML_FLAG_POINTER, struct filter_file, enabled),
#define X(name, fallback, min, max, text) CONFIG_FIELD_NUMBER(struct filter_file, name, min, max),
    FILTER_NUMBER_TABLE(X)
#undef X
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t feed_fields[] = {
    TEXT(struct feed_file, url, REQUIRED, PATH_BYTES_MAX),
    TEXT(struct feed_file, server_ca, REQUIRED, PATH_BYTES_MAX),
    TEXT(struct feed_file, certificate, REQUIRED, PATH_BYTES_MAX),
    TEXT(struct feed_file, key, REQUIRED, PATH_BYTES_MAX),
#define X(name, fallback, min, max, text) CONFIG_FIELD_NUMBER(struct feed_file, name, min, max),
    FEED_NUMBER_TABLE(X)
#undef X
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t issuer_fields[] = {
    TEXT(struct issuer_file, name, REQUIRED, NETWORK_NAME_MAX),
    TEXT(struct issuer_file, ca_certificate, REQUIRED, PATH_BYTES_MAX),
    TEXT(struct issuer_file, responder_certificate, OPTIONAL, PATH_BYTES_MAX),
    CYAML_FIELD_MAPPING_PTR("key", OPTIONAL, struct issuer_file, key, key_fields),
    CYAML_FIELD_MAPPING_PTR("responder_key", OPTIONAL, struct issuer_file, responder_key,
                            key_fields),
    CYAML_FIELD_MAPPING_PTR("crl", OPTIONAL, struct issuer_file, crl, crl_fields),
    CYAML_FIELD_MAPPING_PTR("feed", OPTIONAL, struct issuer_file, feed, feed_fields),
    CYAML_FIELD_ENUM("certid", OPTIONAL | CYAML_FLAG_STRICT, struct issuer_file, certid,
                     certid_words, CYAML_ARRAY_LEN(certid_words)),
#define X(name, fallback, min, max, text) CONFIG_FIELD_NUMBER(struct issuer_file, name, min, max),
    ISSUER_NUMBER_TABLE(X)
#undef X
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t issuer_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct issuer_file, issuer_fields),
};

static const cyaml_schema_value_t retired_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, PATH_BYTES_MAX),
};

static const cyaml_schema_value_t address_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, NAME_BYTES_MAX),
};

static const cyaml_schema_field_t redis_fields[] = {
    CYAML_FIELD_SEQUENCE("addresses", CYAML_FLAG_POINTER, struct redis_file, addresses,
                         &address_schema, 1, REDIS_LINK_ADDRESSES_MAX),
    TEXT(struct redis_file, user, OPTIONAL, NAME_BYTES_MAX),
    TEXT(struct redis_file, password_file, OPTIONAL, PATH_BYTES_MAX),
#define X(name, fallback, min, max, text) CONFIG_FIELD_NUMBER(struct redis_file, name, min, max),
    REDIS_NUMBER_TABLE(X)
#undef X
        CYAML_FIELD_END,
};

static const cyaml_strval_t verify_words[] = {
    {"all", VERIFY_FILE_ALL}, {"sample", VERIFY_FILE_SAMPLE}, {"none", VERIFY_FILE_NONE}};

static const cyaml_schema_field_t program_fields[] = {
    TEXT(struct config_file, network, REQUIRED, NETWORK_NAME_MAX),
    TEXT(struct config_file, state_dir, REQUIRED, PATH_BYTES_MAX),
    TEXT(struct config_file, publish_dir, REQUIRED, PATH_BYTES_MAX),
    TEXT(struct config_file, publish_key, REQUIRED, PATH_BYTES_MAX),
    TEXT(struct config_file, admin, OPTIONAL, NAME_BYTES_MAX),
    CYAML_FIELD_ENUM("verify", OPTIONAL | CYAML_FLAG_STRICT, struct config_file, verify,
                     verify_words, CYAML_ARRAY_LEN(verify_words)),
    CYAML_FIELD_BOOL("allow_any_validity", OPTIONAL, struct config_file, allow_any_validity),
#define X(name, fallback, min, max, text) CONFIG_FIELD_NUMBER(struct config_file, name, min, max),
    PRESIGNER_NUMBER_TABLE(X)
#undef X
        CYAML_FIELD_MAPPING_PTR("redis", OPTIONAL, struct config_file, redis, redis_fields),
    CYAML_FIELD_MAPPING_PTR("filter", OPTIONAL, struct config_file, filter, filter_fields),
    CYAML_FIELD_SEQUENCE("issuers", CYAML_FLAG_POINTER, struct config_file, issuers, &issuer_schema,
                         1, CONFIG_ISSUERS_MAX),
    CYAML_FIELD_SEQUENCE("retired_issuers", CYAML_FLAG_POINTER | OPTIONAL, struct config_file,
                         retired_issuers, &retired_schema, 1, CONFIG_RETIRED_MAX),
    CYAML_FIELD_SEQUENCE("withdrawn_paths", CYAML_FLAG_POINTER | OPTIONAL, struct config_file,
                         withdrawn_paths, &retired_schema, 1, CONFIG_RETIRED_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t program_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config_file, program_fields),
};

const cyaml_schema_value_t *config_file_schema(void)
{
    return &program_schema;
}
