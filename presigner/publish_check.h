/* SPDX-License-Identifier: Apache-2.0 */
/* A look at the files at start: what the databases name must be there. */
#pragma once

#include "presigner/publish_core.h"

/** Ranges whose pack is gone (or of another size) become dirty and lose it, so that they are signed
 *  anew; a path whose blob is gone is one where nothing is published; an index that is gone, or may
 *  name such a blob, is forgotten. Logs what was found. */
MUST_CHECK enum err publish_check_files(struct publisher *p);
