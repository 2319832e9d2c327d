/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions on our own invariants. They stay on in production: a wrong answer is worse than a
 * restart. Untrusted bytes never reach one. */
#pragma once

/** Prints the failed condition and aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line);

#define CHECK(condition) \
    (__builtin_expect(!!(condition), 1) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
