/* What may be spent: public.account_balances of the surrounding stack, read now and then when it is there (contract 5). */
#ifndef ALPHALOOP_APP_FUNDS_I_H
#define ALPHALOOP_APP_FUNDS_I_H

#include "alphaloop/base/err.h"

struct worker;
struct funds;

MUST_CHECK enum al_err funds_create(struct worker *worker, struct funds **out);
void funds_destroy(struct funds *funds);
void funds_run(struct funds *funds); /* ask again when it is time */

#endif
