/* SPDX-License-Identifier: Apache-2.0 */
#include "issuer/ca_refusal.h"

#include <stdarg.h>
#include <stdio.h>

enum err ca_refuse(struct ca_refusal *refusal, enum err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(refusal->text, sizeof refusal->text, format, args);
    va_end(args);
    /* One line, whatever was quoted. */
    for (char *c = refusal->text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return err;
}
