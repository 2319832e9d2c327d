/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the linter for leaves. Beside each: where it is written, zlint's name of it ("-":
 * none of this meaning), and since when (seconds, of notBefore). A rule that says "a policy" is our
 * own: nobody else asks for it. */
#pragma once

#define LEAF_LINT_SC062 1694736000 /* 2023-09-15: the certificate profiles of BR 7.1.2 */
#define LEAF_LINT_SC047 1661990400 /* 2022-09-01: no more organisational units */

/* issuer/leaf_lint_base.c: fields, times, key */
#define LEAF_LINT_BASE_TABLE(X)                                                            \
    X(version, "RFC 5280 4.1.2.1", "e_invalid_certificate_version", 0)                     \
    X(serial_positive, "RFC 5280 4.1.2.2", "e_serial_number_not_positive", 0)              \
    X(serial_length, "RFC 5280 4.1.2.2", "e_serial_number_longer_than_20_octets", 0)       \
    X(serial_entropy, "BR 7.1.2.7", "w_serial_number_low_entropy", 0)                      \
    X(algorithms_match, "RFC 5280 4.1.1.2", "e_cert_sig_alg_not_match_tbs_sig_alg", 0)     \
    X(signature_algorithm, "BR 7.1.3.2", "e_signature_algorithm_not_supported", 0)         \
    X(issuer_bytes, "BR 7.1.4.1", "-", 0)                                                  \
    X(times_encoded, "RFC 5280 4.1.2.5", "e_wrong_time_format_pre2050", 0)                 \
    X(times_in_order, "RFC 5280 4.1.2.5", "e_validity_time_not_positive", 0)               \
    X(validity_length, "BR 6.3.2", "e_tls_server_cert_valid_time_longer_than_398_days", 0) \
    X(not_before_near, "BR 7.1.2.7", "-", LEAF_LINT_SC062)                                 \
    X(within_issuer, "RFC 5280 6.1.3", "-", 0)                                             \
    X(no_unique_ids, "RFC 5280 4.1.2.8", "e_cert_contains_unique_identifier", 0)           \
    X(key_algorithm, "BR 6.1.5", "e_public_key_type_not_allowed", 0)                       \
    X(key_size, "BR 6.1.5", "e_rsa_mod_less_than_2048_bits", 0)                            \
    X(key_exponent, "BR 6.1.6", "w_rsa_public_exponent_not_in_range", 0)                   \
    X(key_small_factor, "BR 6.1.6", "w_rsa_mod_factors_smaller_than_752", 0)               \
    X(key_weak, "BR 6.1.1.3", "-", 0)                                                      \
    X(key_form, "BR 7.1.3.1", "e_spki_rsa_encryption_parameter_not_null", 0)               \
    X(key_not_issuers, "a policy: a CA does not certify its own key to others", "-", 0)

/* issuer/leaf_lint_subject.c */
#define LEAF_LINT_SUBJECT_TABLE(X)                                                               \
    X(subject_encoding, "BR 7.1.4.2", "e_subject_rdns_correct_encoding", 0)                      \
    X(subject_order, "BR 7.1.4.2", "-", LEAF_LINT_SC062)                                         \
    X(subject_single, "BR 7.1.4.1", "n_multiple_subject_rdn", LEAF_LINT_SC062)                   \
    X(subject_distinct, "BR 7.1.4.1", "-", LEAF_LINT_SC062)                                      \
    X(subject_length, "RFC 5280 A.1", "e_subject_organization_name_max_length", 0)               \
    X(subject_value, "BR 7.1.2.7.4", "e_subject_contains_noninformational_value", 0)             \
    X(subject_blanks, "RFC 5280 4.1.2.4", "w_subject_dn_leading_whitespace", 0)                  \
    X(subject_country_iso, "BR 7.1.2.7.4", "e_subject_country_not_iso", 0)                       \
    X(subject_dv, "BR 7.1.2.7.2", "e_cab_dv_subject_invalid_values", LEAF_LINT_SC062)            \
    X(subject_no_unit, "BR 7.1.2.7.4", "e_organizational_unit_name_prohibited", LEAF_LINT_SC047) \
    X(subject_other, "EVG 7.1.4.2.9", "e_ev_extra_subject_attribs", 0)                           \
    X(subject_organization, "BR 7.1.2.7.4", "e_cab_ov_requires_org", 0)                          \
    X(subject_country, "BR 7.1.2.7.4", "e_cert_policy_ov_requires_country", 0)                   \
    X(subject_place, "BR 7.1.2.7.4", "e_cert_policy_ov_requires_province_or_locality", 0)        \
    X(common_name_of_names, "BR 7.1.4.3", "e_subject_common_name_not_exactly_from_san", 0)       \
    X(ev_business_category, "EVG 7.1.4.2.3", "e_ev_business_category_missing", 0)                \
    X(ev_business_category_value, "EVG 7.1.4.2.3", "e_ev_invalid_business_category", 0)          \
    X(ev_jurisdiction, "EVG 7.1.4.2.4", "-", 0)                                                  \
    X(ev_registration, "EVG 7.1.4.2.5", "e_ev_serial_number_missing", 0)

