/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets in every time reader; what one accepts, its writer writes as it was. */
#include "lib/check.h"
#include "lib/timetext.h"

#define NOW_S 1794000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_exact_forms(struct span text)
{
    uint64_t time_s = 0;
    uint8_t generalized[GENERALIZED_TIME_BYTES], imf[IMF_FIXDATE_BYTES];
    if (generalized_time_read(text, &time_s) == ERR_OK) {
        generalized_time_write(time_s, generalized);
        CHECK(span_equal(span_of(generalized, sizeof generalized), text));
    }
    if (imf_fixdate_read(text, &time_s) == ERR_OK) {
        imf_fixdate_write(time_s, imf);
        CHECK(span_equal(span_of(imf, sizeof imf), text));
    }
}

/* Whatever the form was, the time is within the calendar and survives RFC 3339. */
static void check_in_range(enum err err, uint64_t time_s)
{
    if (err != ERR_OK)
        return;
    char iso[ISO_TIME_BYTES + 1];
    uint64_t again = 0;
    iso_time_write(time_s, iso);
    CHECK(human_time_read(span_text(iso), &again) == ERR_OK && again == time_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    uint64_t time_s = 0;
    check_exact_forms(text);
    check_in_range(asn1_time_read(text, &time_s), time_s);
    check_in_range(http_date_read(text, NOW_S, &time_s), time_s);
    check_in_range(human_time_read(text, &time_s), time_s);
    return 0;
}
