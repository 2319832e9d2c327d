/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/crl_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/timetext.h"
#include "tools/crl_check_entries.h"

static const struct crl_finding_info infos[] = {
#define X(name, word, severity, drops, text, section) {#word, CRL_##severity, drops, text, section},
    CRL_CHECK_TABLE(X)
#undef X
};

/* Every lint has a row here. */
static const enum crl_finding of_lint[CRL_LINT_COUNT] = {
#define X(name, text, section) [CRL_LINT_##name] = CRL_FOUND_##name,
    CRL_LINT_TABLE(X)
#undef X
};

const struct crl_finding_info *crl_finding_info(enum crl_finding finding)
{
    return &infos[finding];
}

void crl_found(struct crl_judged *judged, enum crl_finding finding, const char *format, ...)
{
    char *detail = judged->detail[finding];
    va_list arguments;
    judged->found[finding] = true;
    if (format == NULL)
        return;
    va_start(arguments, format);
    (void)vsnprintf(detail, CRL_DETAIL_BYTES, format, arguments);
    va_end(arguments);
    /* Names and URLs of others: nothing that a terminal would obey. */
    for (char *c = detail; *c != '\0'; c++)
        *c = *c >= ' ' && *c <= '~' ? *c : '?';
}

static void found_serial(struct crl_judged *judged, enum crl_finding finding,
                         const struct serial *serial)
{
    char hex[SERIAL_HEX_MAX];
    serial_to_hex(serial, hex);
    crl_found(judged, finding, "%s", hex);
}

static void found_lints(struct crl_judged *judged, uint32_t lints)
{
    for (unsigned i = 0; i < CRL_LINT_COUNT; i++)
        if ((lints >> i & 1) != 0)
            crl_found(judged, of_lint[i], NULL);
}

/* Who signed. */

static void judge_issuer(const struct crl_check *check, struct crl_judged *judged)
{
    const struct crl *crl = &judged->crl;
    const struct crl_check_issuer *issuer = check->issuer;
    if (crl_check_weak(crl))
        crl_found(judged, CRL_FOUND_SIGNATURE_HASH, NULL);
    if (crl->key_id.size == 0)
        crl_found(judged, CRL_FOUND_NO_KEY_ID, NULL);
    if (issuer == NULL) {
        crl_found(judged, CRL_FOUND_NOT_VERIFIED, NULL);
        return;
    }
    if (!crl_check_verifies(issuer, crl))
        crl_found(judged, CRL_FOUND_SIGNATURE, NULL);
    if (!span_equal(crl->issuer, issuer->subject))
        crl_found(judged, CRL_FOUND_ISSUER, NULL);
    if (crl->key_id.size != 0 && issuer->key_id.size != 0 &&
        !span_equal(crl->key_id, issuer->key_id))
        crl_found(judged, CRL_FOUND_KEY_ID, NULL);
}

/* When. */

static void judge_times(const struct crl_check *check, struct crl_judged *judged)
{
    uint64_t this_update_s = judged->crl.this_update_s;
    if (check->of_cas || check->now_s <= this_update_s ||
        check->now_s - this_update_s <= CRL_FRESH_MAX_S)
        return;
    crl_found(judged, CRL_FOUND_NOT_FRESH, "%" PRIu64 " hours",
              (check->now_s - this_update_s) / 3600);
}

/* Where. */

struct listed {
    bool self;          /* the URL it was fetched from */
    size_t shard_count; /* of other disclosed shards */
    struct span shard;  /* the last of these */
};

static struct listed look_at_urls(const struct crl_check *check, const struct crl *crl,
                                  const char *url)
{
    struct listed listed = {.self = false};
    struct span urls = crl->urls, name;
    while (crl_url_next(&urls, &name) == ERR_OK) {
        bool self = url != NULL && span_equal(name, span_text(url));
        listed.self = listed.self || self;
        if (self || check->shards == NULL || !crl_shards_has(check->shards, name))
            continue;
        listed.shard_count++;
        listed.shard = name;
    }
    return listed;
}

/* The set of shards it should belong to is known, or where it came from, or both. */
static void judge_place(const struct crl_check *check, const char *url, struct crl_judged *judged)
{
    const struct crl *crl = &judged->crl;
    bool has_urls = crl->url.size != 0;
    bool shards = check->shards != NULL;
    bool disclosed = shards && (url == NULL || crl_shards_has(check->shards, span_text(url)));
    struct listed listed = look_at_urls(check, crl, url);
    if (disclosed && !has_urls)
        crl_found(judged, CRL_FOUND_NO_DISTRIBUTION_POINT, NULL);
    if (shards && !disclosed && has_urls)
        crl_found(judged, CRL_FOUND_NOT_DISCLOSED, "%s", url);
    if (url != NULL && has_urls && !listed.self)
        crl_found(judged, CRL_FOUND_DISTRIBUTION_POINT, "it is %.*s", (int)crl->url.size,
                  (const char *)crl->url.data);
    else if (listed.shard_count > (url == NULL ? 1 : 0))
        crl_found(judged, CRL_FOUND_DISTRIBUTION_POINT, "it has %.*s, too", (int)listed.shard.size,
                  (const char *)listed.shard.data);
    else if (shards && url == NULL && has_urls && listed.shard_count == 0)
        crl_found(judged, CRL_FOUND_NOT_DISCLOSED, "%.*s", (int)crl->url.size,
                  (const char *)crl->url.data);
}

