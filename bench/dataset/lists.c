/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/dataset/lists.h"

#include "bench/dataset/statement_draw.h"

#include <errno.h>
#include <stdio.h>

#define SCATTER_ROUNDS 3
#define SCATTER_FACTOR 0x9e3779b97f4a7c15u /* odd, so that no two numbers become one */

/* A permutation of the numbers of that many bits. */
static uint64_t scatter(uint64_t x, unsigned bits)
{
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    for (int i = 0; i < SCATTER_ROUNDS; i++) {
        x = (x * SCATTER_FACTOR + (uint64_t)i) & mask;
        x ^= x >> (bits / 2 + 1);
    }
    return x;
}

struct lists {
    const struct serial_plan *plan;
    double revoked_share;
    uint64_t left;
    FILE *serials;
    FILE *revoked;
};

static void put(struct lists *l, const struct serial *serial)
{
    char text[SERIAL_HEX_MAX];
    serial_to_hex(serial, text);
    fprintf(l->serials, "%s\n", text);
    if (draw_revoked(l->plan->seed, l->revoked_share, serial))
        fprintf(l->revoked, "%s\n", text);
    l->left--;
}

/* Round after round, one serial of each bucket. */
static void put_all(struct lists *l)
{
    const struct serial_plan *plan = l->plan;
    for (uint32_t round = 0; round < PLAN_BUCKET_MAX && l->left > 0; round++)
        for (uint64_t i = 0; i < serial_plan_buckets(plan) && l->left > 0; i++) {
            uint64_t bucket = scatter(i, plan->bucket_bits);
            struct serial serials[PLAN_BUCKET_MAX];
            if (round < plan->counts[bucket]) {
                serial_plan_bucket(plan, bucket, serials);
                put(l, &serials[round]);
            }
        }
}

static enum err finish(FILE *file)
{
    bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed)
        return errno == ENOSPC ? ERR_DISK_FULL : ERR_IO;
    return ERR_OK;
}

enum err lists_write(const struct serial_plan *plan, double revoked_share, uint64_t count,
                     const char *serials_path, const char *revoked_path)
{
    struct lists l = {.plan = plan,
                      .revoked_share = revoked_share,
                      .left = count < plan->count ? count : plan->count};
    l.serials = fopen(serials_path, "we");
    if (l.serials == NULL)
        return ERR_IO;
    l.revoked = fopen(revoked_path, "we");
    if (l.revoked == NULL) {
        fclose(l.serials);
        return ERR_IO;
    }
    put_all(&l);
    enum err err = finish(l.serials);
    enum err second = finish(l.revoked);
    return err != ERR_OK ? err : second;
}
