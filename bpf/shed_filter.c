/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/shed_filter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bpf/shed_link.h"
#include "bpf/shed_pins.h"
#include "bpf/shed_tries.h"
#include "lib/check.h"

#include <filter.skel.h>

struct shed_filter {
    struct filter_bpf *skeleton;
    struct ring_buffer *ring;
    struct shed_pins pins;
    char interface[IF_NAMESIZE];
    unsigned ifindex;
    int link;                       /* -1: not attached yet */
    int lock;                       /* of the interface's folder; -1: not taken yet */
    bool maps_pinned;               /* those of the skeleton */
    bool in_force;                  /* the link runs the skeleton's program */
    struct filter_control *control; /* the map itself; NULL: not there yet */
    struct filter_count *counts;    /* room for one value of each processor */
    uint64_t *numbers;
    unsigned processors;
    void (*each)(void *context, const struct filter_event *event);
    void *each_context;
};

/* What libbpf said first, for the message: it says more than its error numbers do. */
static char library_said[SHED_MESSAGE_BYTES];

__attribute__((format(printf, 2, 0))) static int
on_library_says(enum libbpf_print_level level, const char *format, va_list arguments)
{
    if (level == LIBBPF_WARN && library_said[0] == '\0') {
        vsnprintf(library_said, sizeof library_said, format, arguments);
        library_said[strcspn(library_said, "\n")] = '\0';
    }
    return 0;
}

/* What this process may not do of what the filter takes; "": nothing. */
static void find_missing(char *out, size_t size)
{
    static const struct {
        unsigned number;
        bool of_sys_admin; /* who has CAP_SYS_ADMIN has it too */
        const char *name;
    } wanted[] = {{CAP_BPF, true, " CAP_BPF"},
                  {CAP_PERFMON, true, " CAP_PERFMON"},
                  {CAP_NET_ADMIN, false, " CAP_NET_ADMIN"}};
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3] = {0};
    size_t used = 0;
    out[0] = '\0';
    if (syscall(SYS_capget, &header, words) != 0)
        return;
    uint64_t have = (uint64_t)words[1].effective << 32 | words[0].effective;
    for (unsigned i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        bool has = have >> wanted[i].number & 1;
        has = has || (wanted[i].of_sys_admin && have >> CAP_SYS_ADMIN & 1);
        if (!has && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s", wanted[i].name);
    }
}

static enum err fail_load(int result, char message[static SHED_MESSAGE_BYTES])
{
    char missing[64];
    find_missing(missing, sizeof missing);
    if ((result == -EPERM || result == -EACCES) && missing[0] != '\0')
        shed_say(message, "the filter cannot be loaded: %s: this process lacks%s",
                 strerror(-result), missing);
    else
        shed_say(message, "the filter cannot be loaded: %s (%.150s)", strerror(-result),
                 library_said);
    return ERR_IO;
}

/* What the kernel's coarse clocks go by. */
static uint64_t tick_ns(void)
{
    struct timespec tick;
    CHECK(clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == 0 && tick.tv_sec == 0);
    return (uint64_t)tick.tv_nsec;
}

static enum err open_object(const struct shed_filter_config *config, struct shed_filter *f,
                            char message[static SHED_MESSAGE_BYTES])
{
    library_said[0] = '\0';
    libbpf_set_print(on_library_says);
    f->skeleton = filter_bpf__open();
    if (f->skeleton == NULL)
        return fail_load(-errno, message);
    f->skeleton->rodata->filter_set_mask = config->buckets / FILTER_PLACES - 1;
    f->skeleton->rodata->filter_tick_ns = tick_ns();
    f->skeleton->rodata->filter_with_cookies =
        libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_tcp_raw_gen_syncookie_ipv4, NULL) == 1;
    int result =
        bpf_map__set_max_entries(f->skeleton->maps.buckets, 2 * config->buckets / FILTER_PLACES);
    return result == 0 ? ERR_OK : fail_load(result, message);
}

