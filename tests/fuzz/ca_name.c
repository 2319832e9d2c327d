/* SPDX-License-Identifier: Apache-2.0 */
/* A name that is read, in DER or as typed, comes back from both of its forms. */
#include "issuer/ca_name.h"
#include "lib/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct ca_name *name)
{
    struct ca_name again;
    uint8_t der[CA_NAME_DER_MAX];
    char text[2 * CA_NAME_DER_MAX], why[CA_NAME_WHY_BYTES];
    size_t der_size = 0;
    CHECK(ca_name_encode(name, der, sizeof der, &der_size) == ERR_OK);
    CHECK(ca_name_decode(span_of(der, der_size), &again, why) == ERR_OK);
    CHECK(ca_name_write(name, text, sizeof text) == ERR_OK);
    for (size_t i = 0; i < CA_NAME_PARTS; i++)
        CHECK(strcmp(again.parts[i], name->parts[i]) == 0);
    CHECK(ca_name_read(text, &again, why) == ERR_OK);
    for (size_t i = 0; i < CA_NAME_PARTS; i++)
        CHECK(strcmp(again.parts[i], name->parts[i]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ca_name name;
    char why[CA_NAME_WHY_BYTES], text[2048];
    if (ca_name_decode(span_of(data, size), &name, why) == ERR_OK)
        round_trip(&name);
    if (size >= sizeof text || memchr(data, 0, size) != NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (ca_name_read(text, &name, why) == ERR_OK)
        round_trip(&name);
    return 0;
}
