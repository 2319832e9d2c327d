/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/url.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "lib/span.h"

#define DIGITS   "0123456789"
#define LETTERS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define HEX_ONLY DIGITS "abcdefABCDEF"

static bool consists_of(struct span text, const char *set)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == 0 || strchr(set, text.data[i]) == NULL)
            return false;
    return true;
}

static void copy_text(char *to, struct span from)
{
    memcpy(to, from.data, from.size);
    to[from.size] = '\0';
}

static const char *check_port(struct span port)
{
    char text[6];
    if (port.size == 0 || port.size >= sizeof text || !consists_of(port, DIGITS) ||
        port.data[0] == '0')
        return "the port is not a number from 1 to 65535";
    copy_text(text, port);
    return strtol(text, NULL, 10) > 65535 ? "the port is not a number from 1 to 65535" : NULL;
}

static const char *check_brackets(struct span host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (host.size < 2 || host.data[host.size - 1] != ']' || host.size - 2 >= sizeof text)
        return "what is in brackets is not an IPv6 address";
    copy_text(text, span_of(host.data + 1, host.size - 2));
    if (inet_pton(AF_INET6, text, &address) != 1)
        return "what is in brackets is not an IPv6 address";
    return NULL;
}

static const char *check_host(struct span host)
{
    if (host.size == 0)
        return "there is no host";
    if (host.size > LOAD_HOST_MAX)
        return "the host is too long";
    if (host.data[0] == '[')
        return check_brackets(host);
    if (!consists_of(host, LETTERS DIGITS "-._"))
        return "the host has characters that no name has";
    return NULL;
}

/* "//" stays, "%" and its digits are sent as they are. */
static const char *check_prefix(struct span prefix)
{
    if (prefix.size >= LOAD_PREFIX_MAX)
        return "the path is too long";
    for (size_t i = 0; i < prefix.size; i++) {
        uint8_t c = prefix.data[i];
        if (c == '?' || c == '#')
            return "it has a query or a fragment";
        if (c <= ' ' || c > '~' || strchr("\"<>\\^`{|}", c) != NULL)
            return "the path has characters that no URL has";
        if (c == '%' &&
            (i + 2 >= prefix.size || !consists_of(span_of(prefix.data + i + 1, 2), HEX_ONLY)))
            return "the path has a % without two hexadecimal digits";
    }
    return NULL;
}

static size_t host_size(struct span authority)
{
    const uint8_t *end = authority.size > 0 && authority.data[0] == '['
                             ? memchr(authority.data, ']', authority.size)
                             : memchr(authority.data, ':', authority.size);
    if (end == NULL)
        return authority.size;
    return (size_t)(end - authority.data) + (*end == ']' ? 1 : 0);
}

/* host[:port]: the port without its colon; "80" when there is none. */
static const char *split(struct span authority, struct span *ret_host, struct span *ret_port)
{
    size_t size = host_size(authority);
    *ret_host = span_of(authority.data, size);
    *ret_port = span_text("80");
    if (memchr(authority.data, '@', authority.size) != NULL)
        return "it has a user name";
    if (authority.size == size)
        return NULL;
    if (authority.data[size] != ':')
        return "what follows the address in brackets is not a port";
    *ret_port = span_of(authority.data + size + 1, authority.size - size - 1);
    return NULL;
}

const char *load_url_read(const char *url, struct load_options *ret)
{
    static const char scheme[] = "http://";
    struct span host, port;
    if (strncmp(url, "https://", 8) == 0)
        return "https is not spoken: OCSP and CRLs are fetched by http";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0)
        return "it does not begin with http://";
    const char *begin = url + sizeof scheme - 1;
    const char *path = begin + strcspn(begin, "/?#");
    struct span prefix = span_text(path);
    const char *why = split(span_of(begin, (size_t)(path - begin)), &host, &port);
    if (why == NULL)
        why = check_host(host);
    if (why == NULL)
        why = check_port(port);
    if (why == NULL)
        why = check_prefix(prefix);
    if (why != NULL)
        return why;
    copy_text(ret->host, host);
    copy_text(ret->port, port);
    copy_text(ret->prefix, prefix);
    if (prefix.size == 0 || prefix.data[prefix.size - 1] != '/')
        memcpy(ret->prefix + prefix.size, "/", 2);
    return NULL;
}
