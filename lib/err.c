/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/err.h"

#include <stddef.h>

static const struct {
    const char *name;
    const char *text;
} errors[] = {
#define X(name, text) {#name, text},
    ERR_TABLE(X)
#undef X
};

const char *err_text(enum err err)
{
    return (size_t)err < ERR_COUNT ? errors[err].text : "an unknown error";
}

const char *err_name(enum err err)
{
    return (size_t)err < ERR_COUNT ? errors[err].name : "UNKNOWN";
}
