/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/shed_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bpf/control.h"
#include "bpf/shed_config_file.h"

#define NS_PER_S 1000000000u

struct loader {
    struct config_place place;
    struct shed_config *config;
    struct shed_config_file *file;
};

static enum err take_interfaces(struct loader *l)
{
    char **names = l->file->interfaces;
    for (unsigned i = 0; i < l->file->interfaces_count; i++) {
        /* What the kernel lets be a name, less what cannot be a folder below pin_folder. */
        if (strpbrk(names[i], "/: \t") != NULL || names[i][0] == '.')
            return config_refuse(&l->place, "interfaces: %s: not a name of an interface", names[i]);
        for (unsigned j = 0; j < i; j++)
            if (strcmp(names[i], names[j]) == 0)
                return config_refuse(&l->place, "interfaces: %s: given twice", names[i]);
    }
    l->config->interfaces = names;
    l->config->interface_count = l->file->interfaces_count;
    return ERR_OK;
}

static bool is_wildcard(const struct address *a)
{
    return a->sa.any.sa_family == AF_INET ? a->sa.v4.sin_addr.s_addr == htonl(INADDR_ANY)
                                          : IN6_IS_ADDR_UNSPECIFIED(&a->sa.v6.sin6_addr);
}

/* Its packets are IPv4's. */
static bool is_mapped(const struct address *a)
{
    return a->sa.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->sa.v6.sin6_addr);
}

static struct shed_service service_of(const struct address *a)
{
    struct shed_service s = {.version = a->sa.any.sa_family == AF_INET ? 4 : 6};
    if (s.version == 4)
        memcpy(s.address, &a->sa.v4.sin_addr, sizeof a->sa.v4.sin_addr);
    else
        memcpy(s.address, &a->sa.v6.sin6_addr, sizeof a->sa.v6.sin6_addr);
    s.port = ntohs(s.version == 4 ? a->sa.v4.sin_port : a->sa.v6.sin6_port);
    return s;
}

static bool service_equal(const struct shed_service *a, const struct shed_service *b)
{
    return a->version == b->version && a->port == b->port &&
           memcmp(a->address, b->address, sizeof a->address) == 0;
}

static enum err take_services(struct loader *l)
{
    struct shed_config *c = l->config;
    for (unsigned i = 0; i < l->file->services_count; i++) {
        const char *text = l->file->services[i];
        struct address address;
        if (address_from_text(span_text(text), &address) != ERR_OK)
            return config_refuse(&l->place,
                                 "services: %s: not an address and port (192.0.2.1:80, "
                                 "[2001:db8::1]:80)",
                                 text);
        struct shed_service service = service_of(&address);
        if (service.port == 0 || is_wildcard(&address))
            return config_refuse(&l->place, "services: %s: one address and one port are needed",
                                 text);
        if (is_mapped(&address))
            return config_refuse(&l->place, "services: %s: write it as an IPv4 address", text);
        for (uint32_t j = 0; j < c->service_count; j++)
            if (service_equal(&c->services[j], &service))
                return config_refuse(&l->place, "services: %s: given twice", text);
        c->service_addresses[c->service_count] = address;
        c->services[c->service_count++] = service;
    }
    return ERR_OK;
}

static enum err take_list(struct loader *l, const char *key, char **texts, unsigned count,
                          struct address *ret)
{
    for (unsigned i = 0; i < count; i++) {
        if (address_from_text(span_text(texts[i]), &ret[i]) != ERR_OK)
            return config_refuse(&l->place, "%s: %s: not an address and port", key, texts[i]);
        for (unsigned j = 0; j < i; j++)
            if (ret[j].size == ret[i].size && memcmp(&ret[j].sa, &ret[i].sa, ret[i].size) == 0)
                return config_refuse(&l->place, "%s: %s: given twice", key, texts[i]);
    }
    return ERR_OK;
}

static enum err take_addresses(struct loader *l)
{
    struct shed_config *c = l->config;
    TRY(take_list(l, "edges", l->file->edges, l->file->edges_count, c->edges));
    c->edge_count = l->file->edges_count;
    TRY(take_list(l, "probes", l->file->probes, l->file->probes_count, c->probes));
    c->probe_count = l->file->probes_count;
    if (c->probe_count > 0 && c->edge_count == 0)
        return config_refuse(&l->place, "probes: needs edges");
    c->has_admin = l->file->admin != NULL;
    if (c->has_admin && address_from_text(span_text(l->file->admin), &c->admin) != ERR_OK)
        return config_refuse(&l->place, "admin: %s: not an address and port", l->file->admin);
    return ERR_OK;
}

