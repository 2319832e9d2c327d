/* SPDX-License-Identifier: Apache-2.0 */
/* Why a connection ended: every connection ends in exactly one row. */
#pragma once

/* name, counter label, text */
#define CONN_END_TABLE(X)                                                                    \
    X(CLIENT, "client", "the client closed between requests")                                \
    X(CLIENT_EARLY, "client_early", "the client closed in the middle of a request")          \
    X(ASKED, "asked", "closed after an answer because the client asked for it")              \
    X(REQUESTS_MAX, "requests_max", "closed after the last request one connection may make") \
    X(HTTP_ERROR, "http_error", "closed after an answer that leaves the framing in doubt")   \
    X(IDLE, "idle", "no request within the idle time")                                       \
    X(REQUEST_TIMEOUT, "request_timeout", "a request did not arrive in time")                \
    X(SEND_TIMEOUT, "send_timeout", "the client did not take the answer in time")            \
    X(RECEIVE_ERROR, "receive_error", "receiving failed")                                    \
    X(SEND_ERROR, "send_error", "sending failed")                                            \
    X(NO_INPUT_BUFFER, "no_input_buffer", "no buffer left for a request in parts")           \
    X(NO_OUTPUT_BUFFER, "no_output_buffer", "no buffer left for an answer")                  \
    X(OVERRUN, "overrun", "more requests in a row than are kept")                            \
    X(FILE_TIMEOUT, "file_timeout", "the client took longer for a file than it is kept")     \
    X(FILE_GONE, "file_gone", "the file that was being sent has left the store")             \
    X(STOPPED, "stopped", "the edge was stopped")                                            \
    X(SHELL, "shell", "the worker gave the connection up")

enum conn_end {
#define X(name, label, text) CONN_END_##name,
    CONN_END_TABLE(X)
#undef X
        CONN_END_COUNT
};

/** Label and text of a row; the end must be one of the table. */
const char *conn_end_label(enum conn_end end);
const char *conn_end_text(enum conn_end end);
