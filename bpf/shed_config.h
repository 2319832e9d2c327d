/* SPDX-License-Identifier: Apache-2.0 */
/* shed.yaml, the configuration of statim-shed. Paths in it are relative to its own folder. */
#pragma once

#include "bpf/bird.h"
#include "bpf/edge_poll.h"
#include "bpf/exabgp.h"
#include "bpf/said.h"
#include "bpf/shed_filter.h"
#include "lib/os/address.h"
#include "lib/os/config.h"
#include "lib/os/log.h"

#define SHED_INTERFACES_MAX      16
#define SHED_INTERFACE_BYTES_MAX 15 /* IFNAMSIZ without its zero */
#define SHED_LIST_FILES_MAX      64
/* Prefixes of one list and IP version; the filter has room for those of operators beside them. */
#define SHED_RULES_MAX (FILTER_RULES_MAX - SAID_MAX)

#define SHED_PIN_FOLDER  "/sys/fs/bpf/statim"
#define SHED_BIRD_SOCKET "/run/bird/bird.ctl"
#define SHED_NEXT_HOP    "self"

#define SHED_BURST_MAX 10000000u

/* key, default, min, max, what it is. A rate of 0: not limited; of cookies and refusals: never
 * sent. A burst is how many may come at once. */
#define SHED_NUMBER_TABLE(X)                                                                     \
    X(buckets, FILTER_BUCKETS_DEFAULT, FILTER_BUCKETS_MIN, FILTER_BUCKETS_MAX,                   \
      "token buckets of a kind, a power of two; two kinds of 8 octets a bucket")                 \
    X(v4_prefix_bits, 24, 8, 32, "what counts as one source in IPv4")                            \
    X(v6_prefix_bits, 56, 16, 64, "what counts as one source in IPv6")                           \
    X(syn_per_s, 200, 0, FILTER_PREFIX_PER_S_MAX, "SYN of one source prefix")                    \
    X(syn_burst, 400, 1, SHED_BURST_MAX, "and at once")                                          \
    X(packets_per_s, 20000, 0, FILTER_PREFIX_PER_S_MAX, "packets of one source prefix")          \
    X(packets_burst, 40000, 1, SHED_BURST_MAX, "and at once")                                    \
    X(budget_per_s, 0, 0, FILTER_PER_S_MAX, "SYN of all sources together")                       \
    X(budget_burst, 1000, 1, SHED_BURST_MAX, "and at once")                                      \
    X(cookies_per_s, 0, 0, FILTER_PER_S_MAX, "SYN cookies sent for SYN beyond the budget")       \
    X(cookies_burst, 1000, 1, SHED_BURST_MAX, "and at once")                                     \
    X(refusals_per_s, 0, 0, FILTER_PER_S_MAX, "RST sent to those who are shed")                  \
    X(refusals_burst, 100, 1, SHED_BURST_MAX, "and at once")                                     \
    X(shed_period_s, 300, 1, 86400, "after it other source prefixes are the ones that are shed") \
    X(sample_one_in, 64, 0, 1000000, "dropped or answered packets that make an event; 0: none")

enum shed_route_through { SHED_ROUTE_NONE, SHED_ROUTE_BIRD, SHED_ROUTE_EXABGP };

/* The mapping route, as it is written; what is not given is NULL. */
struct shed_route_file {
    enum shed_route_through through;
    char *socket;                                  /* BIRD's */
    char *v4_normal, *v4_low, *v6_normal, *v6_low; /* BIRD's protocols */
    char **prefixes;                               /* what ExaBGP announces, */
    unsigned prefixes_count;
    char *next_hop;
    char *normal_attributes, *low_attributes; /* in ExaBGP's own words */
};

struct shed_list {
    struct prefix *prefixes; /* no two the same */
    uint32_t count;
};

struct shed_config {
    char **interfaces;
    unsigned interface_count;
    const char *pin_folder;
    bool generic; /* do not try the driver's mode */
    struct shed_service services[FILTER_SERVICES_MAX];
    struct address service_addresses[FILTER_SERVICES_MAX]; /* the same */
    uint32_t service_count;
    struct shed_list lists[4];   /* by filter_list */
    struct filter_config filter; /* without what is the loader's: hash_key, rule_count */
    struct address edges[EDGE_POLL_EDGES_MAX]; /* their admin listeners */
    unsigned edge_count;
    struct address probes[EDGE_POLL_PROBES_MAX]; /* services that are asked, for their latency */
    unsigned probe_count;
    struct controller_config controller;
    enum shed_route_through through;
    const struct shed_route_file *route; /* NULL: none */
    struct prefix route_prefixes[EXABGP_PREFIXES_MAX];
    uint32_t route_prefix_count;
    const char *control_socket;
    bool has_admin;
    struct address admin;
    enum log_level log_level;
#define X(name, fallback, min, max, text) uint64_t name;
    SHED_NUMBER_TABLE(X)
#undef X
    void *file; /* owns the strings */
};

/** Reads and checks, the files it names too. On failure ERR_CONFIG (or ERR_NOT_FOUND, ERR_IO,
 *  ERR_MEMORY) and one readable line in `message`. */
MUST_CHECK enum err shed_config_load(const char *path, struct shed_config **ret,
                                     char message[static CONFIG_MESSAGE_BYTES]);
/** Takes NULL, returns NULL. */
struct shed_config *shed_config_free(struct shed_config *config);
/** The number tables for people: key, default, least value, what it is. */
void shed_config_help(void);