static enum err load(struct shed_filter *f, const struct shed_filter *before,
                     char message[static SHED_MESSAGE_BYTES])
{
    TRY(shed_pins_make(&f->pins, message));
    TRY(shed_pins_lock(&f->pins, before != NULL ? before->lock : -1, &f->lock, message));
    TRY(shed_pins_reuse(&f->pins, f->skeleton->obj, &f->maps_pinned, message));
    library_said[0] = '\0';
    int result = filter_bpf__load(f->skeleton);
    if (result != 0)
        return fail_load(result, message);
    void *words = mmap(NULL, sizeof *f->control, PROT_READ | PROT_WRITE, MAP_SHARED,
                       bpf_map__fd(f->skeleton->maps.control), 0);
    if (words == MAP_FAILED)
        return fail_load(-errno, message);
    f->control = words;
    return ERR_OK;
}

/* --- Attaching --- */

static enum err pin_maps(struct shed_filter *f, char message[static SHED_MESSAGE_BYTES])
{
    if (f->maps_pinned)
        return ERR_OK;
    TRY(shed_pins_put(&f->pins, f->skeleton->obj, message));
    f->maps_pinned = true;
    return ERR_OK;
}

static int program_of(const struct shed_filter *f)
{
    return bpf_program__fd(f->skeleton->progs.statim_filter);
}

/* With maps that are new under a link that is there the program waits for the first policy: until
 * then the one before goes on. */
static enum err attach(struct shed_filter *f, bool generic, bool *ret_generic,
                       char message[static SHED_MESSAGE_BYTES])
{
    TRY(shed_link_find(f->pins.link, f->ifindex, &f->link, message));
    if (f->link >= 0)
        *ret_generic = shed_link_is_generic(f->ifindex);
    if (f->link >= 0 && !f->maps_pinned)
        return ERR_OK;
    if (f->link >= 0) {
        TRY(shed_link_update(f->link, program_of(f), message));
    } else {
        TRY(pin_maps(f, message));
        TRY(shed_link_make(f->pins.link, f->ifindex, program_of(f), generic, &f->link, ret_generic,
                           message));
    }
    f->in_force = true;
    return ERR_OK;
}

/* --- Reading --- */

static int on_event(void *context, void *data, size_t size)
{
    struct shed_filter *f = context;
    if (f->each != NULL && size >= sizeof(struct filter_event))
        f->each(f->each_context, data);
    return 0;
}

static enum err start_reading(struct shed_filter *f, char message[static SHED_MESSAGE_BYTES])
{
    int processors = libbpf_num_possible_cpus();
    if (processors > 0) {
        f->processors = (unsigned)processors;
        f->counts = calloc(f->processors, sizeof *f->counts);
        f->numbers = calloc(f->processors, sizeof *f->numbers);
        f->ring = ring_buffer__new(bpf_map__fd(f->skeleton->maps.events), on_event, f, NULL);
    }
    if (f->counts != NULL && f->numbers != NULL && f->ring != NULL)
        return ERR_OK;
    shed_say(message, "events and counters cannot be read: %s", strerror(errno));
    return ERR_IO;
}

static enum err start(const struct shed_filter_config *config, struct shed_filter *f,
                      bool *ret_generic, char message[static SHED_MESSAGE_BYTES])
{
    f->ifindex = if_nametoindex(config->interface);
    if (f->ifindex == 0) {
        shed_say(message, "there is no interface %.64s", config->interface);
        return ERR_NOT_FOUND;
    }
    snprintf(f->interface, sizeof f->interface, "%s", config->interface);
    TRY(shed_pins_name(config->pin_folder, config->interface, &f->pins, message));
    TRY(open_object(config, f, message));
    TRY(load(f, config->before, message));
    TRY(start_reading(f, message));
    return attach(f, config->generic, ret_generic, message);
}

enum err shed_filter_open(const struct shed_filter_config *config, struct shed_filter **ret,
                          bool *ret_generic, char message[static 256])
{
    CHECK(config->buckets >= FILTER_BUCKETS_MIN && config->buckets <= FILTER_BUCKETS_MAX &&
          (config->buckets & (config->buckets - 1)) == 0);
    struct shed_filter *f = calloc(1, sizeof *f);
    if (f == NULL) {
        shed_say(message, "out of memory");
        return ERR_MEMORY;
    }
    f->link = f->lock = -1;
    bool generic = false;
    enum err err = start(config, f, &generic, message);
    if (err != ERR_OK) {
        shed_filter_close(f);
        return err;
    }
    *ret = f;
    *ret_generic = generic;
    return ERR_OK;
}

