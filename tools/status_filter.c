/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/status_filter.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/os/clock.h"
#include "presigner/filter_record.h"

static void print(const struct filter_record *r, uint64_t now_s)
{
    uint64_t bits = filter_record_bits_hundredths(r);
    uint64_t age_s = now_s > r->made_s ? now_s - r->made_s : 0;
    printf("%-20s %s\n", "filter", r->path);
    printf("%-20s %" PRIu64 " octets, %" PRIu64 " of %" PRIu64 " certificates revoked",
           "filter size", r->bytes, r->revoked_count, r->known_count);
    if (bits > 0)
        printf(", %" PRIu64 ".%02" PRIu64 " bits each", bits / 100, bits % 100);
    printf("\n%-20s %" PRIu64 " s, at sequence %" PRIu64 "\n", "filter age", age_s,
           r->covers_sequence);
}

enum err status_filter_show(const struct status_db *db, MDB_txn *txn)
{
    struct publish_db publish = publish_db_of(db);
    struct filter_record record;
    enum err err = filter_record_get(&publish, txn, &record);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(err);
    print(&record, clock_wall_s());
    return ERR_OK;
}
