/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/sync_action.h"

const char *sync_action_text(enum sync_action_type type)
{
    static const char *const texts[SYNC_ACTION_COUNT] = {
#define X(name, text) [SYNC_##name] = text,
        SYNC_ACTION_TABLE(X)
#undef X
    };
    return type < SYNC_ACTION_COUNT ? texts[type] : "?";
}
