/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/clubcard_key.h"

enum err clubcard_key_make(const struct sha256 *block, struct span serial, struct clubcard_key *ret)
{
    uint8_t octets[SHA256_BYTES + CLUBCARD_SERIAL_MAX];
    if (serial.size > CLUBCARD_SERIAL_MAX)
        return ERR_LIMIT;
    memcpy(octets, block->octets, SHA256_BYTES);
    if (serial.size > 0)
        memcpy(octets + SHA256_BYTES, serial.data, serial.size);
    struct sha256 hash = sha256_of(span_of(octets, SHA256_BYTES + serial.size));
    /* Little-endian, as this machine (lib/wire.h). */
    memcpy(ret->a, hash.octets, sizeof ret->a);
    ret->a[0] |= 1;
    return ERR_OK;
}
