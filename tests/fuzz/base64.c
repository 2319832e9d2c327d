/* SPDX-License-Identifier: Apache-2.0 */
/* As text: what decodes must encode to one canonical spelling that decodes to the same octets. As
 * octets: both encodings come back. */
#include <stdlib.h>

#include "lib/base64.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX 4096

static uint8_t decoded[OCSP_PATH_DECODE_BYTES(INPUT_BYTES_MAX)], again[INPUT_BYTES_MAX];
static char text[3 * BASE64_ENCODED_BYTES(INPUT_BYTES_MAX)];

static void check_path_round_trip(struct span der)
{
    size_t text_size, again_size;
    CHECK(ocsp_path_encode(der, text, sizeof text, &text_size) == ERR_OK);
    CHECK(ocsp_path_decode(span_of(text, text_size), again, der.size, &again_size) == ERR_OK);
    CHECK(span_equal(span_of(again, again_size), der));
}

static void check_round_trip(struct span octets)
{
    size_t text_size, again_size;
    CHECK(base64_encode(octets, text, BASE64_ENCODED_BYTES(octets.size), &text_size) == ERR_OK);
    CHECK(text_size == BASE64_ENCODED_BYTES(octets.size));
    CHECK(base64_decode(span_of(text, text_size), again, octets.size, &again_size) == ERR_OK);
    CHECK(span_equal(span_of(again, again_size), octets));
}

/* With room for the fast way and without it: the same. */
static void check_path_ways(struct span path)
{
    size_t size = 0, again_size = 0;
    size_t tight = path.size * 3 / 4 + 1;
    enum err err = ocsp_path_decode(path, decoded, OCSP_PATH_DECODE_BYTES(path.size), &size);
    CHECK(ocsp_path_decode(path, again, tight, &again_size) == err);
    CHECK(size == again_size && memcmp(decoded, again, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t decoded_size;
    struct span input = span_of(data, size);
    if (size > INPUT_BYTES_MAX)
        return 0;
    check_round_trip(input);
    check_path_round_trip(input);
    if (base64_decode(input, decoded, sizeof decoded, &decoded_size) == ERR_OK) {
        /* One spelling, but for the padding. */
        CHECK(base64_encode(span_of(decoded, decoded_size), text, sizeof text, &size) == ERR_OK);
        CHECK(size >= input.size && (input.size == 0 || memcmp(text, data, input.size) == 0));
        if (decoded_size > 0)
            CHECK(base64_decode(input, again, decoded_size - 1, &size) == ERR_NO_SPACE);
    }
    check_path_ways(input);
    if (ocsp_path_decode(input, decoded, sizeof decoded, &decoded_size) == ERR_OK)
        check_path_round_trip(span_of(decoded, decoded_size));
    return 0;
}
