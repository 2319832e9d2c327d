/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/dataset/statement_draw.h"

#include "lib/check.h"
#include "lib/random.h"
#include "lib/wire.h"

#define YEAR_S       (365u * 86400u)
#define REVOKED_SALT 0x7265766f6b656400u

static uint64_t mix_serial(uint64_t seed, const struct serial *serial)
{
    CHECK(serial->size >= 8);
    uint64_t state = seed ^ be64_load(serial->octets + serial->size - 8) ^ REVOKED_SALT;
    return random_next(&state);
}

bool draw_revoked(uint64_t seed, double share, const struct serial *serial)
{
    return (double)(mix_serial(seed, serial) >> 11) * 0x1p-53 < share;
}

struct facts draw_facts(uint64_t seed, double share, const struct serial *serial,
                        uint32_t this_update_s)
{
    static const uint8_t reasons[] = {REASON_SUPERSEDED, REASON_CESSATION_OF_OPERATION,
                                      REASON_KEY_COMPROMISE, REASON_ABSENT};
    struct facts facts = {.status = CERT_GOOD,
                          .reason = REASON_ABSENT,
                          .this_update_s = this_update_s,
                          .next_update_s = this_update_s + DRAW_VALIDITY_S};
    if (draw_revoked(seed, share, serial)) {
        uint64_t random = mix_serial(seed, serial);
        facts.status = CERT_REVOKED;
        facts.reason = reasons[random_next(&random) % sizeof reasons];
        facts.revoked_at_s = this_update_s - 1 - (uint32_t)(random_next(&random) % YEAR_S);
    }
    return facts;
}

struct span draw_signature(struct draw_signatures *s, size_t size)
{
    CHECK(size % 8 == 0 && size <= SIGNATURE_BYTES_MAX);
    uint8_t *at = s->octets + s->next * size;
    s->next = (s->next + 1) % DRAW_SIGNATURES;
    for (size_t i = 0; i < size; i += 8)
        be64_store(at + i, random_next(&s->random));
    return span_of(at, size);
}
