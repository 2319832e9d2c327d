/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in Redis, of any octets: what is taken is written back as it was, for there is one
 * way to write each. The first octet chooses. */
#include "lib/check.h"
#include "lib/fast_lane.h"
#include "presigner/lane_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_text(const char *text, struct span value)
{
    return span_equal(span_text(text), value);
}

static void report(struct span text)
{
    struct lane_report r;
    struct lane_report_row row;
    uint64_t count = 0;
    if (lane_report_read(text, &r) != ERR_OK)
        return;
    struct span rest = r.rows;
    while (lane_report_next(&rest, &row)) {
        CHECK(row.name.size > 0 && row.name.size <= FAST_LANE_NAME_BYTES_MAX);
        count++;
    }
    CHECK(count == r.edge_count && rest.size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char id[FAST_LANE_ID_BYTES], text[FAST_LANE_ACK_BYTES];
    uint64_t number = 0, bytes = 0;
    struct fast_lane_ack ack;
    if (size == 0)
        return 0;
    struct span value = span_of(data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        if (fast_lane_id_read(value, &number) == ERR_OK) {
            fast_lane_id_write(number, id);
            CHECK(is_text(id, value));
        }
        break;
    case 1:
        if (fast_lane_ack_read(value, &ack) == ERR_OK) {
            fast_lane_ack_write(&ack, text);
            CHECK(is_text(text, value));
        }
        break;
    case 2:
        if (fast_lane_size_read(value, &bytes) == ERR_OK)
            CHECK(bytes > FAST_LANE_ENTRY_BYTES_MAX && bytes <= LOG_ENTRY_BYTES_MAX);
        break;
    default:
        report(value);
    }
    return 0;
}
