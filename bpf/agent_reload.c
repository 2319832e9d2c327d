/* SPDX-License-Identifier: Apache-2.0 */
/* Another configuration while at work: everything that can fail is done beside what is there, and
 * put in force by what cannot. */
#include <stdio.h>
#include <string.h>

#include "bpf/agent_internal.h"

struct next {
    struct shed_config *config;
    struct guards guards;
    struct edge_poll *poll;
    struct route_driver *driver;
};

static bool address_equal(const struct address *a, const struct address *b)
{
    return a->size == b->size && memcmp(&a->sa, &b->sa, a->size) == 0;
}

static bool text_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool prefixes_equal(const struct shed_config *a, const struct shed_config *b)
{
    if (a->route_prefix_count != b->route_prefix_count)
        return false;
    for (uint32_t i = 0; i < a->route_prefix_count; i++)
        if (!prefix_same(&a->route_prefixes[i], &b->route_prefixes[i]))
            return false;
    return true;
}

static bool route_equal(const struct shed_config *a, const struct shed_config *b)
{
    if (a->through != b->through || a->through == SHED_ROUTE_NONE)
        return a->through == b->through;
    return text_equal(a->route->socket, b->route->socket) &&
           text_equal(a->route->v4_normal, b->route->v4_normal) &&
           text_equal(a->route->v4_low, b->route->v4_low) &&
           text_equal(a->route->v6_normal, b->route->v6_normal) &&
           text_equal(a->route->v6_low, b->route->v6_low) &&
           text_equal(a->route->next_hop, b->route->next_hop) &&
           text_equal(a->route->normal_attributes, b->route->normal_attributes) &&
           text_equal(a->route->low_attributes, b->route->low_attributes) && prefixes_equal(a, b);
}

/* What an agent is started with. NULL: all of it is the same. */
static const char *fixed_key(const struct shed_config *a, const struct shed_config *b)
{
    if (strcmp(a->pin_folder, b->pin_folder) != 0)
        return "pin_folder";
    if (strcmp(a->control_socket, b->control_socket) != 0)
        return "control_socket";
    if (a->has_admin != b->has_admin || !address_equal(&a->admin, &b->admin))
        return "admin";
    if (a->generic != b->generic)
        return "generic";
    if (a->buckets != b->buckets)
        return "buckets";
    /* ExaBGP would keep what it was told, and its answers are counted. */
    if ((a->through == SHED_ROUTE_EXABGP || b->through == SHED_ROUTE_EXABGP) && !route_equal(a, b))
        return "route";
    return NULL;
}

static enum err make_next(struct agent *a, struct next *n,
                          char message[static CONFIG_MESSAGE_BYTES])
{
    TRY(shed_config_load(a->path, &n->config, message));
    const char *key = fixed_key(a->config, n->config);
    if (key != NULL) {
        snprintf(message, CONFIG_MESSAGE_BYTES, "%s: a change needs a restart", key);
        return ERR_CONFIG;
    }
    TRY(agent_host_check(n->config, message));
    TRY(agent_poll_new(n->config, &n->poll));
    if (route_equal(a->config, n->config))
        n->driver = a->route.driver;
    else
        TRY(agent_route_new(n->config, &n->driver, message));
    return guards_open(n->config, &a->guards, &n->guards, message);
}

/* The one step. On failure what guards_open() gave is to be given up. */
static enum err take_policy(struct agent *a, struct next *n,
                            char message[static CONFIG_MESSAGE_BYTES])
{
    struct shed_policy policy, old;
    TRY(agent_policy_make(a, n->config, &policy));
    enum err err = agent_policy_make(a, a->config, &old);
    if (err == ERR_OK) {
        err = guards_policy(&n->guards, &policy, &old, message);
        agent_policy_free(&old);
    }
    agent_policy_free(&policy);
    return err;
}

static void take_over(struct agent *a, struct next *n)
{
    guards_drop(&a->guards, &n->guards, a->config->pin_folder);
    guards_replace(&a->guards, &n->guards);
    a->guards = n->guards;
    edge_poll_free(a->poll);
    a->poll = n->poll;
    if (n->driver != a->route.driver) {
        route_free(a->route.driver);
        a->route = (struct route_state){.driver = n->driver};
    }
    shed_config_free(a->config);
    a->config = n->config;
    log_start("statim-shed", a->config->log_level);
    const struct controller_config numbers = agent_controller(a->config);
    controller_configure(&a->controller, &numbers);
}

static void give_up(struct agent *a, struct next *n)
{
    edge_poll_free(n->poll);
    if (n->driver != a->route.driver)
        route_free(n->driver);
    shed_config_free(n->config);
}

void agent_reload(struct agent *a, uint64_t now_ns)
{
    struct next n = {0};
    char message[CONFIG_MESSAGE_BYTES] = "";
    enum err err = make_next(a, &n, message);
    if (err == ERR_OK) {
        err = take_policy(a, &n, message);
        if (err != ERR_OK)
            guards_undo(&n.guards, &a->guards, n.config->pin_folder);
    }
    if (err != ERR_OK) {
        give_up(a, &n);
        a->view.values[SHED_RELOADS_FAILED]++;
        log_error("configuration not reloaded, the old one stays: %s",
                  message[0] != '\0' ? message : err_text(err));
        return;
    }
    take_over(a, &n);
    a->view.values[SHED_RELOADS]++;
    a->look_ns = now_ns;
    log_info("configuration reloaded");
}
