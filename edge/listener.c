/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener_open(const struct address *address)
{
    const int on = 1;
    int fd = socket(address->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* TCP_NODELAY is inherited by what is accepted. IPv6 sockets do not take IPv4: an address is
     * what it says. */
    bool done = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
                (address->sa.any.sa_family != AF_INET6 ||
                 setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
                bind(fd, &address->sa.any, address->size) == 0 && listen(fd, LISTEN_BACKLOG) == 0;
    if (done)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static bool same_address(const struct address *a, const struct address *b)
{
    return a->size == b->size && memcmp(&a->sa, &b->sa, a->size) == 0;
}

static struct listener *find(struct listener_set *set, const struct address *address,
                             unsigned worker_no)
{
    for (unsigned i = 0; set != NULL && i < set->count; i++) {
        struct listener *listener = &set->listeners[i];
        if (listener->fd >= 0 && listener->worker_no == worker_no &&
            same_address(&listener->address, address))
            return listener;
    }
    return NULL;
}

/* For the first worker of an address with port 0: the port that the others must share. */
static void learn_port(const struct listener *listener, struct address *address)
{
    struct address bound = *address;
    if (getsockname(listener->fd, &bound.sa.any, &bound.size) == 0)
        *address = bound;
}

static enum err fill(struct listener_set *old, struct listener_set *set, struct address *addresses,
                     struct address *ret_failed)
{
    for (unsigned worker = 0; worker < set->worker_count; worker++) {
        for (unsigned i = 0; i < set->address_count; i++) {
            struct listener *listener = &set->listeners[set->count];
            const struct listener *kept = find(old, &addresses[i], worker);
            *listener = (struct listener){.worker_no = worker, .address = addresses[i]};
            listener->fd = kept != NULL ? kept->fd : listener_open(&addresses[i]);
            if (listener->fd < 0) {
                *ret_failed = addresses[i];
                return ERR_IO;
            }
            if (worker == 0)
                learn_port(listener, &addresses[i]);
            listener->address = addresses[i];
            set->count++;
        }
    }
    return ERR_OK;
}

static bool is_from(const struct listener_set *old, int fd)
{
    for (unsigned i = 0; old != NULL && i < old->count; i++) {
        if (old->listeners[i].fd == fd)
            return true;
    }
    return false;
}

static void forget_taken(struct listener_set *old, const struct listener_set *set)
{
    for (unsigned i = 0; old != NULL && i < old->count; i++) {
        if (old->listeners[i].fd >= 0 && is_from(set, old->listeners[i].fd))
            old->listeners[i].fd = -1;
    }
}

enum err listener_set_make(struct listener_set *old, const struct address *addresses,
                           unsigned address_count, unsigned worker_count, struct listener_set *ret,
                           struct address *ret_failed)
{
    struct listener_set set = {.address_count = address_count, .worker_count = worker_count};
    struct address *wanted = malloc(address_count * sizeof *wanted);
    set.listeners = calloc((size_t)address_count * worker_count, sizeof *set.listeners);
    enum err err = ERR_MEMORY;
    if (wanted != NULL && set.listeners != NULL) {
        memcpy(wanted, addresses, address_count * sizeof *wanted);
        err = fill(old, &set, wanted, ret_failed);
    }
    int saved = errno;
    free(wanted);
    if (err == ERR_OK) {
        forget_taken(old, &set);
        *ret = set;
        return ERR_OK;
    }
    for (unsigned i = 0; i < set.count; i++) {
        if (!is_from(old, set.listeners[i].fd))
            close(set.listeners[i].fd);
    }
    free(set.listeners);
    errno = saved;
    return err;
}

void listener_set_done(struct listener_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        if (set->listeners[i].fd >= 0)
            close(set->listeners[i].fd);
    }
    free(set->listeners);
    *set = (struct listener_set){0};
}
