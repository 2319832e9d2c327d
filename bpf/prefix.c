/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/prefix.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "lib/check.h"

/* ::ffff:0.0.0.0/96 */
#define MAPPED_BITS 96
static const uint8_t mapped[MAPPED_BITS / 8] = {[10] = 0xFF, [11] = 0xFF};

static unsigned bits_max(unsigned version)
{
    return version == 4 ? 32 : 128;
}

struct prefix prefix_of(unsigned version, const uint8_t address[static 16], unsigned bits)
{
    CHECK((version == 4 || version == 6) && bits <= bits_max(version));
    struct prefix prefix = {.version = (uint8_t)version, .bits = (uint8_t)bits};
    for (unsigned i = 0; i < bits_max(version) / 8; i++) {
        unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
        unsigned mask = kept >= 8 ? 0xFF : 0xFF00u >> kept & 0xFF;
        prefix.address[i] = (uint8_t)(address[i] & mask);
    }
    return prefix;
}

bool prefix_same(const struct prefix *a, const struct prefix *b)
{
    return a->version == b->version && a->bits == b->bits &&
           memcmp(a->address, b->address, sizeof a->address) == 0;
}

/* Decimal without a sign or leading zeros. */
static bool read_bits(const char *text, unsigned most, unsigned *ret)
{
    unsigned value = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = 10 * value + (unsigned)(*text - '0');
        if (value > most)
            return false;
    }
    *ret = value;
    return true;
}

enum err prefix_parse(struct span text, struct prefix *ret)
{
    char copy[PREFIX_TEXT_BYTES];
    uint8_t address[16] = {0};
    if (text.size == 0 || text.size >= sizeof copy || memchr(text.data, '\0', text.size) != NULL)
        return ERR_MALFORMED;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    char *slash = strchr(copy, '/');
    if (slash != NULL)
        *slash = '\0';
    unsigned version = strchr(copy, ':') == NULL ? 4 : 6;
    if (inet_pton(version == 4 ? AF_INET : AF_INET6, copy, address) != 1)
        return ERR_MALFORMED;
    unsigned bits = bits_max(version);
    if (slash != NULL && !read_bits(slash + 1, bits, &bits))
        return ERR_MALFORMED;
    if (version == 6 && bits >= MAPPED_BITS && memcmp(address, mapped, sizeof mapped) == 0)
        return ERR_MALFORMED;
    struct prefix prefix = prefix_of(version, address, bits);
    if (memcmp(prefix.address, address, sizeof address) != 0)
        return ERR_RANGE;
    *ret = prefix;
    return ERR_OK;
}

void prefix_text(const struct prefix *prefix, char out[static PREFIX_TEXT_BYTES])
{
    char address[INET6_ADDRSTRLEN] = "";
    int family = prefix->version == 4 ? AF_INET : AF_INET6;
    CHECK(inet_ntop(family, prefix->address, address, sizeof address) != NULL);
    if (prefix->bits == bits_max(prefix->version))
        snprintf(out, PREFIX_TEXT_BYTES, "%s", address);
    else
        snprintf(out, PREFIX_TEXT_BYTES, "%s/%u", address, prefix->bits);
}
