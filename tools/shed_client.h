/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to statim-shed's control socket (bpf/control.h). What goes wrong is printed as
 * "statim shed: ...". */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "lib/os/file.h"

#define SHED_ANSWER_TIMEOUT_S 10

struct shed_client {
    int fd;
    struct buffer in; /* of the present answer */
};

bool shed_client_open(const char *path, struct shed_client *ret);
/** Sends one request (a reference that is taken over) and waits for its answer. NULL: printed; else
 * a new reference to an object in which "ok" is true. */
json_t *shed_client_ask(struct shed_client *c, json_t *request);
void shed_client_close(struct shed_client *c);
