/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/exabgp_text.h"

#include <stdio.h>

#include "lib/check.h"

bool exabgp_is_words(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .:-[](),";
    return strspn(text, allowed) == strlen(text);
}

size_t exabgp_line(const struct prefix *prefix, enum route_action action, const char *hop,
                   const char *attributes, char out[static EXABGP_LINE_BYTES])
{
    char text[PREFIX_TEXT_BYTES];
    prefix_text(prefix, text);
    /* A bare address is a host's route; ExaBGP wants that said. */
    bool is_host = strchr(text, '/') == NULL;
    bool withdraws = action == ROUTE_WITHDRAW;
    int size =
        snprintf(out, EXABGP_LINE_BYTES, "%s route %s%s next-hop %s%s%s\n",
                 withdraws ? "withdraw" : "announce", text,
                 !is_host               ? ""
                 : prefix->version == 4 ? "/32"
                                        : "/128",
                 hop, withdraws || attributes[0] == '\0' ? "" : " ", withdraws ? "" : attributes);
    CHECK(size > 0 && size < EXABGP_LINE_BYTES);
    return (size_t)size;
}

static enum exabgp_answer read_word(struct span line)
{
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    if (span_equal(line, span_text("done")))
        return EXABGP_DONE;
    if (span_equal(line, span_text("error")))
        return EXABGP_ERROR;
    return span_equal(line, span_text("shutdown")) ? EXABGP_SHUTDOWN : EXABGP_NOTHING;
}

size_t exabgp_answer(struct exabgp_reader *r, struct span octets, enum exabgp_answer *ret)
{
    *ret = EXABGP_NOTHING;
    size_t used = 0;
    while (used < octets.size && *ret == EXABGP_NOTHING) {
        char octet = (char)octets.data[used++];
        if (octet == '\n') {
            if (r->size <= EXABGP_ANSWER_BYTES_MAX)
                *ret = read_word(span_of(r->line, r->size));
            r->size = 0;
        } else if (r->size < EXABGP_ANSWER_BYTES_MAX) {
            r->line[r->size++] = octet;
        } else {
            r->size = EXABGP_ANSWER_BYTES_MAX + 1;
        }
    }
    return used;
}
