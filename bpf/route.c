/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/route.h"

#include <stddef.h>

enum err route_set(struct route_driver *driver, enum route_action action,
                   char message[static ROUTE_MESSAGE_BYTES])
{
    return driver->set(driver, action, message);
}

enum err route_watch(struct route_driver *driver)
{
    return driver->watch == NULL ? ERR_OK : driver->watch(driver);
}

struct route_driver *route_free(struct route_driver *driver)
{
    if (driver != NULL)
        driver->free(driver);
    return NULL;
}
