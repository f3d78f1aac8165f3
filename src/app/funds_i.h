/* What may be spent, what is on order and what is held: tables of the surrounding stack in public, read now and then when
 * they are there (contract 5). */
#ifndef ALPHALOOP_APP_FUNDS_I_H
#define ALPHALOOP_APP_FUNDS_I_H

#include "alphaloop/base/err.h"

struct worker;
struct funds;

MUST_CHECK enum al_err funds_create(struct worker *worker, struct funds **out);
void funds_destroy(struct funds *funds);
void funds_run(struct funds *funds); /* ask again when it is time */

#endif
