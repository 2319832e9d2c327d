/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of Redis servers, and sockets to them. For lib/os/redis_link.c. */
#pragma once

#include <stddef.h>
#include <sys/socket.h>

#include "lib/err.h"

#define REDIS_ADDRESS_TEXT_BYTES 128

struct redis_address {
    char text[REDIS_ADDRESS_TEXT_BYTES];
    struct sockaddr_storage socket;
    socklen_t size;
};

/** "127.0.0.1:6379", "[::1]:6379", or the absolute path of a unix socket. ERR_MALFORMED. */
MUST_CHECK enum err redis_address_read(const char *text, struct redis_address *ret);

/** A socket that does not block, with its connection begun. ERR_IO (errno tells). */
MUST_CHECK enum err redis_dial(const struct redis_address *address, int *ret_fd);
/** How it went: ERR_BUSY while it goes on, ERR_IO (errno tells). */
MUST_CHECK enum err redis_dial_result(int fd);
