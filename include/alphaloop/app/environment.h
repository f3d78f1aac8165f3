/* Settings from the process's environment and an env file, for every role: the real environment wins. */
#ifndef ALPHALOOP_APP_ENVIRONMENT_H
#define ALPHALOOP_APP_ENVIRONMENT_H

#include "alphaloop/settings/settings.h"

#define ENVIRONMENT_FILE_DEFAULT ".env" /* read if it exists */

/* Read and check the settings of a role, blocking. Problems go to standard error, one line each.
 *
 *   env_file  what --env-file said, which must exist; NULL: ENVIRONMENT_FILE_DEFAULT
 *   needs     SETTINGS_NEED_*
 *   out       filled on AL_OK (it is large: keep it on the heap or static)
 *   returns   AL_OK; anything else means exit code EXIT_USAGE, everything has been said
 */
MUST_CHECK enum al_err environment_settings(const char *env_file,
                                            unsigned needs,
                                            struct settings *out);

/* The same for a reload: problems are appended to `problems` instead. */
MUST_CHECK enum al_err environment_settings_again(const char *env_file,
                                                  unsigned needs,
                                                  struct settings *out,
                                                  struct buf *problems);

#endif
