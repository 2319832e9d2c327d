/* SPDX-License-Identifier: Apache-2.0 */
/* The filter in the kernel as the agent holds it: loading, attaching, pinning, upgrading in place,
 * policies by generations, counters, events.
 *
 * Pinned below `pin_folder`/<interface>/ are the link and the program's maps (bpf/shed_pins.h). An
 * agent that stops, however it does, leaves the filter at work with its last policy and a shed
 * level that runs out. One that starts takes the maps over (buckets, counters, policy) and puts its
 * own program under the link in one step, so that no packet passes unfiltered. When the maps have
 * another layout or size, new ones are made, and the program before goes on until the first policy
 * of the new one is written: with new maps the buckets are full and the counters 0.
 *
 * The kernel never lets two put programs on one interface: another's is left alone (ERR_BUSY). The
 * folder of an interface is locked as long as its filter is held: what another agent holds is
 * neither taken over nor taken off. Not for two threads. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/filter.h"
#include "bpf/prefix.h"
#include "lib/err.h"

struct shed_filter;
struct shed_filter_config {
    const char *interface;
    const char *pin_folder;           /* below a bpf file system */
    uint32_t buckets;                 /* of a kind; a power of two */
    bool generic;                     /* do not try the driver's mode */
    const struct shed_filter *before; /* this process holds the interface with it; or NULL */
};
struct shed_service {
    uint8_t version; /* 4 or 6 */
    uint8_t address[16];
    uint16_t port; /* host order */
};
/* Everything that changes at once. hash_key is the filter's own affair. */
struct shed_policy {
    struct filter_config config;
    const struct shed_service *services;
    uint32_t service_count;
    const struct prefix *lists[4]; /* by filter_list */
    uint32_t list_count[4];
};

/** Loads and attaches, or upgrades what is pinned. Nothing is filtered before the first policy. On
 * failure a readable line in `message`, and what was attached before stays as it was.
 * `*ret_generic`: the driver cannot do it, the kernel's generic mode is used. ERR_NOT_FOUND: no
 * such interface; ERR_UNSUPPORTED: not in a bpf file system; ERR_BUSY: another's program is
 * attached, what is pinned holds another interface, or another agent holds it; ERR_IO; ERR_LIMIT;
 * ERR_MEMORY. */
MUST_CHECK enum err shed_filter_open(const struct shed_filter_config *config,
                                     struct shed_filter **ret, bool *ret_generic,
                                     char message[static 256]);
/** Puts a policy in force in one step. On failure the one before stays. Waits three times until no
 * program runs that began before (bpf/shed_tries.h): some tens of milliseconds. ERR_LIMIT: more
 * services or prefixes than there may be; ERR_IO. */
MUST_CHECK enum err shed_filter_policy(struct shed_filter *f, const struct shed_policy *policy,
                                       char message[static 256]);
/** What is shed until `until_ns` of the monotonic clock. */
void shed_filter_level(struct shed_filter *f, uint32_t permille, uint64_t until_ns);
/** What is shed at this time: also what an agent before this one has set. */
uint32_t shed_filter_level_at(const struct shed_filter *f, uint64_t now_ns);
/** Sums over processors. */
MUST_CHECK enum err shed_filter_counts(struct shed_filter *f,
                                       struct filter_count counts[static FILTER_REASON_COUNT],
                                       uint64_t trouble[static FILTER_TROUBLE_COUNT]);
/** false: the interface has gone or has another name, or somebody has taken the filter off. One
 * that comes again under its name is another: open anew. */
bool shed_filter_attached(const struct shed_filter *f);
/** A descriptor that is readable when there are events, and what reads them: calls `each` for what
 * is there. */
int shed_filter_events_fd(const struct shed_filter *f);
MUST_CHECK enum err
shed_filter_events(struct shed_filter *f,
                   void (*each)(void *context, const struct filter_event *event), void *context);
/** Lets go; the pinned filter stays. Takes NULL, returns NULL. */
struct shed_filter *shed_filter_close(struct shed_filter *f);
/** Takes a pinned filter off its interface and removes the pins. ERR_NOT_FOUND: there is none;
 * ERR_BUSY: an agent, or a filter of this process, holds it. */
MUST_CHECK enum err shed_filter_remove(const char *interface, const char *pin_folder,
                                       char message[static 256]);
