/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the simulated publisher, and its issuers in the order of their ids. */
#pragma once

#include "tests/sim/sim_publisher.h"
#include "tests/unit/ocsp_fixture.h"

#define SIM_TEMPLATES 2

/** Template 1 (place 0) is signed by the CA itself, template 2 by a responder of it. */
const struct fixture_signer *sim_signer(uint32_t issuer, uint32_t template_place);
