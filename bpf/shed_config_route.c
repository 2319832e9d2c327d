/* SPDX-License-Identifier: Apache-2.0 */
/* The mapping route of shed.yaml. */
#include <stdio.h>

#include "bpf/shed_config_file.h"

/* BIRD's names: a letter or underscore, then digits too. */
static bool is_protocol(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return strchr(letters, name[0]) != NULL && strspn(name, more) == strlen(name);
}

static enum err check_protocols(const struct config_place *place, const struct shed_route_file *r)
{
    const struct {
        const char *key, *name;
    } rows[] = {{"v4_normal", r->v4_normal},
                {"v4_low", r->v4_low},
                {"v6_normal", r->v6_normal},
                {"v6_low", r->v6_low}};
    const size_t count = sizeof rows / sizeof *rows;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].name == NULL)
            continue;
        if (!is_protocol(rows[i].name))
            return config_refuse(place, "route: %s: %s: not a name of a BIRD protocol", rows[i].key,
                                 rows[i].name);
        for (size_t j = 0; j < i; j++)
            if (rows[j].name != NULL && strcmp(rows[i].name, rows[j].name) == 0)
                return config_refuse(place, "route: %s and %s are the same protocol", rows[j].key,
                                     rows[i].key);
    }
    return ERR_OK;
}

static enum err check_bird(const struct config_place *place, const struct shed_route_file *r)
{
    if (r->v4_normal == NULL && r->v6_normal == NULL)
        return config_refuse(place, "route: through: bird needs v4_normal or v6_normal");
    if ((r->v4_low != NULL && r->v4_normal == NULL) || (r->v6_low != NULL && r->v6_normal == NULL))
        return config_refuse(place, "route: a low protocol goes with a normal one");
    return check_protocols(place, r);
}

static enum err check_words(const struct config_place *place, const char *key, const char *text)
{
    if (text == NULL || exabgp_is_words(text))
        return ERR_OK;
    return config_refuse(place, "route: %s: only letters, digits, spaces and .:-[](), may be in it",
                         key);
}

static enum err read_prefixes(const struct config_place *place, const struct shed_route_file *r,
                              struct shed_config *config)
{
    for (unsigned i = 0; i < r->prefixes_count; i++) {
        struct prefix *prefix = &config->route_prefixes[i];
        enum err err = prefix_parse(span_text(r->prefixes[i]), prefix);
        if (err != ERR_OK)
            return config_refuse(place, "route: prefixes: %s: %s", r->prefixes[i],
                                 err == ERR_RANGE ? "bits are set behind the prefix"
                                                  : "not a prefix");
        for (unsigned j = 0; j < i; j++)
            if (prefix_same(prefix, &config->route_prefixes[j]))
                return config_refuse(place, "route: prefixes: %s: given twice", r->prefixes[i]);
    }
    config->route_prefix_count = r->prefixes_count;
    return ERR_OK;
}

static enum err check_exabgp(const struct config_place *place, const struct shed_route_file *r,
                             struct shed_config *config)
{
    if (r->prefixes_count == 0)
        return config_refuse(place, "route: through: exabgp needs prefixes");
    TRY(check_words(place, "next_hop", r->next_hop));
    TRY(check_words(place, "normal_attributes", r->normal_attributes));
    TRY(check_words(place, "low_attributes", r->low_attributes));
    return read_prefixes(place, r, config);
}

enum err shed_config_route(const struct config_place *place, const struct shed_config_file *file,
                           struct shed_config *config)
{
    struct shed_route_file *r = file->route;
    if (r == NULL)
        return ERR_OK;
    config->route = r;
    config->through = r->through;
    if (r->through == SHED_ROUTE_NONE)
        return ERR_OK;
    if (config->edge_count == 0)
        return config_refuse(place, "route: needs edges: nothing else says how the site is");
    TRY(shed_config_socket(place, "route: socket", &r->socket));
    return r->through == SHED_ROUTE_BIRD ? check_bird(place, r) : check_exabgp(place, r, config);
}
