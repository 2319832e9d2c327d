/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void check_failed(const char *condition, const char *file, int line)
{
    char text[512];
    int size = snprintf(text, sizeof text, "statim: invariant broken: %s (%s:%d)\n", condition,
                        file, line);
    if (size > 0) {
        size_t bytes = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
        /* write(2), not stdio: the stdio lock may be held by the thread that broke. */
        if (write(STDERR_FILENO, text, bytes) < 0)
            abort();
    }
    abort();
}
