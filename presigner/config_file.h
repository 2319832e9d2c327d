/* SPDX-License-Identifier: Apache-2.0 */
/* presigner.yaml as libcyaml loads it, before defaults and checks: for config.c. A number that was
 * not given is NULL. */
#pragma once

#include "presigner/config.h"

enum verify_file { VERIFY_FILE_DEFAULT, VERIFY_FILE_ALL, VERIFY_FILE_SAMPLE, VERIFY_FILE_NONE };

struct key_file {
    char *file;
    char *passphrase_file;
    char *passphrase_env;
    char *module;
    char *token;
    char *label;
    char *id;
    char *pin_file;
};

struct crl_file {
    char *url_base;
    char *ca_path;
    enum crl_scope scope;
    bool *partitioned;
    bool delta;
#define X(name, fallback, min, max, text) uint64_t *name;
    CRL_NUMBER_TABLE(X)
#undef X
};

struct filter_file {
    char *path;
    enum filter_reasons reasons;
    bool *enabled;
#define X(name, fallback, min, max, text) uint64_t *name;
    FILTER_NUMBER_TABLE(X)
#undef X
};

struct feed_file {
    char *url;
    char *server_ca;
    char *certificate;
    char *key;
#define X(name, fallback, min, max, text) uint64_t *name;
    FEED_NUMBER_TABLE(X)
#undef X
};

struct issuer_file {
    char *name;
    char *ca_certificate;
    char *responder_certificate;
    struct key_file *key;
    struct key_file *responder_key;
    enum certid_set certid; /* 0: not given */
    struct crl_file *crl;
    struct feed_file *feed;
#define X(name, fallback, min, max, text) uint64_t *name;
    ISSUER_NUMBER_TABLE(X)
#undef X
};

struct redis_file {
    char **addresses;
    unsigned addresses_count;
    char *user;
    char *password_file;
#define X(name, fallback, min, max, text) uint64_t *name;
    REDIS_NUMBER_TABLE(X)
#undef X
};

struct config_file {
    char *network;
    char *state_dir;
    char *publish_dir;
    char *publish_key;
    char *admin;
    enum verify_file verify;
    bool allow_any_validity;
#define X(name, fallback, min, max, text) uint64_t *name;
    PRESIGNER_NUMBER_TABLE(X)
#undef X
    struct redis_file *redis;
    struct filter_file *filter;
    struct issuer_file *issuers;
    unsigned issuers_count;
    char **retired_issuers;
    unsigned retired_issuers_count;
    char **withdrawn_paths;
    unsigned withdrawn_paths_count;
};

const cyaml_schema_value_t *config_file_schema(void);