/* issuer/leaf_lint_extension.c */
#define LEAF_LINT_EXTENSION_TABLE(X)                                                               \
    X(no_duplicate_extension, "RFC 5280 4.2", "e_ext_duplicate_extension", 0)                      \
    X(no_other_extension, "BR 7.1.2.7.6", "-", 0)                                                  \
    X(extension_der, "BR 7.1.2.11.5", "-", 0)                                                      \
    X(no_name_constraints, "BR 7.1.2.7.6", "e_ext_name_constraints_not_in_ca", 0)                  \
    X(basic_not_ca, "BR 7.1.2.7.8", "e_sub_cert_not_is_ca", 0)                                     \
    X(basic_no_path_length, "BR 7.1.2.7.8", "e_path_len_constraint_improperly_included", 0)        \
    X(basic_critical, "BR 7.1.2.7.6", "e_sub_cert_basic_constraints_not_critical",                 \
      LEAF_LINT_SC062)                                                                             \
    X(key_usage_present, "BR 7.1.2.7.6", "-", 0)                                                   \
    X(key_usage_critical, "BR 7.1.2.7.6", "w_ext_key_usage_not_critical", 0)                       \
    X(key_usage_some, "RFC 5280 4.2.1.3", "e_ext_key_usage_without_bits", 0)                       \
    X(key_usage_signature, "BR 7.1.2.7.11", "-", 0)                                                \
    X(key_usage_no_cert_sign, "BR 7.1.2.7.11", "e_sub_cert_key_usage_cert_sign_bit_set", 0)        \
    X(key_usage_no_crl_sign, "BR 7.1.2.7.11", "e_sub_cert_key_usage_crl_sign_bit_set", 0)          \
    X(key_usage_of_key, "BR 7.1.2.7.11", "e_rsa_allowed_ku_ee", 0)                                 \
    X(extended_usage_present, "BR 7.1.2.7.6", "e_sub_cert_eku_missing", 0)                         \
    X(extended_usage_plain, "BR 7.1.2.7.6", "-", 0)                                                \
    X(extended_usage_server, "BR 7.1.2.7.10", "e_sub_cert_eku_server_auth_client_auth_missing", 0) \
    X(extended_usage_only, "BR 7.1.2.7.10", "w_sub_cert_eku_extra_values", 0)                      \
    X(authority_key_id, "RFC 5280 4.2.1.1", "e_ext_authority_key_identifier_missing", 0)           \
    X(authority_key_id_plain, "RFC 5280 4.2.1.1", "e_ext_authority_key_identifier_critical", 0)    \
    X(authority_key_id_only, "BR 7.1.2.11.1", "-", 0)                                              \
    X(authority_key_id_value, "RFC 5280 4.2.1.1", "-", 0)                                          \
    X(subject_key_id_plain, "RFC 5280 4.2.1.2", "e_ext_subject_key_identifier_critical", 0)        \
    X(subject_key_id_value, "RFC 7093 2", "-", 0)                                                  \
    X(tls_feature_known, "RFC 7633 4.2", "-", 0)                                                   \
    X(must_staple_ocsp, "RFC 7633 4.2.3", "-", 0)

