/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of ExaBGP: octet by octet they are the same as all at once. */
#include "bpf/exabgp_text.h"

#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exabgp_reader whole = {0}, parted = {0};
    size_t at = 0;
    while (at < size) {
        enum exabgp_answer wanted, answer = EXABGP_NOTHING;
        size_t used = exabgp_answer(&whole, span_of(data + at, size - at), &wanted);
        CHECK(used > 0 && used <= size - at);
        CHECK(wanted != EXABGP_NOTHING || at + used == size);
        for (size_t i = 0; i < used; i++) {
            CHECK(answer == EXABGP_NOTHING);
            CHECK(exabgp_answer(&parted, span_of(data + at + i, 1), &answer) == 1);
        }
        CHECK(answer == wanted);
        at += used;
    }
    return 0;
}
