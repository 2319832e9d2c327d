/* SPDX-License-Identifier: Apache-2.0 */
/* Any line gives a claim that can be stored, or words that say what is wrong. */
#include "lib/check.h"
#include "presigner/revoke_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct revoke_defaults defaults = {
        .reason = REASON_ABSENT, .at_s = 1000, .at_max_s = 2000000000};
    struct serial serial;
    struct cert_record claim;
    const char *why = NULL;
    (void)revoke_line_is_header(span_of(data, size));
    if (revoke_line_read(span_of(data, size), &defaults, &serial, &claim, &why) != ERR_OK) {
        CHECK(why != NULL);
        return 0;
    }
    CHECK(serial.size >= 1 && serial.size <= SERIAL_BYTES_MAX);
    CHECK(cert_record_valid(&claim) && claim.status == CERT_REVOKED);
    CHECK(claim.reason != REASON_REMOVE_FROM_CRL && claim.revoked_at_s <= defaults.at_max_s);
    CHECK(claim.not_after_s == 0 && claim.shard == 0 && claim.sequence == 0);
    return 0;
}
