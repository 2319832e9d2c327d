/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PROBE_TIMEOUT_MS 1000

static bool connected(int fd, const struct addrinfo *address)
{
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return true;
    struct pollfd polled = {.fd = fd, .events = POLLOUT};
    if (errno != EINPROGRESS || poll(&polled, 1, PROBE_TIMEOUT_MS) != 1)
        return false;
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

static bool answers(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool good = connected(fd, address);
    close(fd);
    return good;
}

/* "localhost" is often [::1] first, where few servers listen. */
static const struct addrinfo *choose(const struct addrinfo *list)
{
    if (list->ai_next == NULL)
        return list;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        if (answers(a))
            return a;
    return list;
}

/* getaddrinfo() wants no brackets. */
static void bare_host(const struct load_options *options, char out[static LOAD_HOST_MAX + 1])
{
    size_t size = strlen(options->host);
    bool bracketed = size >= 2 && options->host[0] == '[';
    memcpy(out, options->host + bracketed, size + 1 - bracketed);
    if (bracketed)
        out[size - 2] = '\0';
}

enum err load_resolve(struct load_options *options)
{
    char host[LOAD_HOST_MAX + 1];
    struct addrinfo *list = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    bare_host(options, host);
    int error = getaddrinfo(host, options->port, &hints, &list);
    if (error != 0) {
        fprintf(stderr, "statim-bench: %s: %s\n", options->host, gai_strerror(error));
        return ERR_NOT_FOUND;
    }
    const struct addrinfo *chosen = choose(list);
    memcpy(&options->address, chosen->ai_addr, chosen->ai_addrlen);
    options->address_size = chosen->ai_addrlen;
    freeaddrinfo(list);
    return ERR_OK;
}
