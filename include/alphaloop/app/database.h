/* Where the settings say the database is. */
#ifndef ALPHALOOP_APP_DATABASE_H
#define ALPHALOOP_APP_DATABASE_H

#include "alphaloop/io/pg.h"
#include "alphaloop/settings/settings.h"

/* Options of one connection, named `name` ("writer", "admin", "migrate" ...: static text). Borrows from the settings; times
 * and bounds stay 0, which means io/pg's defaults. */
struct pg_options database_from_settings(const struct settings *settings, const char *name);

#endif