struct shed_filter *shed_filter_close(struct shed_filter *f)
{
    if (f == NULL)
        return NULL;
    ring_buffer__free(f->ring);
    if (f->link >= 0)
        close(f->link);
    if (f->lock >= 0)
        close(f->lock);
    if (f->control != NULL)
        munmap(f->control, sizeof *f->control);
    if (f->skeleton != NULL)
        filter_bpf__destroy(f->skeleton);
    free(f->counts);
    free(f->numbers);
    free(f);
    return NULL;
}

/* --- Policy --- */

static enum err say_error(const char *what, char message[static SHED_MESSAGE_BYTES])
{
    shed_say(message, "%s: %s", what, strerror(errno));
    return ERR_IO;
}

/* The services of a half go, and those of the policy come. */
static int clear_services(int map, uint32_t half)
{
    struct filter_service_key key;
    struct filter_service_key next;
    bool more = bpf_map_get_next_key(map, NULL, &next) == 0;
    while (more) {
        key = next;
        more = bpf_map_get_next_key(map, &key, &next) == 0;
        if (key.generation == half && bpf_map_delete_elem(map, &key) != 0 && errno != ENOENT)
            return -1;
    }
    return 0;
}

static int put_service(int map, const struct filter_service_key *key, struct filter_config *config)
{
    static const uint8_t nothing;
    filter_near_add(config, key);
    return bpf_map_update_elem(map, key, &nothing, BPF_ANY);
}

static int put_services(int map, uint32_t half, const struct shed_policy *policy,
                        struct filter_config *config)
{
    config->near_count = 0;
    for (uint32_t i = 0; i < policy->service_count; i++) {
        const struct shed_service *service = &policy->services[i];
        struct filter_service_key key = {.version = service->version, .generation = (__u8)half};
        memcpy(key.address, service->address, service->version == 4 ? 4 : 16);
        if (put_service(map, &key, config) != 0)
            return -1;
        key.port = __builtin_bswap16(service->port);
        if (put_service(map, &key, config) != 0)
            return -1;
    }
    return 0;
}

/* Secret, and kept as long as the buckets are that it found. */
static enum err hash_key(const struct shed_filter *f, uint64_t generation,
                         struct filter_config *config)
{
    struct filter_config before;
    uint32_t half = generation & 1;
    if (generation != 0) {
        if (bpf_map_lookup_elem(bpf_map__fd(f->skeleton->maps.configs), &half, &before) != 0)
            return ERR_IO;
        memcpy(config->hash_key, before.hash_key, sizeof config->hash_key);
        return ERR_OK;
    }
    ssize_t size = getrandom(config->hash_key, sizeof config->hash_key, 0);
    return size == sizeof config->hash_key ? ERR_OK : ERR_CRYPTO;
}

static enum err put_half(struct shed_filter *f, uint32_t half, struct filter_config *config,
                         const struct shed_policy *policy, char message[static SHED_MESSAGE_BYTES])
{
    int services = bpf_map__fd(f->skeleton->maps.services);
    enum err err =
        shed_tries_put(f->skeleton->maps.rules_v4, f->skeleton->maps.rules_v6, half, policy);
    if (err == ERR_LIMIT) {
        shed_say(message, "a list has more than %u prefixes", FILTER_RULES_MAX);
        return err;
    }
    if (err != ERR_OK)
        return say_error("the lists cannot be written", message);
    if (clear_services(services, half) != 0 || put_services(services, half, policy, config) != 0)
        return say_error("the services cannot be written", message);
    int configs = bpf_map__fd(f->skeleton->maps.configs);
    return bpf_map_update_elem(configs, &half, config, BPF_ANY) == 0
               ? ERR_OK
               : say_error("the configuration cannot be written", message);
}

