/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/redis_dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/os/address.h"

_Static_assert(sizeof((struct sockaddr_un *)NULL)->sun_path <= REDIS_ADDRESS_TEXT_BYTES,
               "the path of a unix socket fits the text");

static enum err unix_read(const char *text, struct redis_address *address)
{
    struct sockaddr_un *to = (struct sockaddr_un *)&address->socket;
    size_t size = strlen(text);
    if (size >= sizeof to->sun_path)
        return ERR_MALFORMED;
    to->sun_family = AF_UNIX;
    memcpy(to->sun_path, text, size);
    address->size = sizeof *to;
    return ERR_OK;
}

static enum err tcp_read(const char *text, struct redis_address *address)
{
    struct address tcp;
    TRY(address_from_text(span_text(text), &tcp));
    memcpy(&address->socket, &tcp.sa, tcp.size);
    address->size = tcp.size;
    return ERR_OK;
}

enum err redis_address_read(const char *text, struct redis_address *ret)
{
    struct redis_address address = {0};
    TRY(text[0] == '/' ? unix_read(text, &address) : tcp_read(text, &address));
    snprintf(address.text, sizeof address.text, "%s", text);
    *ret = address;
    return ERR_OK;
}

enum err redis_dial(const struct redis_address *address, int *ret_fd)
{
    int on = 1;
    int family = address->socket.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_IO;
    /* Small commands are not to wait for the acknowledgement of the one before. */
    if (family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int result;
    do
        result = connect(fd, (const struct sockaddr *)&address->socket, address->size);
    while (result != 0 && errno == EINTR);
    /* A unix socket says EAGAIN when the server's backlog is full: a failure like any other. */
    if (result != 0 && errno != EINPROGRESS) {
        int saved = errno;
        close(fd);
        errno = saved;
        return ERR_IO;
    }
    *ret_fd = fd;
    return ERR_OK;
}

enum err redis_dial_result(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;
    if (poll(&p, 1, 0) <= 0)
        return ERR_BUSY;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return ERR_IO;
    errno = error;
    return error == 0 ? ERR_OK : ERR_IO;
}
