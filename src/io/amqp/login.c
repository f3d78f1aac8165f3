/* Channel 0: greeting, authentication, tuning, and the broker's words about the whole connection. */
#include "conn_i.h"

#include <stdio.h>
#include <string.h>

/* Without these the broker sends no connection.blocked and no basic.cancel, and answers a bad password
 * by closing the socket without a word. */
static const char *const capabilities[] = {
    "publisher_confirms",           "basic.nack", "consumer_cancel_notify", "connection.blocked",
    "authentication_failure_close",
};

static amqp_table_entry_t text_entry(const char *key, const char *value)
{
    return (amqp_table_entry_t){
        .key = amqp_bytes_of(key),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_bytes_of(value)}};
}

void login_begin(struct amqp_conn *conn)
{
    conn_set_state(conn, AMQP_CONN_LOGIN);
    conn->login_awaits = AMQP_CONNECTION_START_METHOD;
    codec_put_greeting(&conn->out);
    conn_wants_flush(conn);
}

static bool has_word(struct slice words, const char *word)
{
    size_t n = strlen(word);
    for (size_t at = 0; at < words.len;) {
        const char *blank = memchr(words.ptr + at, ' ', words.len - at);
        size_t end = blank == NULL ? words.len : (size_t)(blank - words.ptr);
        if (end - at == n && memcmp(words.ptr + at, word, n) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

static void send_start_ok(struct amqp_conn *conn)
{
    char secret[2 * AMQP_NAME_MAX + 2];
    size_t n_user = strlen(conn->options.user), n_password = strlen(conn->options.password);
    secret[0] = '\0';
    memcpy(secret + 1, conn->options.user, n_user + 1);
    memcpy(secret + 1 + n_user + 1, conn->options.password, n_password);

    amqp_table_entry_t can[COUNT_OF(capabilities)];
    for (size_t i = 0; i < COUNT_OF(capabilities); i++)
        can[i] =
            (amqp_table_entry_t){.key = amqp_bytes_of(capabilities[i]),
                                 .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}};
    amqp_table_entry_t entries[] = {
        text_entry("product", "alphaloop"),
        text_entry("connection_name", conn->options.name),
        {.key = amqp_bytes_of("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE,
                   .value.table = {.num_entries = COUNT_OF(can), .entries = can}}},
    };
    amqp_connection_start_ok_t ok = {
        .client_properties = {.num_entries = COUNT_OF(entries), .entries = entries},
        .mechanism = amqp_bytes_of("PLAIN"),
        .response = {.len = n_user + n_password + 2, .bytes = secret},
        .locale = amqp_bytes_of("en_US"),
    };
    conn_put(conn, 0, AMQP_CONNECTION_START_OK_METHOD, &ok);
    explicit_bzero(secret, sizeof(secret));
}

static void on_start(struct amqp_conn *conn, const amqp_connection_start_t *start)
{
    if (start->version_major != 0 || start->version_minor != 9)
        conn_fail(conn, AL_EVERSION, "broker speaks AMQP %u-%u", start->version_major,
                  start->version_minor);
    else if (!has_word(slice_of_amqp(start->mechanisms), "PLAIN"))
        conn_fail(conn, AL_EAUTH, "broker does not offer PLAIN authentication");
    else
        send_start_ok(conn);
}

/* 0 means "no wish" on the broker's side. */
static uint32_t agree(uint32_t theirs, uint32_t ours)
{
    return theirs == 0 || theirs > ours ? ours : theirs;
}

static void on_tune(struct amqp_conn *conn, const amqp_connection_tune_t *tune)
{
    uint32_t frame_max = agree(tune->frame_max, conn->options.frame_max);
    uint32_t heartbeat_s = agree(tune->heartbeat, conn->options.heartbeat_s);
    if (codec_tune(&conn->codec, frame_max) != AL_OK) {
        conn_fail(conn, AL_EPARSE, "%s", err_text());
        return;
    }
    conn->channel_max = (uint16_t)agree(tune->channel_max, UINT16_MAX);
    conn->heartbeat_ms = heartbeat_s * 1000;
    amqp_connection_tune_ok_t ok = {.channel_max = conn->channel_max,
                                    .frame_max = frame_max,
                                    .heartbeat = (uint16_t)heartbeat_s};
    conn_put(conn, 0, AMQP_CONNECTION_TUNE_OK_METHOD, &ok);
    amqp_connection_open_t open = {.virtual_host = amqp_bytes_of(conn->options.vhost)};
    conn_put(conn, 0, AMQP_CONNECTION_OPEN_METHOD, &open);
}

static void on_close(struct amqp_conn *conn, const amqp_connection_close_t *close)
{
    bool is_refusal =
        close->reply_code == AMQP_ACCESS_REFUSED || close->reply_code == AMQP_NOT_ALLOWED;
    char text[200];
    conn_copy_text(text, sizeof(text), slice_of_amqp(close->reply_text));
    conn_fail(conn, is_refusal ? AL_EAUTH : AL_ECONN, "broker closed the connection: %u %s",
              close->reply_code, text);
}

static bool on_login_method(struct amqp_conn *conn, const amqp_method_t *method)
{
    if (method->id != conn->login_awaits)
        return false;
    switch (method->id) {
    case AMQP_CONNECTION_START_METHOD:
        conn->login_awaits = AMQP_CONNECTION_TUNE_METHOD;
        on_start(conn, method->decoded);
        return true;
    case AMQP_CONNECTION_TUNE_METHOD:
        conn->login_awaits = AMQP_CONNECTION_OPEN_OK_METHOD;
        on_tune(conn, method->decoded);
        return true;
    default:
        conn_logged_in(conn);
        return true;
    }
}

static bool on_later_method(struct amqp_conn *conn, const amqp_method_t *method)
{
    switch (method->id) {
    case AMQP_CONNECTION_BLOCKED_METHOD:
        conn_set_blocked(conn, true,
                         slice_of_amqp(((amqp_connection_blocked_t *)method->decoded)->reason));
        return true;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        conn_set_blocked(conn, false, SLICE(""));
        return true;
    default:
        return false;
    }
}

void login_on_method(struct amqp_conn *conn, const amqp_method_t *method)
{
    if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
        on_close(conn, method->decoded);
        return;
    }
    if (method->id == AMQP_CONNECTION_CLOSE_OK_METHOD && conn->state == AMQP_CONN_CLOSING) {
        conn_fail(conn, AL_OK, "%s", "");
        return;
    }
    bool is_known = conn->state == AMQP_CONN_LOGIN ? on_login_method(conn, method)
                                                   : on_later_method(conn, method);
    if (!is_known)
        conn_fail(conn, AL_EPARSE, "broker sent an unexpected method 0x%08x while %s", method->id,
                  amqp_conn_state_name(conn->state));
}
