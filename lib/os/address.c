/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/address.h"

#include <arpa/inet.h>
#include <stdio.h>

#define PORT_MAX 65535

static bool port_from_text(struct span text, in_port_t *ret)
{
    uint32_t port = 0;
    if (text.size == 0 || text.size > 5 || (text.size > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        port = port * 10 + (text.data[i] - '0');
    }
    if (port > PORT_MAX)
        return false;
    *ret = htons((uint16_t)port);
    return true;
}

/* Splits "host:port" and "[host]:port"; the host as a string, its form in ret_v6. */
static bool split(struct span text, char host[static INET6_ADDRSTRLEN], bool *ret_v6,
                  struct span *ret_port)
{
    bool v6 = text.size > 0 && text.data[0] == '[';
    size_t start = v6 ? 1 : 0;
    const uint8_t *end = text.size == 0 ? NULL : memchr(text.data, v6 ? ']' : ':', text.size);
    if (end == NULL)
        return false;
    size_t host_size = (size_t)(end - text.data) - start;
    size_t port_at = start + host_size + (v6 ? 2 : 1);
    if (host_size >= INET6_ADDRSTRLEN || port_at > text.size || text.data[port_at - 1] != ':')
        return false;
    memcpy(host, text.data + start, host_size);
    host[host_size] = '\0';
    *ret_v6 = v6;
    *ret_port = span_of(text.data + port_at, text.size - port_at);
    return strlen(host) == host_size;
}

enum err address_from_text(struct span text, struct address *ret)
{
    char host[INET6_ADDRSTRLEN];
    bool v6;
    struct span port_text;
    in_port_t port;
    if (!split(text, host, &v6, &port_text) || !port_from_text(port_text, &port))
        return ERR_MALFORMED;
    struct address address = {0};
    if (v6) {
        address.size = sizeof address.sa.v6;
        address.sa.v6.sin6_family = AF_INET6;
        address.sa.v6.sin6_port = port;
        if (inet_pton(AF_INET6, host, &address.sa.v6.sin6_addr) != 1)
            return ERR_MALFORMED;
    } else {
        address.size = sizeof address.sa.v4;
        address.sa.v4.sin_family = AF_INET;
        address.sa.v4.sin_port = port;
        if (inet_pton(AF_INET, host, &address.sa.v4.sin_addr) != 1)
            return ERR_MALFORMED;
    }
    *ret = address;
    return ERR_OK;
}

void address_to_text(const struct address *address, char ret[static ADDRESS_TEXT_BYTES])
{
    char host[INET6_ADDRSTRLEN];
    switch (address->sa.any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address->sa.v4.sin_addr, host, sizeof host);
        snprintf(ret, ADDRESS_TEXT_BYTES, "%s:%u", host, ntohs(address->sa.v4.sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &address->sa.v6.sin6_addr, host, sizeof host);
        snprintf(ret, ADDRESS_TEXT_BYTES, "[%s]:%u", host, ntohs(address->sa.v6.sin6_port));
        break;
    default:
        snprintf(ret, ADDRESS_TEXT_BYTES, "unknown");
    }
}
