/* SPDX-License-Identifier: Apache-2.0 */
/* edge.yaml as libcyaml loads it, before defaults and checks: for config.c. A number that was not
 * given is NULL. */
#pragma once

#include "edge/config.h"

enum verify_file { VERIFY_FILE_DEFAULT, VERIFY_FILE_ALL, VERIFY_FILE_SAMPLE, VERIFY_FILE_NONE };

struct edge_redis_file {
    char **addresses;
    unsigned addresses_count;
    char *user;
    char *password_file;
};

struct edge_config_file {
    char *publish_key;
    char *data_dir;
    char **origins;
    unsigned origins_count;
    char **listen;
    unsigned listen_count;
    bool relay;
    char **relay_listen;
    unsigned relay_listen_count;
    char *admin;
    char *user;
    char *name;
    struct edge_redis_file *redis;
    char *path_prefix;
    enum verify_file verify_log;
    enum verify_file verify_packs;
    char **ca_certificates;
    unsigned ca_certificates_count;
    enum log_level *log_level;
#define X(name, fallback, min, max, text) uint64_t *name;
    EDGE_NUMBER_TABLE(X)
#undef X
};

const cyaml_schema_value_t *edge_config_file_schema(void);
