/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers for what operators and administrators record: validations, approvals, incidents, API
 * keys, blocked keys; and for what is there: CAs, what expires soon. */
#pragma once

#include "issuer/rest_call.h"

REST_HANDLER_OF(rest_dcv_add);
REST_HANDLER_OF(rest_dcv_list);
REST_HANDLER_OF(rest_approval_add);
REST_HANDLER_OF(rest_approval_list);
REST_HANDLER_OF(rest_incident_add);
REST_HANDLER_OF(rest_incident_list);
REST_HANDLER_OF(rest_incident_get);
REST_HANDLER_OF(rest_incident_serials);
REST_HANDLER_OF(rest_incident_close);
REST_HANDLER_OF(rest_api_key_add);
REST_HANDLER_OF(rest_api_key_list);
REST_HANDLER_OF(rest_api_key_disable);
REST_HANDLER_OF(rest_blocked_key_add);
REST_HANDLER_OF(rest_ca_list);
REST_HANDLER_OF(rest_ca_certificate);
REST_HANDLER_OF(rest_report_expiring);
