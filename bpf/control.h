/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's control socket: a unix socket (mode 0600) on which a request is one line of JSON, an
 * object, and so is its answer. Requests of a connection are answered in their order, one at a
 * time.
 *
 * Nobody can hold the agent up: everything is non-blocking, connections, octets and times are
 * bounded, and a client that does not take its answer is cut off. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "lib/err.h"

#define CONTROL_CONNECTIONS_MAX   16
#define CONTROL_REQUEST_BYTES_MAX 2048
#define CONTROL_ANSWER_BYTES_MAX  (4u << 20)
/* For a request's line, from its first octet, and for a client to take the answer. */
#define CONTROL_TIMEOUT_S 5
/* Between two requests of a connection. */
#define CONTROL_IDLE_S        60
#define CONTROL_MESSAGE_BYTES 256

#define CONTROL_SOCKET_DEFAULT "/run/statim-shed/control"
/* How long what an operator tells holds. A word that were for ever would outlive whoever knows why
 * it was said. */
#define CONTROL_WORD_MAX_S     2592000u
#define CONTROL_WORD_DEFAULT_S 3600u

/** Answers one request (an object, borrowed). A new reference; NULL: out of memory, the connection
 * ends. Runs within control_run(). */
typedef json_t *(*control_answer)(void *context, const json_t *request);

struct control;
/** Makes the socket, and its folder when missing. A file that nobody listens at is replaced. Beside
 * it <path>.lock is held, so that of two who start at once one is refused, and stays when it ends.
 * ERR_BUSY: another agent listens there, or is about to; ERR_IO, ERR_LIMIT (path too long),
 * ERR_MEMORY; a readable line in `message`. `context` stays borrowed. */
MUST_CHECK enum err control_open(const char *path, control_answer answer, void *context,
                                 struct control **ret, char message[static CONTROL_MESSAGE_BYTES]);
/** Readable when control_run() has something to do. */
int control_fd(const struct control *c);
/** Does what can be done without waiting and closes what is late; to be called now and then too
 * when the descriptor says nothing. */
void control_run(struct control *c, uint64_t now_ns);
/** Removes the socket. Takes NULL, returns NULL. */
struct control *control_close(struct control *c);
