/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/facts.h"

#include <strings.h>

#include "lib/wire.h"

static const struct {
    const char *text;
    uint8_t number;
} reasons[] = {
#define X(name, number, text) {text, number},
    REASON_TABLE(X)
#undef X
};

#define REASON_COUNT (sizeof reasons / sizeof reasons[0])

/* Decimal of one or two digits; 255, which is no reason, otherwise. */
static unsigned small_decimal(struct span text)
{
    unsigned value = 0;
    if (text.size == 0 || text.size > 2)
        return REASON_ABSENT;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return REASON_ABSENT;
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

enum err reason_from_text(struct span text, enum reason *ret)
{
    unsigned number = small_decimal(text);
    for (size_t i = 0; i < REASON_COUNT; i++) {
        const char *name = reasons[i].text;
        bool named =
            text.size == strlen(name) && strncasecmp(name, (const char *)text.data, text.size) == 0;
        if (named || number == reasons[i].number) {
            *ret = (enum reason)reasons[i].number;
            return ERR_OK;
        }
    }
    return ERR_MALFORMED;
}

const char *reason_text(uint8_t reason)
{
    for (size_t i = 0; i < REASON_COUNT; i++)
        if (reasons[i].number == reason)
            return reasons[i].text;
    return "";
}

bool reason_valid(uint8_t reason)
{
    return reason == REASON_ABSENT || reason_text(reason)[0] != '\0';
}

void facts_write(const struct facts *facts, uint8_t ret[static FACTS_BYTES])
{
    be16_store(ret, facts->template_no);
    ret[2] = facts->status;
    ret[3] = facts->reason;
    be32_store(ret + 4, facts->revoked_at_s);
    be32_store(ret + 8, facts->this_update_s);
    be32_store(ret + 12, facts->next_update_s);
}

struct facts facts_load(const uint8_t wire[static FACTS_BYTES])
{
    return (struct facts){
        .template_no = be16_load(wire),
        .status = wire[2],
        .reason = wire[3],
        .revoked_at_s = be32_load(wire + 4),
        .this_update_s = be32_load(wire + 8),
        .next_update_s = be32_load(wire + 12),
    };
}

enum err facts_read(const uint8_t wire[static FACTS_BYTES], struct facts *ret)
{
    struct facts facts = facts_load(wire);
    if (facts.status != CERT_GOOD && facts.status != CERT_REVOKED)
        return ERR_MALFORMED;
    if (!reason_valid(facts.reason))
        return ERR_MALFORMED;
    if (facts.status == CERT_GOOD && (facts.reason != REASON_ABSENT || facts.revoked_at_s != 0))
        return ERR_MALFORMED;
    if (facts.this_update_s >= facts.next_update_s)
        return ERR_MALFORMED;
    *ret = facts;
    return ERR_OK;
}
