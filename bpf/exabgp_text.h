/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to an ExaBGP-compatible process and what it answers: lines. Pure.
 *
 * ExaBGP's API (text encoder): "announce route PREFIX next-hop HOP ATTRIBUTES", "withdraw route
 * PREFIX next-hop HOP"; each is answered by "done" or "error", in order. A route that is announced
 * again with other attributes takes the place of the one before, in one update. */
#pragma once

#include "bpf/prefix.h"
#include "bpf/route.h"

/* ExaBGP's words, in its own grammar: "med 1000 community [65535:0] as-path [64512 64512]". */
#define EXABGP_ATTRIBUTES_BYTES_MAX 512u
#define EXABGP_HOP_BYTES_MAX        64u
#define EXABGP_LINE_BYTES           768 /* below PIPE_BUF: a pipe takes a line at once or not at all */
#define EXABGP_ANSWER_BYTES_MAX     64u /* what is longer is none of the words we wait for */

/** Whether these can be part of a line: letters, digits, spaces and ".:-[](),". */
bool exabgp_is_words(const char *text);
/** The line that brings a prefix to `action`, with its line end and a zero; its size. `attributes`
 * are those that the action calls for, "" for none; all words, within their limits. */
size_t exabgp_line(const struct prefix *prefix, enum route_action action, const char *hop,
                   const char *attributes, char out[static EXABGP_LINE_BYTES]);

enum exabgp_answer {
    EXABGP_NOTHING, /* not a whole answer yet */
    EXABGP_DONE,
    EXABGP_ERROR,
    EXABGP_SHUTDOWN,
};
/* Begins as zeros. */
struct exabgp_reader {
    size_t size; /* above the maximum: this line is passed over */
    char line[EXABGP_ANSWER_BYTES_MAX];
};
/** Takes octets up to the end of one answer and says how many. Lines that are no answers
 * (neighbours' news, where an operator has asked ExaBGP to send them) are passed over. */
size_t exabgp_answer(struct exabgp_reader *r, struct span octets, enum exabgp_answer *ret);
