/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/shed_config_file.h"

#include "lib/limit.h"

#define NAME_BYTES_MAX 255

#define TEXT(structure, member, flags, bytes_max) \
    CYAML_FIELD_STRING_PTR(#member, (flags), structure, member, 1, (bytes_max))
#define LIST(structure, member, flags, schema, low, high)                                          \
    CYAML_FIELD_SEQUENCE(#member, CYAML_FLAG_POINTER | (flags), structure, member, &(schema), low, \
                         high)
#define OPTIONAL CYAML_FLAG_OPTIONAL
#define REQUIRED CYAML_FLAG_DEFAULT

static const cyaml_schema_value_t interface_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, SHED_INTERFACE_BYTES_MAX)};
static const cyaml_schema_value_t address_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, NAME_BYTES_MAX)};
static const cyaml_schema_value_t path_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, PATH_BYTES_MAX)};

static const cyaml_strval_t through_words[] = {
    {"none", SHED_ROUTE_NONE}, {"bird", SHED_ROUTE_BIRD}, {"exabgp", SHED_ROUTE_EXABGP}};
static const cyaml_strval_t level_words[] = {{"error", LOG_LEVEL_ERROR},
                                             {"warning", LOG_LEVEL_WARNING},
                                             {"info", LOG_LEVEL_INFO},
                                             {"debug", LOG_LEVEL_DEBUG}};

static const cyaml_schema_field_t controller_fields[] = {
#define X(name, fallback, min, max, text) \
    CONFIG_FIELD_NUMBER(struct shed_controller_file, name, min, max),
    CONTROLLER_NUMBER_TABLE(X)
#undef X
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t route_fields[] = {
    CYAML_FIELD_ENUM("through", CYAML_FLAG_STRICT, struct shed_route_file, through, through_words,
                     CYAML_ARRAY_LEN(through_words)),
    TEXT(struct shed_route_file, socket, OPTIONAL, SHED_SOCKET_BYTES_MAX),
    TEXT(struct shed_route_file, v4_normal, OPTIONAL, BIRD_PROTOCOL_BYTES_MAX),
    TEXT(struct shed_route_file, v4_low, OPTIONAL, BIRD_PROTOCOL_BYTES_MAX),
    TEXT(struct shed_route_file, v6_normal, OPTIONAL, BIRD_PROTOCOL_BYTES_MAX),
    TEXT(struct shed_route_file, v6_low, OPTIONAL, BIRD_PROTOCOL_BYTES_MAX),
    LIST(struct shed_route_file, prefixes, OPTIONAL, address_schema, 1, EXABGP_PREFIXES_MAX),
    TEXT(struct shed_route_file, next_hop, OPTIONAL, EXABGP_HOP_BYTES_MAX),
    TEXT(struct shed_route_file, normal_attributes, OPTIONAL, EXABGP_ATTRIBUTES_BYTES_MAX),
    TEXT(struct shed_route_file, low_attributes, OPTIONAL, EXABGP_ATTRIBUTES_BYTES_MAX),
    CYAML_FIELD_END,
};

#define FILE_TEXT(member, flags, bytes_max) TEXT(struct shed_config_file, member, flags, bytes_max)
#define FILE_LIST(member, flags, schema, low, high) \
    LIST(struct shed_config_file, member, flags, schema, low, high)
#define FILE_BOOL(member) CYAML_FIELD_BOOL(#member, OPTIONAL, struct shed_config_file, member)

static const cyaml_schema_field_t fields[] = {
    FILE_LIST(interfaces, REQUIRED, interface_schema, 1, SHED_INTERFACES_MAX),
    FILE_TEXT(pin_folder, OPTIONAL, PATH_BYTES_MAX),
    FILE_BOOL(generic),
    FILE_LIST(services, REQUIRED, address_schema, 1, FILTER_SERVICES_MAX),
    FILE_LIST(allow, OPTIONAL, address_schema, 0, SHED_RULES_MAX),
    FILE_LIST(allow_files, OPTIONAL, path_schema, 0, SHED_LIST_FILES_MAX),
    FILE_LIST(deny, OPTIONAL, address_schema, 0, SHED_RULES_MAX),
    FILE_LIST(deny_files, OPTIONAL, path_schema, 0, SHED_LIST_FILES_MAX),
    FILE_BOOL(observe),
    FILE_BOOL(pass_fragments),
    FILE_LIST(edges, OPTIONAL, address_schema, 0, EDGE_POLL_EDGES_MAX),
    FILE_LIST(probes, OPTIONAL, address_schema, 0, EDGE_POLL_PROBES_MAX),
    CYAML_FIELD_MAPPING_PTR("controller", OPTIONAL, struct shed_config_file, controller,
                            controller_fields),
    CYAML_FIELD_MAPPING_PTR("route", OPTIONAL, struct shed_config_file, route, route_fields),
    FILE_TEXT(control_socket, OPTIONAL, SHED_SOCKET_BYTES_MAX),
    FILE_TEXT(admin, OPTIONAL, NAME_BYTES_MAX),
    CYAML_FIELD_ENUM_PTR("log_level", CYAML_FLAG_POINTER | OPTIONAL | CYAML_FLAG_STRICT,
                         struct shed_config_file, log_level, level_words,
                         CYAML_ARRAY_LEN(level_words)),
#define X(name, fallback, min, max, text) \
    CONFIG_FIELD_NUMBER(struct shed_config_file, name, min, max),
    SHED_NUMBER_TABLE(X)
#undef X
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct shed_config_file, fields),
};

const cyaml_schema_value_t *shed_config_file_schema(void)
{
    return &schema;
}
