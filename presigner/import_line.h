/* SPDX-License-Identifier: Apache-2.0 */
/* One line of an import file -> one certificate. Pure.
 *
 * CSV:        serial,status,revoked_at,reason,not_after[,shard]
 *   An optional first line is exactly these names; the sixth may be crldp. serial: hexadecimal.
 * status: good, revoked. Times: RFC 3339 (UTC), "YYYY-MM-DD HH:MM:SS", or seconds since 1970.
 * revoked_at and reason are empty for good; revoked needs revoked_at; an empty reason is a
 * revocation without one. shard (crl_shard.h): a place, set/place, or the URL of the certificate's
 * CRL distribution point; empty: as the presigner chooses. A field may stand in double quotes, but
 * not contain any. index.txt:  status TAB expiry TAB revocation[,reason[,detail]] TAB serial TAB
 * file TAB subject As OpenSSL's ca(1) writes it: V valid, R revoked, E expired. E is taken as good
 * with a notAfter in the past, which is what it was; no statement is made for it any more. The
 * reasons holdInstruction, keyTime and CAkeyTime are certificateHold, keyCompromise and
 * cACompromise with a detail that is not kept.
 *
 * Both: removeFromCRL is refused (it is no status of a certificate), certificateHold is taken but
 * is as final as any revocation. A notAfter past 2106 (such as 99991231235959Z, RFC 5280 4.1.2.5)
 * is kept as TIME_S_MAX. A carriage return before the end of the line is dropped. */
#pragma once

#include "presigner/cert_record.h"

#define IMPORT_LINE_BYTES_MAX 16384

/* name, text */
#define IMPORT_FORMAT_TABLE(X) \
    X(CSV, "csv")              \
    X(INDEX_TXT, "index.txt")

enum import_format {
#define X(name, text) IMPORT_##name,
    IMPORT_FORMAT_TABLE(X)
#undef X
};

struct import_line {
    struct serial serial;
    struct cert_record record; /* sequence and shard 0 */
    struct span shard;         /* as in the line, which it borrows; empty: none */
};

/** By the look of a file's first line: index.txt has tabs. */
enum import_format import_format_guess(struct span first_line);

/** Whether this is the optional first line of a CSV file. ERR_OK: it is; ERR_NOT_FOUND: it is a
 *  line of data; ERR_UNSUPPORTED: it names other columns, with words for people in *ret_why. */
MUST_CHECK enum err import_csv_header(struct span line, const char **ret_why);

/** The line without its \n. On failure *ret_why says in words what is wrong (a static string).
 *  ERR_MALFORMED, ERR_LIMIT, ERR_RANGE. */
MUST_CHECK enum err import_csv_line(struct span line, struct import_line *ret,
                                    const char **ret_why);
MUST_CHECK enum err import_index_txt_line(struct span line, struct import_line *ret,
                                          const char **ret_why);
