/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate of a ceremony has to be, rule by rule, judged from its octets by another
 * parser than the writer's: before it is signed (with a made-up signature) and again afterwards. */
#pragma once

#include <openssl/types.h>

#include "issuer/ca_profile.h"

#define LINT_R (1u << CA_ROOT)
#define LINT_I (1u << CA_INTERMEDIATE)
#define LINT_O (1u << CA_RESPONDER)
#define LINT_C (LINT_R | LINT_I)
#define LINT_A (LINT_C | LINT_O)

/* id (and the function that judges), for which kinds, where it is written, zlint's name of it */
#define CA_LINT_TABLE(X)                                                                         \
    X(version, LINT_A, "RFC 5280 4.1.2.1", "e_invalid_certificate_version")                      \
    X(serial_positive, LINT_A, "RFC 5280 4.1.2.2", "e_serial_number_not_positive")               \
    X(serial_length, LINT_A, "RFC 5280 4.1.2.2", "e_serial_number_longer_than_20_octets")        \
    X(serial_random, LINT_A, "BR 7.1", "-")                                                      \
    X(signature_algorithm, LINT_A, "BR 7.1.3.2", "e_signature_algorithm_not_supported")          \
    X(issuer_bytes, LINT_A, "BR 7.1.4.1", "-")                                                   \
    X(subject_present, LINT_A, "RFC 5280 4.1.2.6", "e_ca_subject_field_empty")                   \
    X(subject_country, LINT_A, "BR 7.1.2.10.2", "e_ca_country_name_missing")                     \
    X(subject_organization, LINT_A, "BR 7.1.2.10.2", "e_ca_organization_name_missing")           \
    X(subject_common_name, LINT_A, "BR 7.1.2.10.2", "e_ca_common_name_missing")                  \
    X(subject_other, LINT_I | LINT_O, "BR 7.1.4.1", "-")                                         \
    X(times_in_order, LINT_A, "RFC 5280 4.1.2.5", "e_validity_time_not_positive")                \
    X(times_encoded, LINT_A, "RFC 5280 4.1.2.5.1", "e_wrong_time_format_pre2050")                \
    X(validity_length, LINT_A, "BR 7.1.2.1.1", "-")                                              \
    X(within_issuer, LINT_I | LINT_O, "RFC 5280 6.1.3", "-")                                     \
    X(key_policy, LINT_A, "BR 6.1.5", "e_rsa_mod_less_than_2048_bits")                           \
    X(no_duplicate_extension, LINT_A, "RFC 5280 4.2", "e_ext_duplicate_extension")               \
    X(no_other_extension, LINT_A, "BR 7.1.2.11", "-")                                            \
    X(basic_critical, LINT_C, "BR 7.1.2.10.4", "e_basic_constraints_not_critical")               \
    X(basic_ca, LINT_C, "BR 7.1.2.10.4", "e_ca_is_ca")                                           \
    X(basic_not_ca, LINT_O, "BR 7.1.2.8.4", "-")                                                 \
    X(root_no_path_length, LINT_R, "BR 7.1.2.1.4",                                               \
      "w_root_ca_basic_constraints_path_len_constraint_field_present")                           \
    X(path_length_fits, LINT_I, "RFC 5280 4.2.1.9", "-")                                         \
    X(key_usage_critical, LINT_A, "BR 7.1.2.10.7", "e_ca_key_usage_not_critical")                \
    X(key_usage_cert_sign, LINT_C, "BR 7.1.2.10.7", "e_ca_key_cert_sign_not_set")                \
    X(key_usage_crl_sign, LINT_C, "BR 7.1.2.10.7", "e_ca_crl_sign_not_set")                      \
    X(key_usage_ca_only, LINT_C, "BR 7.1.2.10.7", "-")                                           \
    X(key_usage_responder, LINT_O, "BR 7.1.2.8.7", "-")                                          \
    X(subject_key_id, LINT_A, "RFC 5280 4.2.1.2", "e_ext_subject_key_identifier_missing_ca")     \
    X(subject_key_id_plain, LINT_A, "RFC 5280 4.2.1.2", "e_ext_subject_key_identifier_critical") \
    X(authority_key_id, LINT_A, "RFC 5280 4.2.1.1", "e_ext_authority_key_identifier_missing")    \
    X(authority_key_id_plain, LINT_A, "RFC 5280 4.2.1.1",                                        \
      "e_ext_authority_key_identifier_critical")                                                 \
    X(root_no_extended_usage, LINT_R, "BR 7.1.2.1.2", "e_root_ca_extended_key_usage_present")    \
    X(root_no_policies, LINT_R, "BR 7.1.2.1.2", "w_root_ca_contains_cert_policy")                \
    X(extended_usage_server, LINT_I, "BR 7.1.2.10.6", "n_sub_ca_eku_missing")                    \
    X(extended_usage_only, LINT_I, "BR 7.1.2.10.6", "-")                                         \
    X(extended_usage_ocsp, LINT_O, "RFC 6960 4.2.2.2", "-")                                      \
    X(nocheck, LINT_O, "BR 4.9.9", "e_ocsp_id_pkix_ocsp_nocheck_ext_not_included_server_auth")   \
    X(policies, LINT_I, "BR 7.1.2.10.5", "e_sub_ca_certificate_policies_missing")                \
    X(crl_point, LINT_I, "BR 7.1.2.11.2", "e_sub_ca_crl_distribution_points_missing")            \
    X(authority_access_plain, LINT_I, "RFC 5280 4.2.2.1", "e_sub_ca_aia_marked_critical")        \
    X(authority_access_issuer, LINT_I, "BR 7.1.2.10.3", "-")                                     \
    X(no_pointers_root, LINT_R, "BR 7.1.2.1.2", "-")

struct ca_lint_rule {
    const char *id;
    unsigned kinds;
    const char *section;
    const char *zlint; /* "-": zlint has none of this meaning */
};

/** The number of rules, and one of them. */
size_t ca_lint_count(void);
const struct ca_lint_rule *ca_lint_rule(size_t i);

/** The first broken rule of a certificate, or NULL. `issuer` is the CA's certificate, NULL for a
 *  root. A certificate that does not parse breaks none: parsing it is the caller's. */
const struct ca_lint_rule *ca_lint(X509 *certificate, X509 *issuer, enum ca_kind kind);
