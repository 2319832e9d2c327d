/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of several interfaces as one. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf/agent_internal.h"
#include "lib/limit.h"

static const struct guard *find(const struct guards *g, const char *interface)
{
    for (unsigned i = 0; i < g->count; i++)
        if (strcmp(g->guards[i].interface, interface) == 0)
            return &g->guards[i];
    return NULL;
}

static bool is_pinned(const struct shed_config *config, const char *interface)
{
    char path[PATH_BYTES_MAX + SHED_INTERFACE_BYTES_MAX + 2];
    snprintf(path, sizeof path, "%s/%s", config->pin_folder, interface);
    return access(path, F_OK) == 0;
}

static enum err open_one(const struct shed_config *config, const char *interface,
                         const struct guard *before, struct guard *ret,
                         char message[static AGENT_MESSAGE_BYTES])
{
    const struct shed_filter_config wanted = {
        .interface = interface,
        .pin_folder = config->pin_folder,
        .buckets = (uint32_t)config->buckets,
        .generic = config->generic,
        .before = before != NULL ? before->filter : NULL,
    };
    struct guard guard = {.found = is_pinned(config, interface)};
    snprintf(guard.interface, sizeof guard.interface, "%s", interface);
    TRY(shed_filter_open(&wanted, &guard.filter, &guard.generic, message));
    if (guard.generic && !config->generic)
        log_warning("%s: its driver knows no XDP: the kernel's generic mode is used, which costs "
                    "several times as much a packet",
                    interface);
    *ret = guard;
    return ERR_OK;
}

static void take_off(struct guard *guard, const char *pin_folder)
{
    char why[AGENT_MESSAGE_BYTES] = "";
    guard->filter = shed_filter_close(guard->filter);
    enum err err = shed_filter_remove(guard->interface, pin_folder, why);
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        log_error("%s: not detached: %s", guard->interface, why);
    else
        log_info("%s: detached", guard->interface);
}

void guards_undo(struct guards *opened, const struct guards *before, const char *pin_folder)
{
    for (unsigned i = 0; i < opened->count; i++) {
        struct guard *guard = &opened->guards[i];
        const struct guard *there = find(before, guard->interface);
        if (there != NULL && there->filter == guard->filter)
            continue;
        if (guard->found)
            guard->filter = shed_filter_close(guard->filter);
        else
            take_off(guard, pin_folder);
    }
}

enum err guards_open(const struct shed_config *config, const struct guards *before,
                     struct guards *ret, char message[static AGENT_MESSAGE_BYTES])
{
    struct guards opened = {0};
    for (unsigned i = 0; i < config->interface_count; i++) {
        const struct guard *there = find(before, config->interfaces[i]);
        struct guard *next = &opened.guards[opened.count];
        bool stands = there != NULL && shed_filter_attached(there->filter);
        if (stands)
            *next = *there;
        enum err err =
            stands ? ERR_OK : open_one(config, config->interfaces[i], there, next, message);
        if (err != ERR_OK) {
            guards_undo(&opened, before, config->pin_folder);
            return err;
        }
        opened.count++;
    }
    *ret = opened;
    return ERR_OK;
}

enum err guards_policy(struct guards *g, const struct shed_policy *policy,
                       const struct shed_policy *old, char message[static AGENT_MESSAGE_BYTES])
{
    enum err err = ERR_OK;
    unsigned count = 0;
    while (count < g->count && err == ERR_OK) {
        err = shed_filter_policy(g->guards[count].filter, policy, message);
        count += err == ERR_OK;
    }
    if (err == ERR_OK)
        return ERR_OK;
    for (unsigned i = 0; i < count && old != NULL; i++) {
        char why[AGENT_MESSAGE_BYTES] = "";
        if (shed_filter_policy(g->guards[i].filter, old, why) != ERR_OK)
            log_error("%s: has another policy than the other interfaces: %s",
                      g->guards[i].interface, why);
    }
    return err;
}

uint32_t guards_level(const struct guards *g, uint64_t now_ns)
{
    uint32_t highest = 0;
    for (unsigned i = 0; i < g->count; i++) {
        uint32_t level = shed_filter_level_at(g->guards[i].filter, now_ns);
        highest = level > highest ? level : highest;
    }
    return highest;
}

void guards_drop(struct guards *g, const struct guards *kept, const char *pin_folder)
{
    for (unsigned i = 0; i < g->count; i++)
        if (find(kept, g->guards[i].interface) == NULL)
            take_off(&g->guards[i], pin_folder);
}

const struct guard *guards_lost(const struct guards *g)
{
    for (unsigned i = 0; i < g->count; i++)
        if (!shed_filter_attached(g->guards[i].filter))
            return &g->guards[i];
    return NULL;
}

void guards_replace(struct guards *g, const struct guards *next)
{
    for (unsigned i = 0; i < g->count; i++) {
        struct guard *guard = &g->guards[i];
        const struct guard *other = find(next, guard->interface);
        if (other != NULL && other->filter != guard->filter)
            guard->filter = shed_filter_close(guard->filter);
    }
}

void guards_close(struct guards *g)
{
    for (unsigned i = 0; i < g->count; i++)
        g->guards[i].filter = shed_filter_close(g->guards[i].filter);
    g->count = 0;
}
