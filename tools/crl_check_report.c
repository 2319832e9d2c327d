/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/crl_check_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/hex.h"
#include "lib/timetext.h"

static const char *const severities[] = {
    [CRL_NOTE] = "note", [CRL_WARNING] = "warning", [CRL_ERROR] = "error"};

#define NUMBER_BYTES_SHOWN 32
#define NUMBER_TEXT_BYTES  (2 * NUMBER_BYTES_SHOWN + 1)

/* In hexadecimal, as `openssl crl -crlnumber` has it. */
static void number_text(const struct crl *crl, char ret[static NUMBER_TEXT_BYTES])
{
    struct span number = crl->number;
    size_t size = number.size < NUMBER_BYTES_SHOWN ? number.size : NUMBER_BYTES_SHOWN;
    for (size_t i = 0; i < size; i++)
        (void)snprintf(ret + 2 * i, 3, "%02X", number.data[i]);
    ret[2 * size] = '\0';
}

void crl_report_count(const struct crl_judged *judged, struct crl_check_sums *sums)
{
    sums->crl_count++;
    for (unsigned i = 0; i < CRL_FOUND_COUNT; i++) {
        if (!judged->found[i])
            continue;
        const struct crl_finding_info *info = crl_finding_info(i);
        sums->errors += info->severity == CRL_ERROR;
        sums->warnings += info->severity == CRL_WARNING;
        sums->drops = sums->drops || info->drops;
    }
}

static void text_head(const char *name, const struct crl_judged *judged)
{
    char from[ISO_TIME_BYTES + 1], until[ISO_TIME_BYTES + 1] = "-", number[NUMBER_TEXT_BYTES];
    if (!judged->read) {
        printf("%s\n", name);
        return;
    }
    iso_time_write(judged->crl.this_update_s, from);
    if (judged->crl.next_update_s != 0)
        iso_time_write(judged->crl.next_update_s, until);
    number_text(&judged->crl, number);
    printf("%s: number 0x%s, %s to %s, %" PRIu64 " entries, %zu octets\n", name, number, from,
           until, judged->entry_count, judged->bytes);
}

void crl_report_text(const char *name, const struct crl_judged *judged)
{
    text_head(name, judged);
    for (unsigned i = 0; i < CRL_FOUND_COUNT; i++) {
        if (!judged->found[i])
            continue;
        const struct crl_finding_info *info = crl_finding_info(i);
        const char *detail = judged->detail[i];
        printf("  %-8s %-22s %-18s %s%s%s\n", severities[info->severity], info->word, info->section,
               info->text, detail[0] ? ": " : "", detail);
    }
}

void crl_report_text_end(const struct crl_check_sums *sums)
{
    const char *verdict = sums->drops    ? "Mozilla's aggregator would pass over the issuer"
                          : sums->unread ? "no verdict: not all could be judged"
                                         : "Mozilla's aggregator would take what was asked for";
    printf("%zu CRLs, %zu errors, %zu warnings; %s\n", sums->crl_count, sums->errors,
           sums->warnings, verdict);
}

static json_t *json_findings(const struct crl_judged *judged)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < CRL_FOUND_COUNT; i++) {
        if (!judged->found[i])
            continue;
        const struct crl_finding_info *info = crl_finding_info(i);
        json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "name", info->word, "severity",
                                severities[info->severity], "section", info->section, "text",
                                info->text, "detail", judged->detail[i], "drops", info->drops);
        if (json_array_append_new(list, row) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *json_time(uint64_t time_s)
{
    char text[ISO_TIME_BYTES + 1];
    if (time_s == 0)
        return json_null();
    iso_time_write(time_s, text);
    return json_string(text);
}

json_t *crl_report_json(const char *name, const struct crl_judged *judged)
{
    json_t *findings = json_findings(judged);
    if (!judged->read)
        return json_pack("{s:s, s:o}", "name", name, "findings", findings);
    char number[NUMBER_TEXT_BYTES];
    number_text(&judged->crl, number);
    return json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:o}", "name", name, "number", number,
                     "thisUpdate", json_time(judged->crl.this_update_s), "nextUpdate",
                     json_time(judged->crl.next_update_s), "entries",
                     (json_int_t)judged->entry_count, "octets", (json_int_t)judged->bytes,
                     "findings", findings);
}

json_t *crl_report_json_end(json_t *crls, const struct crl_check_sums *sums)
{
    json_t *drops = sums->unread && !sums->drops ? json_null() : json_boolean(sums->drops);
    return json_pack("{s:o, s:I, s:I, s:o}", "crls", crls, "errors", (json_int_t)sums->errors,
                     "warnings", (json_int_t)sums->warnings, "drops", drops);
}
