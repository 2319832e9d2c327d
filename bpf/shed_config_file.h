/* SPDX-License-Identifier: Apache-2.0 */
/* shed.yaml as libcyaml loads it, before defaults and checks: for shed_config*.c. A number that was
 * not given is NULL. */
#pragma once

#include "bpf/shed_config.h"

#define SHED_LIST_FILE_BYTES_MAX (4u << 20)
#define SHED_SOCKET_BYTES_MAX    107 /* sun_path of a unix socket without its zero */

struct shed_controller_file {
#define X(name, fallback, min, max, text) uint64_t *name;
    CONTROLLER_NUMBER_TABLE(X)
#undef X
};

struct shed_config_file {
    char **interfaces;
    unsigned interfaces_count;
    char *pin_folder;
    bool generic;
    char **services;
    unsigned services_count;
    char **allow;
    unsigned allow_count;
    char **allow_files;
    unsigned allow_files_count;
    char **deny;
    unsigned deny_count;
    char **deny_files;
    unsigned deny_files_count;
    bool observe;
    bool pass_fragments;
    char **edges;
    unsigned edges_count;
    char **probes;
    unsigned probes_count;
    struct shed_controller_file *controller;
    struct shed_route_file *route;
    char *control_socket;
    char *admin;
    enum log_level *log_level;
#define X(name, fallback, min, max, text) uint64_t *name;
    SHED_NUMBER_TABLE(X)
#undef X
};

const cyaml_schema_value_t *shed_config_file_schema(void);

/** config_resolve() of a unix socket: what comes of it may be too long for one. ERR_CONFIG,
 * ERR_MEMORY. */
MUST_CHECK enum err shed_config_socket(const struct config_place *place, const char *key,
                                       char **path);
/** The lists of the file and of the files it names, into config->lists. ERR_CONFIG, ERR_MEMORY. */
MUST_CHECK enum err shed_config_lists(const struct config_place *place,
                                      const struct shed_config_file *file,
                                      struct shed_config *config);
/** Checks how the route is announced. ERR_CONFIG, ERR_MEMORY. */
MUST_CHECK enum err shed_config_route(const struct config_place *place,
                                      const struct shed_config_file *file,
                                      struct shed_config *config);
