/* SPDX-License-Identifier: Apache-2.0 */
/* A name that is read comes back from its text and octets; the policy takes every name. Attributes
 * of subjects that are taken make a Name in DER. */
#include "issuer/leaf_name_ip.h"
#include "issuer/leaf_subject.h"
#include "lib/check.h"
#include "lib/der_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void name_check(const struct leaf_name *name, const struct leaf_suffixes *suffixes)
{
    struct leaf_name again;
    struct problem why = {0};
    CHECK(name->size == strlen(name->text) && name->size <= LEAF_NAME_BYTES_MAX);
    CHECK(leaf_name_read(span_text(name->text), &again, &why) == ERR_OK);
    CHECK(leaf_name_compare(&again, name) == 0 && again.type == name->type);
    if (leaf_name_policy(name, suffixes, &why) != ERR_OK)
        CHECK(why.rule[0] != '\0');
    CHECK(strchr(leaf_name_base(name), '*') == NULL);
}

static void subject_check(struct span word, struct span value)
{
    struct leaf_subject subject = {0};
    struct problem why = {0};
    uint8_t der[LEAF_SUBJECT_DER_MAX];
    struct der_reader r;
    size_t size = 0;
    if (leaf_subject_set(&subject, word, value, &why) != ERR_OK) {
        CHECK(why.rule[0] != '\0');
        return;
    }
    CHECK(leaf_subject_encode(&subject, der, sizeof der, &size) == ERR_OK);
    der_reader_init(&r, span_of(der, size));
    (void)der_take(&r, DER_SEQUENCE);
    CHECK(der_end(&r) == ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct leaf_suffixes *suffixes;
    struct span text = span_of(data, size);
    struct leaf_name name;
    struct problem why = {0};
    if (suffixes == NULL)
        CHECK(leaf_suffixes_open(NULL, &suffixes) == ERR_OK);
    if (leaf_name_read(text, &name, &why) == ERR_OK)
        name_check(&name, suffixes);
    else
        CHECK(why.rule[0] != '\0');
    if (leaf_name_ip(text, &name, &why) == ERR_OK)
        name_check(&name, suffixes);
    const uint8_t *equals = size == 0 ? NULL : memchr(data, '=', size);
    if (equals != NULL)
        subject_check(span_of(data, (size_t)(equals - data)),
                      span_of(equals + 1, size - (size_t)(equals - data) - 1));
    return 0;
}
