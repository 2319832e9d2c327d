/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>

#include "issuer/leaf_name_ip.h"

#define TEXT_BYTES 46 /* INET6_ADDRSTRLEN */

struct network {
    uint8_t octets[4];
    uint8_t bits;
};

/* All entries of the IANA IPv4 Special-Purpose Address Registry that are networks, and multicast:
 * a Reserved IP Address of BR 1.6.1 is one in any of them. */
static const struct network reserved_v4[] = {
    {{0}, 8},
    {{10}, 8},
    {{100, 64}, 10},
    {{127}, 8},
    {{169, 254}, 16},
    {{172, 16}, 12},
    {{192, 0, 0}, 24},
    {{192, 0, 2}, 24},
    {{192, 31, 196}, 24},
    {{192, 52, 193}, 24},
    {{192, 88, 99}, 24},
    {{192, 168}, 16},
    {{192, 175, 48}, 24},
    {{198, 18}, 15},
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24},
    {{224}, 4},
    {{240}, 4},
};

/* Of the only block that is given to anybody, 2000::/3: what its registry has in special. */
struct network_v6 {
    uint8_t octets[6];
    uint8_t bits;
};

static const struct network_v6 reserved_v6[] = {
    {{0x20, 0x01, 0x00}, 23},                   /* IETF protocol assignments, Teredo, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32},             /* documentation */
    {{0x20, 0x02}, 16},                         /* 6to4 */
    {{0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48}, /* AS112 */
    {{0x3f, 0xff, 0x00}, 20},                   /* documentation, RFC 9637 */
};

static bool within(const uint8_t *address, const uint8_t *network, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return memcmp(address, network, whole) == 0 &&
           (rest == 0 || (address[whole] & mask) == (network[whole] & mask));
}

bool leaf_name_ip_reserved(struct span address)
{
    static const uint8_t global[] = {0x20};
    if (address.size == 4) {
        for (size_t i = 0; i < sizeof reserved_v4 / sizeof reserved_v4[0]; i++)
            if (within(address.data, reserved_v4[i].octets, reserved_v4[i].bits))
                return true;
        return false;
    }
    if (!within(address.data, global, 3))
        return true;
    for (size_t i = 0; i < sizeof reserved_v6 / sizeof reserved_v6[0]; i++)
        if (within(address.data, reserved_v6[i].octets, reserved_v6[i].bits))
            return true;
    return false;
}

enum err leaf_name_ip(struct span octets, struct leaf_name *ret, struct problem *why)
{
    struct leaf_name name = {.type = LEAF_NAME_IP};
    if (octets.size != 4 && octets.size != 16)
        return leaf_refuse(why, LEAF_WHY_NAME_IP_SIZE, NULL);
    memcpy(name.address, octets.data, octets.size);
    name.address_size = (uint8_t)octets.size;
    if (inet_ntop(octets.size == 4 ? AF_INET : AF_INET6, name.address, name.text,
                  sizeof name.text) == NULL)
        return leaf_refuse(why, LEAF_WHY_FAILED, NULL);
    name.size = (uint8_t)strlen(name.text);
    *ret = name;
    return ERR_OK;
}

enum err leaf_name_ip_text(struct span text, struct leaf_name *ret, struct problem *why)
{
    char own[TEXT_BYTES];
    uint8_t octets[16];
    struct leaf_name name;
    if (text.size == 0 || text.size >= sizeof own || memchr(text.data, 0, text.size) != NULL)
        return leaf_refuse(why, LEAF_WHY_NAME_IP_TEXT, NULL);
    memcpy(own, text.data, text.size);
    own[text.size] = '\0';
    bool v6 = strchr(own, ':') != NULL;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, own, octets) != 1)
        return leaf_refuse(why, LEAF_WHY_NAME_IP_TEXT, NULL);
    TRY(leaf_name_ip(span_of(octets, v6 ? 16 : 4), &name, why));
    /* An address has one text: RFC 5952 for those of IPv6. */
    if (strcmp(own, name.text) != 0)
        return leaf_refuse(why, LEAF_WHY_NAME_IP_TEXT, NULL);
    *ret = name;
    return ERR_OK;
}
