/* What every training child does with those who started it. It can be asked to end by SIGTERM, by SIGINT and by the end of standard
 * input when that is a pipe, which also comes when the parent is gone; a child that does not hear then ends itself. */
#ifndef ALPHALOOP_APP_CHILD_I_H
#define ALPHALOOP_APP_CHILD_I_H

#include <stdbool.h>
#include <stdint.h>

#include "alphaloop/train/job.h"

void child_listen(void); /* once, at the beginning */
bool child_must_end(void);
int64_t child_monotonic_ns(void);
void child_print_line(const struct train_line *line);

#endif
