/* SPDX-License-Identifier: Apache-2.0 */
/* Which route is whose. docs/openapi.yaml says the same to people and programs. */
#include "issuer/feed.h"
#include "issuer/rest.h"
#include "issuer/rest_certificate.h"
#include "issuer/rest_records.h"

#define JSON     "application/json"
#define SMALL    4096 /* a body of a few short fields */
#define READERS  (ROLE_OPERATOR | ROLE_AUDITOR)
#define BODY_MAX HTTPS_BODY_BYTES_MAX

#define END_OF_ROUTES                    \
    {                                    \
        HTTP_GET, NULL, NULL, 0, 0, NULL \
    }

/* What operators do is the same by key and by certificate. `readers` may only look. */
#define OPERATOR_ROUTES(readers)                                                                  \
    {HTTP_POST, "/v1/dcv", rest_dcv_add, ROLE_OPERATOR, 2 * SMALL, JSON},                         \
        {HTTP_GET, "/v1/dcv", rest_dcv_list, (readers), 0, NULL},                                 \
        {HTTP_POST, "/v1/approval", rest_approval_add, ROLE_OPERATOR, BODY_MAX, JSON},            \
        {HTTP_GET, "/v1/approval", rest_approval_list, (readers), 0, NULL},                       \
        {HTTP_POST, "/v1/incident", rest_incident_add, ROLE_OPERATOR, SMALL, JSON},               \
        {HTTP_GET, "/v1/incident", rest_incident_list, (readers), 0, NULL},                       \
        {HTTP_GET, "/v1/incident/{id}", rest_incident_get, (readers), 0, NULL},                   \
        {HTTP_POST, "/v1/incident/{id}/serials", rest_incident_serials, ROLE_OPERATOR, 2 * SMALL, \
         JSON},                                                                                   \
        {HTTP_POST, "/v1/incident/{id}/close", rest_incident_close, ROLE_OPERATOR, 0, NULL},      \
    {                                                                                             \
        HTTP_GET, "/v1/report/expiring", rest_report_expiring, (readers), 0, NULL                 \
    }

/* Certificates and CAs: `owners` of certificates see their own. */
#define READING_ROUTES(readers)                                                               \
    {HTTP_GET, "/v1/certificate", rest_certificate_search, (readers), 0, NULL},               \
        {HTTP_GET, "/v1/certificate/{id}", rest_certificate_get, (readers), 0, NULL},         \
        {HTTP_GET, "/v1/certificate/{id}/chain", rest_certificate_chain, (readers), 0, NULL}, \
        {HTTP_GET,                                                                            \
         "/v1/certificate/by-serial/{ca}/{serial}",                                           \
         rest_certificate_by_serial,                                                          \
         (readers),                                                                           \
         0,                                                                                   \
         NULL},                                                                               \
        {HTTP_GET, "/v1/ca", rest_ca_list, (readers), 0, NULL},                               \
    {                                                                                         \
        HTTP_GET, "/v1/ca/{ca}/certificate", rest_ca_certificate, (readers), 0, NULL          \
    }

const struct https_route rest_public_routes[] = {
    {HTTP_POST, "/v1/certificate", rest_certificate_issue, ROLE_CUSTOMER, BODY_MAX, JSON},
    {HTTP_POST, "/v1/certificate/{id}/revoke", rest_certificate_revoke,
     ROLE_CUSTOMER | ROLE_OPERATOR, SMALL, JSON},
    READING_ROUTES(ROLE_CUSTOMER | ROLE_OPERATOR),
    OPERATOR_ROUTES(ROLE_OPERATOR),
    END_OF_ROUTES,
};

const struct https_route rest_internal_routes[] = {
    {HTTP_POST, "/v1/certificate/{id}/revoke", rest_certificate_revoke, ROLE_OPERATOR, SMALL, JSON},
    READING_ROUTES(READERS),
    OPERATOR_ROUTES(READERS),
    {HTTP_POST, "/v1/admin/api-key", rest_api_key_add, ROLE_ADMIN, SMALL, JSON},
    {HTTP_GET, "/v1/admin/api-key", rest_api_key_list, ROLE_ADMIN | ROLE_AUDITOR, 0, NULL},
    {HTTP_POST, "/v1/admin/api-key/{id}/disable", rest_api_key_disable, ROLE_ADMIN, 0, NULL},
    {HTTP_POST, "/v1/admin/blocked-key", rest_blocked_key_add, ROLE_ADMIN, SMALL, JSON},
    {HTTP_GET, "/v1/events", feed_events, ROLE_FEED, 0, NULL},
    {HTTP_POST, "/v1/events/published", feed_published, ROLE_FEED, BODY_MAX, JSON},
    END_OF_ROUTES,
};
