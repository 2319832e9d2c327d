/* SPDX-License-Identifier: Apache-2.0 */
/* Whole HTTP requests for one certificate. What depends on the serial's size only (head, base64 of
 * the DER before the serial) is made once, as a form; writing a request copies it and encodes the
 * serial. That is cheaper than to fetch ready-made requests of 20 million certificates from memory,
 * and takes none. Pure. */
#pragma once

#include "bench/load/reply_check.h"
#include "lib/err.h"
#include "lib/serial.h"

#define REQUEST_DER_MAX    160  /* SHA-256 and the longest serial: 154 */
#define REQUEST_BEFORE_MAX 2560 /* a prefix of 1023, the DER in base64, all of it escaped */
#define REQUEST_AFTER_MAX  384
/* Room that request_write() needs: the serial in base64, each octet escaped, and a word more. */
#define REQUEST_BYTES_MAX \
    (REQUEST_BEFORE_MAX + REQUEST_AFTER_MAX + 3 * 4 * (SERIAL_BYTES_MAX / 3 + 2) + 8)

/* A GET is base64 of DER; the DER of a POST is sent as it is. */
struct request_form {
    bool is_get;
    uint8_t carry_size; /* octets of DER before the serial that fill no group of three */
    uint8_t carry[2];
    uint16_t before_size;
    uint16_t after_size;
    uint8_t before[REQUEST_BEFORE_MAX];
    uint8_t after[REQUEST_AFTER_MAX];
};

struct request_place {
    const char *host;   /* of the URL, with the port unless it is 80 */
    const char *prefix; /* path, begins and ends with "/" */
};

struct request_issuer {
    enum certid_hash hash;
    struct span name_hash;
    struct span key_hash;
};

/** The form for serials of this size. ERR_NO_SPACE: host or prefix are too long. */
MUST_CHECK enum err request_form_make(const struct request_place *place,
                                      const struct request_issuer *issuer, size_t serial_size,
                                      bool is_get, bool close, struct request_form *ret);
/** Writes a request; the serial has the size of the form; `out` has at least
 *  request_form_room(form, serial_size). Returns its size. */
size_t request_write(const struct request_form *form, struct span serial, uint8_t *out);
size_t request_form_room(const struct request_form *form, size_t serial_size);

/** A GET of a path as it is. ERR_NO_SPACE. */
MUST_CHECK enum err request_plain(const struct request_place *place, const char *path, bool close,
                                  uint8_t *out, size_t out_size, size_t *ret_size);

/** The content octets of a CertID before the serial's. ERR_NO_SPACE. */
MUST_CHECK enum err request_certid_prefix(const struct request_issuer *issuer, size_t serial_size,
                                          uint8_t ret[static QUESTION_PREFIX_MAX],
                                          size_t *ret_size);