enum err shed_filter_policy(struct shed_filter *f, const struct shed_policy *policy,
                            char message[static 256])
{
    struct filter_config config = policy->config;
    uint64_t generation = __atomic_load_n(&f->control->generation, __ATOMIC_RELAXED);
    if (policy->service_count > FILTER_SERVICES_MAX) {
        shed_say(message, "more than %u services", FILTER_SERVICES_MAX);
        return ERR_LIMIT;
    }
    if (hash_key(f, generation, &config) != ERR_OK)
        return say_error("the secret of the hash cannot be read or made", message);
    memcpy(config.rule_count, policy->list_count, sizeof config.rule_count);
    TRY(put_half(f, (generation + 1) & 1, &config, policy, message));
    __atomic_store_n(&f->control->generation, generation + 1, __ATOMIC_RELEASE);
    if (f->in_force)
        return ERR_OK;
    TRY(pin_maps(f, message)); /* whoever is killed here leaves the next one a whole policy */
    TRY(shed_link_update(f->link, program_of(f), message));
    f->in_force = true;
    return ERR_OK;
}

/* The share first: with the end first, one that has run out would come back for a moment. */
void shed_filter_level(struct shed_filter *f, uint32_t permille, uint64_t until_ns)
{
    __atomic_store_n(&f->control->shed_permille, permille, __ATOMIC_RELEASE);
    __atomic_store_n(&f->control->shed_until_ns, until_ns, __ATOMIC_RELEASE);
}

uint32_t shed_filter_level_at(const struct shed_filter *f, uint64_t now_ns)
{
    if (now_ns >= __atomic_load_n(&f->control->shed_until_ns, __ATOMIC_ACQUIRE))
        return 0;
    uint64_t permille = __atomic_load_n(&f->control->shed_permille, __ATOMIC_ACQUIRE);
    return permille < FILTER_SHED_ALL ? (uint32_t)permille : FILTER_SHED_ALL;
}

/* --- Counters and events --- */

static enum err count_reasons(struct shed_filter *f, struct filter_count *ret)
{
    int map = bpf_map__fd(f->skeleton->maps.counters);
    for (uint32_t reason = 0; reason < FILTER_REASON_COUNT; reason++) {
        if (bpf_map_lookup_elem(map, &reason, f->counts) != 0)
            return ERR_IO;
        ret[reason] = (struct filter_count){0};
        for (unsigned i = 0; i < f->processors; i++) {
            ret[reason].packets += f->counts[i].packets;
            ret[reason].bytes += f->counts[i].bytes;
        }
    }
    return ERR_OK;
}

enum err shed_filter_counts(struct shed_filter *f,
                            struct filter_count counts[static FILTER_REASON_COUNT],
                            uint64_t trouble[static FILTER_TROUBLE_COUNT])
{
    struct filter_count sums[FILTER_REASON_COUNT];
    uint64_t numbers[FILTER_TROUBLE_COUNT] = {0};
    int map = bpf_map__fd(f->skeleton->maps.trouble);
    TRY(count_reasons(f, sums));
    for (uint32_t what = 0; what < FILTER_TROUBLE_COUNT; what++) {
        if (bpf_map_lookup_elem(map, &what, f->numbers) != 0)
            return ERR_IO;
        for (unsigned i = 0; i < f->processors; i++)
            numbers[what] += f->numbers[i];
    }
    memcpy(counts, sums, sizeof sums);
    memcpy(trouble, numbers, sizeof numbers);
    return ERR_OK;
}

bool shed_filter_attached(const struct shed_filter *f)
{
    return f->link >= 0 && if_nametoindex(f->interface) == f->ifindex &&
           shed_link_is_on(f->link, f->ifindex);
}

int shed_filter_events_fd(const struct shed_filter *f)
{
    return ring_buffer__epoll_fd(f->ring);
}

enum err shed_filter_events(struct shed_filter *f,
                            void (*each)(void *context, const struct filter_event *event),
                            void *context)
{
    f->each = each;
    f->each_context = context;
    int result = ring_buffer__consume(f->ring);
    f->each = NULL;
    return result >= 0 ? ERR_OK : ERR_IO;
}

enum err shed_filter_remove(const char *interface, const char *pin_folder, char message[static 256])
{
    struct shed_pins pins;
    int lock = -1;
    TRY(shed_pins_name(pin_folder, interface, &pins, message));
    TRY(shed_pins_lock(&pins, -1, &lock, message));
    enum err err = shed_pins_remove(&pins, message);
    close(lock);
    return err;
}
