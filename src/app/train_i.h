/* The two halves of role `train`: the child that trains one job, and the run that a person asks for, which starts that child
 * as `serve` does. */
#ifndef ALPHALOOP_APP_TRAIN_I_H
#define ALPHALOOP_APP_TRAIN_I_H

#include "alphaloop/settings/settings.h"

/* Train the job in a file: lines on standard output, a folder when a model came of it.
 *   returns  EXIT_DONE when there is a verdict, whatever it says; EXIT_FAILED
 */
int train_child(const struct settings *settings, const char *job_path);

/* Train a strategy as a person wants it: number the version, run the child, show its progress, register the result.
 *   env_file  handed on to the child; may be NULL
 */
int train_person(const struct settings *settings, const char *env_file, const char *strategy_id);

#endif
