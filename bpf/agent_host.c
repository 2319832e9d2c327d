/* SPDX-License-Identifier: Apache-2.0 */
/* What of the host the configuration depends on. */
#include <stdio.h>
#include <stdlib.h>

#include "bpf/agent.h"

#define SYNCOOKIES "/proc/sys/net/ipv4/tcp_syncookies"
/* Cookies always, whatever the listener's queue. */
#define SYNCOOKIES_ALWAYS 2

/* The first number of the file; -1: it cannot be read. */
static int read_number(const char *path)
{
    int number = -1;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    if (fscanf(file, "%d", &number) != 1)
        number = -1;
    fclose(file);
    return number;
}

/* The kernel takes an ACK for a cookie only where the setting lets its listeners send cookies
 * themselves; else everybody whom the filter answers is reset. */
enum err agent_host_check(const struct shed_config *config,
                          char message[static CONFIG_MESSAGE_BYTES])
{
    if (config->cookies_per_s == 0)
        return ERR_OK;
    int value = read_number(SYNCOOKIES);
    if (value == SYNCOOKIES_ALWAYS)
        return ERR_OK;
    if (value < 0)
        snprintf(message, CONFIG_MESSAGE_BYTES, "cookies_per_s: %s cannot be read", SYNCOOKIES);
    else
        snprintf(message, CONFIG_MESSAGE_BYTES,
                 "cookies_per_s: needs net.ipv4.tcp_syncookies = %d, it is %d", SYNCOOKIES_ALWAYS,
                 value);
    return ERR_CONFIG;
}
