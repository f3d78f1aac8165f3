/* The file ASSET_NAMES_FILE. */
#ifndef ALPHALOOP_APP_ASSET_NAMES_I_H
#define ALPHALOOP_APP_ASSET_NAMES_I_H

#include "alphaloop/settings/asset_names.h"
#include "alphaloop/settings/settings.h"

/* A file that is not there names nothing. Problems are appended to `problems`, a line each. Gives *out (free). */
MUST_CHECK enum al_err asset_names_load(const struct settings *settings,
                                        struct asset_names **out,
                                        struct buf *problems);

#endif
