/* SPDX-License-Identifier: Apache-2.0 */
/* What of a filter is pinned: <folder>/<interface>/link, and its maps in
 * <folder>/<interface>/maps-<SHED_LAYOUT>/. Maps of another layout lie in another folder, and go
 * when a filter with new ones is in force. Errors come with a readable line in `message`. */
#pragma once

#include <bpf/libbpf.h>
#include <stdbool.h>

#include "lib/err.h"
#include "lib/limit.h"

/* To be raised when a structure of bpf/filter.h changes its meaning. */
#define SHED_LAYOUT        "3"
#define SHED_MESSAGE_BYTES 256

struct shed_pins {
    char folder[PATH_BYTES_MAX]; /* of the interface */
    char maps[PATH_BYTES_MAX];
    char new_maps[PATH_BYTES_MAX];
    char link[PATH_BYTES_MAX];
};

/** The paths. ERR_LIMIT. */
MUST_CHECK enum err shed_pins_name(const char *pin_folder, const char *interface,
                                   struct shed_pins *ret, char message[static SHED_MESSAGE_BYTES]);
/** Makes the interface's folder. ERR_UNSUPPORTED: it would not be in a bpf file system, so nothing
 * is made; ERR_IO. */
MUST_CHECK enum err shed_pins_make(const struct shed_pins *pins,
                                   char message[static SHED_MESSAGE_BYTES]);
/** Takes the interface's folder, which is there, for this process alone: until the descriptor and
 * those made of it are closed, or it dies. `held`: one that may be of the same folder, then it is
 * shared; -1: there is none. ERR_BUSY: somebody else has it; ERR_NOT_FOUND: no such folder;
 * ERR_IO. */
MUST_CHECK enum err shed_pins_lock(const struct shed_pins *pins, int held, int *ret,
                                   char message[static SHED_MESSAGE_BYTES]);
/** Gives the pinned maps to an object that is not loaded yet: all of them, when each is there and
 * of the kind and size the object wants; else none. */
MUST_CHECK enum err shed_pins_reuse(const struct shed_pins *pins, struct bpf_object *object,
                                    bool *ret_reused, char message[static SHED_MESSAGE_BYTES]);
/** Pins the maps of a loaded object, and removes all that were there, of other layouts too. ERR_IO:
 * then there may be none. */
MUST_CHECK enum err shed_pins_put(const struct shed_pins *pins, struct bpf_object *object,
                                  char message[static SHED_MESSAGE_BYTES]);
/** Takes the filter off its interface, though an agent may hold it, and removes all. ERR_IO: it
 * could not be taken off, so nothing is removed. */
MUST_CHECK enum err shed_pins_remove(const struct shed_pins *pins,
                                     char message[static SHED_MESSAGE_BYTES]);

/** Writes the line. */
__attribute__((format(printf, 2, 3))) void shed_say(char message[static SHED_MESSAGE_BYTES],
                                                    const char *format, ...);
