/* Options -> libpq keywords, and libpq's answers -> words. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "conninfo_i.h"

static bool schema_is_valid(const char *schema)
{
    size_t len = strlen(schema);
    if (len == 0 || len > 63 || (schema[0] >= '0' && schema[0] <= '9') ||
        strncmp(schema, "pg_", 3) == 0)
        return false;
    return strspn(schema, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static enum al_err check_text(const char *field, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return err_set(AL_EINVAL, "%s is empty", field);
    return AL_OK;
}

enum al_err pg_options_check(const struct pg_options *options)
{
    enum al_err err;
    if ((err = check_text("host", options->host)) != AL_OK ||
        (err = check_text("database", options->database)) != AL_OK ||
        (err = check_text("user", options->user)) != AL_OK ||
        (err = check_text("name", options->name)) != AL_OK)
        return err;
    if (strlen(options->host) > 255)
        return err_set(AL_EINVAL, "host is longer than 255 bytes");
    if (options->port == 0)
        return err_set(AL_EINVAL, "port is 0");
    if (options->schema == NULL || !schema_is_valid(options->schema))
        return err_set(AL_EINVAL, "schema '%s' is not [a-z_][a-z0-9_]{0,62}, or begins with pg_",
                       options->schema == NULL ? "" : options->schema);
    return AL_OK;
}

bool pg_host_is_directory(const char *host)
{
    return host[0] == '/';
}

static void add(struct pg_conninfo *info, const char *keyword, const char *value)
{
    assert(info->n + 1 < PG_KEYWORDS_MAX);
    info->keywords[info->n] = keyword;
    info->values[info->n] = value;
    info->n++;
    info->keywords[info->n] = NULL;
    info->values[info->n] = NULL;
}

/* A statement that needs what is off has a cost so high that the server would compile it first, for a second. */
#define PLAN_BY_KEY                                                                                \
    " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off"          \
    " -c enable_mergejoin=off -c jit=off"

void pg_conninfo_init(struct pg_conninfo *info, const struct pg_options *options)
{
    memset(info, 0, sizeof(*info));
    snprintf(info->port, sizeof(info->port), "%u", options->port);
    snprintf(info->settings, sizeof(info->settings),
             "-c search_path=%s -c statement_timeout=%u -c timezone=UTC%s", options->schema,
             options->statement_timeout_ms, options->by_key ? PLAN_BY_KEY : "");
    unsigned connect_timeout_ms =
        options->connect_timeout_ms == 0 ? 10000 : options->connect_timeout_ms;
    snprintf(info->connect_timeout, sizeof(info->connect_timeout), "%u",
             (connect_timeout_ms + 999) / 1000);
    add(info, "host", options->host);
    add(info, "port", info->port);
    add(info, "dbname", options->database);
    add(info, "user", options->user);
    if (options->password != NULL)
        add(info, "password", options->password);
    if (options->sslmode != NULL)
        add(info, "sslmode", options->sslmode);
    add(info, "application_name", options->name);
    add(info, "client_encoding", "UTF8");
    add(info, "options", info->settings);
    add(info, "connect_timeout", info->connect_timeout);
    add(info, "gssencmode", "disable"); /* looking for a Kerberos ticket would block */
    add(info, "keepalives_idle", "5");
    add(info, "keepalives_interval", "2");
    add(info, "keepalives_count", "3");
    add(info, "tcp_user_timeout", "10000");
}

void pg_conninfo_set_addresses(struct pg_conninfo *info,
                               const struct pg_options *options,
                               const char *const *addresses,
                               size_t n_addresses)
{
    size_t n_hosts = 0, n_list = 0;
    assert(n_addresses > 0 && n_addresses <= PG_ADDRESSES_MAX);
    for (size_t i = 0; i < n_addresses; i++) {
        const char *comma = i == 0 ? "" : ",";
        n_hosts += (size_t)snprintf(info->hosts + n_hosts, sizeof(info->hosts) - n_hosts, "%s%s",
                                    comma, options->host);
        n_list += (size_t)snprintf(info->addresses + n_list, sizeof(info->addresses) - n_list,
                                   "%s%s", comma, addresses[i]);
        assert(n_hosts < sizeof(info->hosts) && n_list < sizeof(info->addresses));
    }
    info->values[0] = info->hosts; /* the name stays, for certificates and messages */
    add(info, "hostaddr", info->addresses);
}

void pg_error_line(const char *message, char *out, size_t out_size)
{
    size_t len = strcspn(message, "\n");
    if (len >= out_size)
        len = out_size - 1;
    memcpy(out, message, len);
    out[len] = '\0';
}

/* A server that is there, but not for anyone: starting, stopping, full. libpq gives no SQLSTATE for these. */
static bool is_passing(const char *line)
{
    static const char *const words[] = {"starting up", "shutting down",
                                        "recovery",    "not yet accepting",
                                        "too many",    "remaining connection slots"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(line, words[i]) != NULL)
            return true;
    }
    return false;
}

enum al_err pg_connect_failure(const PGconn *conn, char *line, size_t line_size)
{
    const char *message = PQerrorMessage(conn), *begin = message;
    const char *spoken = strstr(message, "FATAL:");
    /* One line an address: the one in which a server spoke says more than that another one did not answer. */
    for (const char *at = message; spoken != NULL && at < spoken; at++) {
        if (*at == '\n')
            begin = at + 1;
    }
    pg_error_line(begin, line, line_size);
    bool is_refused = spoken != NULL || PQconnectionNeedsPassword(conn);
    return is_refused && !is_passing(line) ? AL_EAUTH : AL_ECONN;
}

void pg_ignore_notice(void *ctx, const PGresult *result)
{
    (void)ctx;
    (void)result;
}

static bool is_one_of(const char *sqlstate, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(sqlstate, *list) == 0)
            return true;
    }
    return false;
}

/* serialization_failure, deadlock_detected, unique_violation, lock_not_available, too_many_connections */
static const char *const retry_states[] = {"40001", "40P01", "23505", "55P03", "53300", NULL};

enum al_err pg_failure_from(const PGresult *result,
                            const struct pg_statement *statement,
                            struct pg_failure *out)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    snprintf(out->sqlstate, sizeof(out->sqlstate), "%s", state == NULL ? "" : state);
    pg_error_line(message != NULL ? message : PQresultErrorMessage(result), out->message,
                  sizeof(out->message));
    snprintf(out->statement, sizeof(out->statement), "%s",
             statement == NULL ? "" : statement->name);
    bool ended =
        state == NULL ||
        (severity != NULL && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0));
    out->retry = ended || is_one_of(out->sqlstate, retry_states);
    return ended ? AL_ECONN : AL_EDB;
}