/* The entries. */

static void judge_entries(const struct crl_check *check, const struct crl_expectation *limits,
                          const struct crl_serials *serials, struct crl_judged *judged)
{
    struct crl_walk walk;
    enum err err = crl_lint_entries(&judged->crl, limits, &walk);
    if (err != ERR_OK)
        crl_found(judged, CRL_FOUND_FORM, "entry %" PRIu64 ": %s", walk.entry_count + 1,
                  err_text(err));
    judged->entry_count = walk.entry_count;
    found_lints(judged, walk.lints);
    if (check->of_cas && serials->has_no_reason)
        found_serial(judged, CRL_FOUND_NO_REASON, &serials->no_reason);
    if (serials->larger.size != 0)
        found_serial(judged, CRL_FOUND_SERIAL_SIZE, &serials->larger);
    if (serials->twice.size != 0)
        found_serial(judged, CRL_FOUND_SERIAL_TWICE, &serials->twice);
}

/* The one before. */

static void judge_number(const struct crl_check *check, struct span der, const struct crl *old,
                         struct crl_judged *judged)
{
    const struct crl *crl = &judged->crl;
    char before[ISO_TIME_BYTES + 1];
    iso_time_write(old->this_update_s, before);
    if (crl->this_update_s < old->this_update_s)
        crl_found(judged, CRL_FOUND_OLDER, "before: %s", before);
    int order = crl_number_compare(crl->number, old->number);
    if (crl->number.size != 0 && order < 0)
        crl_found(judged, CRL_FOUND_NUMBER_BACK, NULL);
    if (crl->number.size != 0 && order == 0 && !span_equal(der, check->previous))
        crl_found(judged, CRL_FOUND_NUMBER_REUSED, NULL);
}

static enum err judge_previous(const struct crl_check *check, struct span der,
                               const struct crl_serials *serials, struct crl_judged *judged)
{
    struct crl old;
    struct crl_serials before;
    struct serial first = SERIAL_BEFORE_ALL;
    char hex[SERIAL_HEX_MAX];
    TRY(crl_open(check->previous, &old));
    if (!span_equal(old.issuer, judged->crl.issuer) || !span_equal(old.url, judged->crl.url) ||
        old.scope != judged->crl.scope) {
        crl_found(judged, CRL_FOUND_SCOPE_MOVED, NULL);
        return ERR_OK; /* nothing else can be compared */
    }
    judge_number(check, der, &old, judged);
    TRY(crl_serials_collect(&old, &before));
    size_t gone = crl_serials_gone(&before, serials, &first);
    crl_serials_done(&before);
    serial_to_hex(&first, hex);
    if (gone > 0)
        crl_found(judged, CRL_FOUND_ENTRY_GONE, "%zu of them, such as %s", gone, hex);
    return ERR_OK;
}

static enum err judge_all(const struct crl_check *check, const char *url, struct span der,
                          const struct crl_serials *serials, struct crl_judged *judged)
{
    bool of_cas = check->of_cas || judged->crl.scope == CRL_CA_CERTS;
    const struct crl_expectation limits = {.now_s = check->now_s,
                                           .future_max_s = CRL_CHECK_FUTURE_S,
                                           .validity_max_s =
                                               of_cas ? CRL_CA_VALIDITY_MAX_S : CRL_VALIDITY_MAX_S};
    judge_issuer(check, judged);
    judge_times(check, judged);
    judge_place(check, url, judged);
    found_lints(judged, crl_lint_frame(&judged->crl, &limits));
    judge_entries(check, &limits, serials, judged);
    if (der.size > CRL_ADVISED_BYTES_MAX)
        crl_found(judged, CRL_FOUND_SIZE, "%zu octets", der.size);
    return check->previous.size == 0 ? ERR_OK : judge_previous(check, der, serials, judged);
}

enum err crl_check_judge(const struct crl_check *check, const char *url, struct span der,
                         struct crl_judged *judged)
{
    struct crl_serials serials;
    judged->bytes = der.size;
    enum err err = crl_open(der, &judged->crl);
    if (err != ERR_OK) {
        crl_found(judged, CRL_FOUND_FORM, "%s", err_text(err));
        return ERR_OK;
    }
    judged->read = true;
    TRY(crl_serials_collect(&judged->crl, &serials));
    err = judge_all(check, url, der, &serials, judged);
    crl_serials_done(&serials);
    return err;
}
