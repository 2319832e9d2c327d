/* SPDX-License-Identifier: Apache-2.0 */
/* RSA moduli whose factors can be found (BR 6.1.1.3, 6.1.6). Pure but for OpenSSL's arithmetic. */
#pragma once

#include <openssl/types.h>

#include "lib/err.h"

#include <stdbool.h>

/** A prime factor below 752. */
bool key_weak_small_factor(const BIGNUM *modulus);
/** Of the ROCA generator (CVE-2017-15361): a power of 65537 modulo every small prime. */
bool key_weak_roca(const BIGNUM *modulus);
/** Primes close to each other: ERR_KEY when 100 rounds of Fermat's method find them; ERR_CRYPTO,
 *  ERR_MEMORY. */
MUST_CHECK enum err key_weak_fermat(const BIGNUM *modulus);
