/* The strategy files of STRATEGY_CONFIG_DIR. */
#ifndef ALPHALOOP_APP_STRATEGIES_I_H
#define ALPHALOOP_APP_STRATEGIES_I_H

#include "alphaloop/io/file.h"
#include "alphaloop/settings/strategy_config.h"

/* Where a strategy is written down: its own file, else default.json; "" when there is neither. */
MUST_CHECK enum al_err strategies_file(const char *dir,
                                       const char *strategy_id,
                                       char path[FILE_PATH_MAX]);

/* One configuration for each of TRADING_STRATEGIES: from its own file, else default.json, else from the settings alone. All
 * problems of all files are appended to `problems`, a line each. Gives *out (free). */
MUST_CHECK enum al_err strategies_load(const struct settings *settings,
                                       struct strategy_config **out,
                                       size_t *n,
                                       struct buf *problems);

#endif
