/* SPDX-License-Identifier: Apache-2.0 */
/* How each example of docs/formats.md reads: what the library's reader makes of the octets, one
 * "field: value" a line. */
#pragma once

#include "lib/publish_key.h"
#include "lib/template.h"
#include "lib/textline.h"

void show_key(struct span octets, struct line_writer *w);
void show_facts(struct span octets, struct line_writer *w);
void show_template(struct span octets, struct line_writer *w);
void show_block(struct span octets, struct line_writer *w);
void show_pack(struct span octets, struct line_writer *w);
void show_log_entry(struct span octets, struct line_writer *w);
void show_index(struct span octets, struct line_writer *w);
void show_head(struct span octets, struct line_writer *w);
void show_verifier_key(struct span octets, struct line_writer *w);
void show_filter(struct span octets, struct line_writer *w);
void show_position(struct span octets, struct line_writer *w);
void show_change(struct span octets, struct line_writer *w);

/* What the readers verify against. */
struct publish_key *example_key(void);
void example_template(struct ocsp_template *ret);

/* Certificates that the example's filter is made of; one of them is revoked. */
#define EXAMPLE_FILTER_COUNT   10
#define EXAMPLE_FILTER_REVOKED 1
struct serial example_filter_serial(unsigned i);
