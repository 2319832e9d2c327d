/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: one table gives the enum, the name and the text.
 *
 * Every fallible function returns `enum err`, is marked MUST_CHECK, and leaves its `ret_` outputs
 * untouched on failure. Input errors are values of this table, never assertions. */
#pragma once

#define ERR_TABLE(X)                                            \
    X(OK, "ok")                                                 \
    X(TRUNCATED, "the input ends too early")                    \
    X(TRAILING, "bytes follow the end of the input")            \
    X(MALFORMED, "the input does not have the required form")   \
    X(UNSUPPORTED, "an unsupported version, type or algorithm") \
    X(LIMIT, "a named limit is exceeded")                       \
    X(RANGE, "a value is out of range")                         \
    X(NO_SPACE, "the output buffer is too small")               \
    X(NOT_FOUND, "not found")                                   \
    X(EXISTS, "exists already")                                 \
    X(HASH, "the content does not have the named hash")         \
    X(SIGNATURE, "the signature does not verify")               \
    X(KEY, "an unknown, wrong or unusable key")                 \
    X(EXPIRED, "past its validity")                             \
    X(FUTURE, "not valid yet")                                  \
    X(REPLAY, "an older number than the one already held")      \
    X(CHAIN, "does not follow its predecessor")                 \
    X(NETWORK, "belongs to another network")                    \
    X(ORDER, "not in key order")                                \
    X(CONFLICT, "contradicts what is already known")            \
    X(IO, "input/output error")                                 \
    X(DISK_FULL, "no space left on the device")                 \
    X(STORE, "database error")                                  \
    X(CRYPTO, "the cryptographic library refused")              \
    X(MEMORY, "out of memory")                                  \
    X(CONFIG, "bad configuration")                              \
    X(BUSY, "busy, try again")                                  \
    X(STOPPED, "asked to stop")                                 \
    X(FENCED, "another writer has taken over")                  \
    X(BROKEN, "the database must be opened anew by another process")

enum err {
#define X(name, text) ERR_##name,
    ERR_TABLE(X)
#undef X
        ERR_COUNT
};

/** The text of an error, for people; never NULL. */
const char *err_text(enum err err);

/** The name of an error as in the table ("TRUNCATED"), for logs and tests; never NULL. */
const char *err_name(enum err err);

#define MUST_CHECK __attribute__((warn_unused_result))

/** Returns from the calling function when `expr` is an error. */
#define TRY(expr)                   \
    do {                            \
        enum err try_err_ = (expr); \
        if (try_err_ != ERR_OK)     \
            return try_err_;        \
    } while (0)
