/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of BIRD's control socket (doc/reply_codes of BIRD 2). Pure.
 *
 * A reply is lines. "NNNN-text" goes on, "NNNN text" is the last one, " text" has the code of the
 * line before, "+text" is out of band. Codes from 8000 on are refusals. A line of 1002 is a
 * protocol: name, kind, table, state, since when, more. */
#pragma once

#include "lib/err.h"
#include "lib/span.h"

#define BIRD_LINE_BYTES_MAX 1024u
#define BIRD_LINES_MAX      256u /* we ask about one protocol at a time */
#define BIRD_TEXT_BYTES     128

enum bird_state {
    BIRD_NOT_TOLD,
    BIRD_DOWN,
    BIRD_UP,
    BIRD_CHANGING, /* any other word */
};

struct bird_reply {
    bool ended;
    unsigned code;              /* of the last line; the first refusal, where there is one */
    char text[BIRD_TEXT_BYTES]; /* of the same line; visible ASCII and spaces */
    enum bird_state state;      /* of `protocol` */

    const char *protocol;
    unsigned line_code; /* of the line before; 0000 is a code, so: */
    bool has_line_code;
    unsigned line_count;
    size_t line_bytes;
    uint8_t line[BIRD_LINE_BYTES_MAX];
};

/** Begins to read a reply. `protocol` is borrowed, NULL where none is asked about. */
void bird_reply_begin(struct bird_reply *r, const char *protocol);
/** Takes more octets, in whatever pieces. ERR_MALFORMED, ERR_LIMIT, ERR_TRAILING (more than the
 * reply); then the connection is of no more use. */
MUST_CHECK enum err bird_reply_feed(struct bird_reply *r, struct span octets);
/** What an ended reply comes to: ERR_NOT_FOUND (no such protocol), ERR_CONFLICT (refused). */
MUST_CHECK enum err bird_reply_result(const struct bird_reply *r);
