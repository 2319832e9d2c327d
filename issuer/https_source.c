/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/https_source.h"

#include <openssl/rand.h>
#include <stdlib.h>

#include "lib/random.h"

LIST_HEAD(chain, https_source);

struct https_sources {
    uint64_t seed;
    uint32_t mask;
    struct chain chains[];
};

enum err https_sources_make(uint32_t member_count, struct https_sources **ret)
{
    uint32_t count = 1;
    while (count < member_count && count < 1u << 20)
        count *= 2;
    struct https_sources *s = calloc(1, sizeof *s + count * sizeof s->chains[0]);
    if (s == NULL)
        return ERR_MEMORY;
    s->mask = count - 1;
    if (RAND_bytes((uint8_t *)&s->seed, sizeof s->seed) != 1) {
        free(s);
        return ERR_CRYPTO;
    }
    *ret = s;
    return ERR_OK;
}

void https_sources_free(struct https_sources *sources)
{
    free(sources);
}

/* An IPv4 address is counted alike whether it came in by a socket of its own family or mapped. */
static void prefix_of(const struct address *address, uint64_t ret[2])
{
    const struct sockaddr_in6 *v6 = &address->sa.v6;
    ret[0] = ret[1] = 0;
    if (address->sa.any.sa_family == AF_INET) {
        ret[1] = 1 + (uint64_t)address->sa.v4.sin_addr.s_addr;
    } else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        uint32_t v4;
        memcpy(&v4, v6->sin6_addr.s6_addr + 12, sizeof v4);
        ret[1] = 1 + (uint64_t)v4;
    } else {
        memcpy(&ret[0], v6->sin6_addr.s6_addr, sizeof ret[0]);
    }
}

static struct chain *chain_of(struct https_sources *sources, const uint64_t prefix[2])
{
    uint64_t state = sources->seed ^ prefix[0];
    state = random_next(&state) ^ prefix[1];
    return &sources->chains[random_next(&state) & sources->mask];
}

bool https_source_join(struct https_sources *sources, const struct address *address, uint32_t max,
                       struct https_source *member)
{
    uint32_t count = 0;
    struct https_source *other;
    prefix_of(address, member->prefix);
    struct chain *chain = chain_of(sources, member->prefix);
    LIST_FOREACH(other, chain, link)
    count += memcmp(other->prefix, member->prefix, sizeof member->prefix) == 0;
    if (max != 0 && count >= max)
        return false;
    LIST_INSERT_HEAD(chain, member, link);
    member->is_member = true;
    return true;
}

void https_source_leave(struct https_source *member)
{
    if (member->is_member)
        LIST_REMOVE(member, link);
    member->is_member = false;
}
