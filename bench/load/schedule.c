/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/schedule.h"

#include <math.h>

#include "lib/check.h"
#include "lib/random.h"

/* Above 0, so that its logarithm is finite. */
static double unit(uint64_t *random_state)
{
    return ((double)(random_next(random_state) >> 11) + 1) * 0x1p-53;
}

static void place(struct schedule *s)
{
    if (s->poisson)
        s->origin_ns -= log(unit(&s->random)) * s->step_ns;
    /* By multiplication, so that rounding does not add up over a long run. */
    double offset_ns = s->poisson ? s->origin_ns : s->origin_ns + (double)s->number * s->step_ns;
    s->next_ns = s->base_ns + (uint64_t)offset_ns;
}

void schedule_init(struct schedule *s, uint64_t base_ns, double first_offset_ns, double rate_per_s,
                   bool poisson, uint64_t seed)
{
    CHECK(rate_per_s > 0);
    *s = (struct schedule){.origin_ns = first_offset_ns,
                           .step_ns = 1e9 / rate_per_s,
                           .base_ns = base_ns,
                           .random = seed,
                           .poisson = poisson};
    place(s);
}

void schedule_advance(struct schedule *s)
{
    s->number++;
    place(s);
}