/* issuer/leaf_lint_names.c */
#define LEAF_LINT_NAMES_TABLE(X)                                                         \
    X(names_present, "BR 7.1.2.7.12", "e_ext_san_missing", 0)                            \
    X(names_some, "RFC 5280 4.2.1.6", "e_ext_san_no_entries", 0)                         \
    X(names_critical, "BR 7.1.2.7.12", "e_ext_san_not_critical_without_subject", 0)      \
    X(names_plain, "BR 7.1.2.7.12", "w_ext_san_critical_with_subject_dn", 0)             \
    X(names_type, "BR 7.1.2.7.12", "e_ext_san_directory_name_present", 0)                \
    X(names_form, "BR 7.1.2.7.12", "e_dnsname_bad_character_in_label", 0)                \
    X(names_lower_case, "a policy: one name has one form", "-", 0)                       \
    X(names_distinct, "a policy: one name is there once", "n_san_dns_name_duplicate", 0) \
    X(names_public, "BR 4.2.2", "e_dnsname_not_valid_tld", 0)                            \
    X(names_no_suffix, "a policy: nobody has a public suffix", "-", 0)                   \
    X(names_wildcard, "BR 3.2.2.6", "n_dnsname_wildcard_left_of_public_suffix", 0)       \
    X(names_address_size, "RFC 5280 4.2.1.6", "-", 0)                                    \
    X(names_address_public, "BR 4.2.2", "e_ext_san_contains_reserved_ip", 0)             \
    X(names_within, "RFC 5280 4.2.1.10", "-", 0)                                         \
    X(ev_no_wildcard, "EVG 7.1.2.1", "e_ev_not_wildcard", 0)                             \
    X(ev_no_address, "EVG 7.1.2.1", "e_ev_san_ip_address_present", 0)

/* issuer/leaf_lint_pointer.c: policies, and where the status and the issuer are */
#define LEAF_LINT_POINTER_TABLE(X)                                                                \
    X(policies_present, "BR 7.1.2.7.9", "e_sub_cert_certificate_policies_missing", 0)             \
    X(policies_plain, "BR 7.1.2.7.6", "w_sub_cert_certificate_policies_marked_critical", 0)       \
    X(policies_distinct, "RFC 5280 4.2.1.4", "e_ext_cert_policy_duplicate", 0)                    \
    X(policies_no_any, "BR 7.1.2.7.9", "-", LEAF_LINT_SC062)                                      \
    X(policies_kind, "BR 7.1.2.7.9", "-", 0)                                                      \
    X(policies_kind_first, "BR 7.1.2.7.9", "-", LEAF_LINT_SC062)                                  \
    X(policies_one_reserved, "BR 7.1.2.7.9", "-", LEAF_LINT_SC062)                                \
    X(policies_no_qualifiers, "BR 7.1.2.7.9", "-", LEAF_LINT_SC062)                               \
    X(policies_of_issuer, "RFC 5280 6.1.3", "-", 0)                                               \
    X(crl_point_present, "BR 7.1.2.11.2", "-", 0)                                                 \
    X(crl_point_plain, "BR 7.1.2.7.6", "e_sub_cert_crl_distribution_points_marked_critical", 0)   \
    X(crl_point_single, "BR 7.1.2.11.2", "-", LEAF_LINT_SC062)                                    \
    X(crl_point_form, "BR 7.1.2.11.2", "e_crlissuer_must_not_be_present_in_cdp", LEAF_LINT_SC062) \
    X(crl_point_http, "BR 7.1.2.11.2", "e_crl_distrib_points_not_http", LEAF_LINT_SC062)          \
    X(crl_point_shard, "BR 7.2.2.1", "-", 0)                                                      \
    X(access_present, "BR 7.1.2.7.6", "e_sub_cert_aia_missing", 0)                                \
    X(access_plain, "BR 7.1.2.7.6", "e_sub_cert_aia_marked_critical", 0)                          \
    X(access_methods, "BR 7.1.2.7.7", "e_aia_must_contain_permitted_access_method",               \
      LEAF_LINT_SC062)                                                                            \
    X(access_http, "BR 7.1.2.7.7", "e_aia_ocsp_must_have_http_only", LEAF_LINT_SC062)             \
    X(access_unique, "BR 7.1.2.7.7", "e_aia_unique_access_locations", LEAF_LINT_SC062)            \
    X(access_issuer, "BR 7.1.2.7.7", "w_sub_cert_aia_does_not_contain_issuing_ca_url", 0)

#define LEAF_LINT_TABLE(X)       \
    LEAF_LINT_BASE_TABLE(X)      \
    LEAF_LINT_SUBJECT_TABLE(X)   \
    LEAF_LINT_EXTENSION_TABLE(X) \
    LEAF_LINT_NAMES_TABLE(X)     \
    LEAF_LINT_POINTER_TABLE(X)
