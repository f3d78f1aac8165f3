/* Settings -> options of a database connection. */
#include "alphaloop/app/database.h"

struct pg_options database_from_settings(const struct settings *settings, const char *name)
{
    static const char *const sslmodes[] = {"disable", "prefer", "require", "verify-ca",
                                           "verify-full"};
    return (struct pg_options){
        .host = settings->postgres_host,
        .port = (uint16_t)settings->postgres_port,
        .database = settings->postgres_db,
        .user = settings->postgres_user,
        .password = settings->postgres_password,
        .schema = settings->postgres_schema,
        .sslmode = sslmodes[settings->postgres_sslmode],
        .name = name,
    };
}
