/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of DER that all certificates of ours share: of a ceremony and of leaves. Pure. */
#pragma once

#include "lib/der_write.h"
#include "lib/digest.h"
#include "lib/serial.h"
#include "lib/sig_alg.h"

#define CERT_SERIAL_BYTES  20
#define CERT_URL_BYTES_MAX 1024

/** RFC 7093 2 (1): the leading 160 bits of the SHA-256 of the subjectPublicKey's octets.
 *  ERR_MALFORMED. */
MUST_CHECK enum err cert_key_id(struct span public_key, uint8_t ret[static SHA1_BYTES]);
/** 20 random octets -> a positive number below 2^159 of 20 octets: the first is 1 to 127, which
 *  leaves 158 bits. */
void cert_serial_shape(const uint8_t octets[static CERT_SERIAL_BYTES], struct serial *ret);
/** An absolute URL that a certificate can carry: http://, printable, no blanks. */
bool cert_url_valid(const char *url);

/** Puts a Time: UTCTime before 2050, then GeneralizedTime (RFC 5280 4.1.2.5). */
void cert_put_time(struct der_writer *w, uint64_t time_s);
/** Closes the extension whose value was put since `mark`. `oid` is a whole element. */
void cert_put_extension(struct der_writer *w, size_t mark, bool critical, struct span oid);
/** A BIT STRING of named bits from bit 0 on the left, without trailing zeros (X.690 11.2.2). */
void cert_put_named_bits(struct der_writer *w, uint8_t octet);

/** SEQUENCE { tbs, algorithm, signature }; `signature` in stored form (sig_alg.h). ERR_NO_SPACE,
 *  ERR_MALFORMED. */
MUST_CHECK enum err cert_signed_encode(struct span tbs, enum sig_alg alg, struct span signature,
                                       uint8_t *out, size_t out_size, size_t *ret_size);