static void take_numbers(struct loader *l)
{
    static const struct shed_controller_file none;
    const struct shed_controller_file *controller =
        l->file->controller != NULL ? l->file->controller : &none;
#define X(name, fallback, min, max, text) \
    l->config->name = l->file->name != NULL ? *l->file->name : (fallback);
    SHED_NUMBER_TABLE(X)
#undef X
#define X(name, fallback, min, max, text) \
    l->config->controller.name = controller->name != NULL ? *controller->name : (fallback);
    CONTROLLER_NUMBER_TABLE(X)
#undef X
}

static struct filter_rate rate_of(uint64_t per_s, uint64_t burst)
{
    if (per_s == 0)
        return (struct filter_rate){0};
    return filter_rate_of((uint32_t)per_s, (uint32_t)burst);
}

static void take_filter(struct loader *l)
{
    struct shed_config *c = l->config;
    c->filter = (struct filter_config){
        .syn = rate_of(c->syn_per_s, c->syn_burst),
        .packets = rate_of(c->packets_per_s, c->packets_burst),
        .budget = rate_of(c->budget_per_s, c->budget_burst),
        .cookies = rate_of(c->cookies_per_s, c->cookies_burst),
        .refusals = rate_of(c->refusals_per_s, c->refusals_burst),
        .shed_period_ns = c->shed_period_s * NS_PER_S,
        .sample_one_in = (uint32_t)c->sample_one_in,
        .v4_prefix_bits = (uint8_t)c->v4_prefix_bits,
        .v6_prefix_bits = (uint8_t)c->v6_prefix_bits,
        .observe = l->file->observe,
        .pass_fragments = l->file->pass_fragments,
    };
}

/* Numbers that say nothing wrong alone, but do together. */
static enum err check_numbers(struct loader *l)
{
    const struct shed_config *c = l->config;
    if ((c->buckets & (c->buckets - 1)) != 0)
        return config_refuse(&l->place, "buckets: %" PRIu64 ": must be a power of two", c->buckets);
    if (c->cookies_per_s != 0 && c->budget_per_s == 0)
        return config_refuse(&l->place, "cookies_per_s: needs budget_per_s: cookies answer the SYN "
                                        "beyond it");
    const char *wrong = controller_config_check(&c->controller);
    if (wrong != NULL)
        return config_refuse(&l->place, "controller: %s", wrong);
    return ERR_OK;
}

enum err shed_config_socket(const struct config_place *place, const char *key, char **path)
{
    TRY(config_resolve(place, path));
    if (*path == NULL || strlen(*path) <= SHED_SOCKET_BYTES_MAX)
        return ERR_OK;
    return config_refuse(place, "%s: %s: longer than %d, as long as a socket's path may be", key,
                         *path, SHED_SOCKET_BYTES_MAX);
}

static enum err take_all(struct loader *l)
{
    struct shed_config *c = l->config;
    TRY(config_resolve(&l->place, &l->file->pin_folder));
    TRY(shed_config_socket(&l->place, "control_socket", &l->file->control_socket));
    c->pin_folder = l->file->pin_folder != NULL ? l->file->pin_folder : SHED_PIN_FOLDER;
    c->control_socket =
        l->file->control_socket != NULL ? l->file->control_socket : CONTROL_SOCKET_DEFAULT;
    c->generic = l->file->generic;
    c->log_level = l->file->log_level != NULL ? *l->file->log_level : LOG_LEVEL_INFO;
    TRY(take_interfaces(l));
    TRY(take_services(l));
    TRY(take_addresses(l));
    take_numbers(l);
    TRY(check_numbers(l));
    take_filter(l);
    TRY(shed_config_lists(&l->place, l->file, c));
    return shed_config_route(&l->place, l->file, c);
}

enum err shed_config_load(const char *path, struct shed_config **ret,
                          char message[static CONFIG_MESSAGE_BYTES])
{
    cyaml_data_t *data = NULL;
    TRY(config_load(path, shed_config_file_schema(), &data, message));
    struct shed_config *config = calloc(1, sizeof *config);
    if (config == NULL) {
        config_free(shed_config_file_schema(), data);
        return ERR_MEMORY;
    }
    config->file = data;
    struct loader l = {.place = {path, message}, .config = config, .file = data};
    enum err err = take_all(&l);
    if (err != ERR_OK) {
        shed_config_free(config);
        return err;
    }
    *ret = config;
    return ERR_OK;
}

struct shed_config *shed_config_free(struct shed_config *config)
{
    if (config == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof config->lists / sizeof *config->lists; i++)
        free(config->lists[i].prefixes);
    config_free(shed_config_file_schema(), config->file);
    free(config);
    return NULL;
}

void shed_config_help(void)
{
#define X(name, fallback, min, max, text)                                                      \
    printf("  %-22s %-8" PRIu64 " %s (from %" PRIu64 ")\n", #name, (uint64_t)(fallback), text, \
           (uint64_t)(min));
    SHED_NUMBER_TABLE(X)
    printf("\nNumbers of the mapping controller:\n");
    CONTROLLER_NUMBER_TABLE(X)
#undef X
}
