/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/config_file.h"

#include "lib/os/redis_link.h"

#define NAME_BYTES_MAX 255
#define URL_BYTES_MAX  1023

#define TEXT(member, flags, bytes_max) \
    CYAML_FIELD_STRING_PTR(#member, (flags), struct edge_config_file, member, 1, (bytes_max))
#define LIST(member, flags, schema, low, high)                                                   \
    CYAML_FIELD_SEQUENCE(#member, CYAML_FLAG_POINTER | (flags), struct edge_config_file, member, \
                         &(schema), low, high)
#define WORD(member, words)                                                                     \
    CYAML_FIELD_ENUM(#member, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct edge_config_file, \
                     member, words, CYAML_ARRAY_LEN(words))
#define OPTIONAL CYAML_FLAG_OPTIONAL
#define REQUIRED CYAML_FLAG_DEFAULT

static const cyaml_schema_value_t url_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, URL_BYTES_MAX)};
static const cyaml_schema_value_t address_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, NAME_BYTES_MAX)};
static const cyaml_schema_value_t path_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, PATH_BYTES_MAX)};

static const cyaml_strval_t verify_words[] = {
    {"all", VERIFY_FILE_ALL}, {"sample", VERIFY_FILE_SAMPLE}, {"none", VERIFY_FILE_NONE}};
static const cyaml_strval_t level_words[] = {{"error", LOG_LEVEL_ERROR},
                                             {"warning", LOG_LEVEL_WARNING},
                                             {"info", LOG_LEVEL_INFO},
                                             {"debug", LOG_LEVEL_DEBUG}};

static const cyaml_schema_field_t redis_fields[] = {
    CYAML_FIELD_SEQUENCE("addresses", CYAML_FLAG_POINTER, struct edge_redis_file, addresses,
                         &address_schema, 1, REDIS_LINK_ADDRESSES_MAX),
    CYAML_FIELD_STRING_PTR("user", OPTIONAL, struct edge_redis_file, user, 1, NAME_BYTES_MAX),
    CYAML_FIELD_STRING_PTR("password_file", OPTIONAL, struct edge_redis_file, password_file, 1,
                           PATH_BYTES_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t fields[] = {
    TEXT(publish_key, REQUIRED, PATH_BYTES_MAX),
    TEXT(data_dir, REQUIRED, PATH_BYTES_MAX),
    LIST(origins, REQUIRED, url_schema, 1, SYNC_ORIGINS_MAX),
    LIST(listen, REQUIRED, address_schema, 1, EDGE_LISTEN_MAX),
    CYAML_FIELD_BOOL("relay", OPTIONAL, struct edge_config_file, relay),
    LIST(relay_listen, OPTIONAL, address_schema, 1, EDGE_LISTEN_MAX),
    TEXT(admin, OPTIONAL, NAME_BYTES_MAX),
    TEXT(user, OPTIONAL, NAME_BYTES_MAX),
    TEXT(name, OPTIONAL, FAST_LANE_NAME_BYTES_MAX),
    CYAML_FIELD_MAPPING_PTR("redis", OPTIONAL, struct edge_config_file, redis, redis_fields),
    TEXT(path_prefix, OPTIONAL, ANSWER_PATH_PREFIX_MAX),
    WORD(verify_log, verify_words),
    WORD(verify_packs, verify_words),
    LIST(ca_certificates, OPTIONAL, path_schema, 1, SYNC_CA_CERTIFICATES_MAX),
    CYAML_FIELD_ENUM_PTR("log_level", CYAML_FLAG_POINTER | OPTIONAL | CYAML_FLAG_STRICT,
                         struct edge_config_file, log_level, level_words,
                         CYAML_ARRAY_LEN(level_words)),
#define X(name, fallback, min, max, text) \
    CONFIG_FIELD_NUMBER(struct edge_config_file, name, min, max),
    EDGE_NUMBER_TABLE(X)
#undef X
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct edge_config_file, fields),
};

const cyaml_schema_value_t *edge_config_file_schema(void)
{
    return &schema;
}
