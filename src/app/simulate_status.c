/* What the role `simulate` tells people: one line that changes, a file for other programs, a last word. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "alphaloop/base/json.h"
#include "alphaloop/io/file.h"
#include "alphaloop/observe/log.h"
#include "simulate_i.h"

static void format_time(int64_t ts_ns, char out[TIMESTAMP_TEXT_MAX])
{
    if (ts_ns == TIMESTAMP_NONE)
        strcpy(out, "-");
    else
        timestamp_format(ts_ns, out);
    out[19] = '\0'; /* whole seconds are enough for a line */
}

void simulate_print_line(const struct simulate_report *r, bool is_terminal)
{
    char time[TIMESTAMP_TEXT_MAX] = {0}, lag[24] = "-";
    format_time(r->market_ns, time);
    if (isfinite(r->lag_s))
        snprintf(lag, sizeof(lag), "%.1fs", r->lag_s);
    printf("%ssimulate %s x%.0f %s: %" PRIu64 " events, %" PRIu64 " signals, %" PRIu64
           " fills, %" PRIu64 " rejects, fees %.2f, PnL %+.2f, lag %s, unread %" PRIu32 "%s%s%s",
           is_terminal ? "\r\033[K" : "", time, r->speed, r->phase, r->n_events,
           r->exchange.n_signals, r->exchange.n_filled, r->exchange.n_rejected, r->exchange.fees,
           r->exchange.equity, lag, r->backlog, r->error[0] != '\0' ? ", " : "", r->error,
           is_terminal && !r->is_last ? "" : "\n");
    fflush(stdout);
}

void simulate_print_summary(const struct simulate_report *r, uint64_t n_refused_rows)
{
    const struct exchange_stats *x = &r->exchange;
    char time[TIMESTAMP_TEXT_MAX] = {0};
    format_time(r->market_ns, time);
    printf("\nmarket     %" PRIu64 " events until %s, %" PRIu64 " lost on the way, %" PRIu64
           " rows refused\n",
           r->n_events, time, r->n_lost, n_refused_rows);
    printf("signals    %" PRIu64 ", of these %" PRIu64 " duplicates and %" PRIu64 " bad\n",
           x->n_signals, x->n_duplicates, x->n_bad_signals);
    printf("orders     %" PRIu64 ": %" PRIu64 " filled, %" PRIu64 " in parts, %" PRIu64
           " cancelled, %" PRIu64 " rejected\n",
           x->n_orders, x->n_filled, x->n_partial, x->n_cancelled, x->n_rejected);
    printf("volume     %.2f, fees %.2f\n", x->volume, x->fees);
    printf("PnL        %+.2f: %+.2f realized, %+.2f unrealized, fees included\n", x->equity,
           x->realized_pnl, x->unrealized_pnl);
}

static void put_exchange(struct json_writer *w, const struct exchange_stats *x)
{
    json_m_count(w, "signals", x->n_signals);
    json_m_count(w, "duplicates", x->n_duplicates);
    json_m_count(w, "bad_signals", x->n_bad_signals);
    json_m_count(w, "orders", x->n_orders);
    json_m_count(w, "filled", x->n_filled);
    json_m_count(w, "partial", x->n_partial);
    json_m_count(w, "cancelled", x->n_cancelled);
    json_m_count(w, "rejected", x->n_rejected);
    json_m_number(w, "volume", x->volume);
    json_m_number(w, "fees", x->fees);
    json_m_number(w, "realized_pnl", x->realized_pnl);
    json_m_number(w, "unrealized_pnl", x->unrealized_pnl);
    json_m_number(w, "pnl", x->equity);
}

static void write_json(const struct simulate_report *r, struct buf *out)
{
    struct json_writer w;
    json_w_init(&w, out);
    json_w_object(&w);
    json_m_str(&w, "phase", r->phase);
    json_m_str(&w, "error", r->error);
    json_m_time(&w, "market_time", r->market_ns);
    json_m_number(&w, "speed", r->speed);
    json_m_number(&w, "lag_seconds", r->lag_s);
    json_m_count(&w, "events", r->n_events);
    json_m_count(&w, "events_lost", r->n_lost);
    json_m_count(&w, "unread", r->backlog);
    put_exchange(&w, &r->exchange);
    json_w_end_object(&w);
    buf_putc(out, '\n');
}

static bool replace_file(const char *path, struct slice bytes)
{
    char temp[FILE_PATH_MAX];
    if (snprintf(temp, sizeof(temp), "%s.new", path) >= (int)sizeof(temp))
        return false;
    FILE *file = fopen(temp, "w");
    if (file == NULL)
        return false;
    bool is_written = fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len;
    is_written = fclose(file) == 0 && is_written;
    return is_written && rename(temp, path) == 0;
}

void simulate_write_status(const struct simulate_report *report, const char *path)
{
    static bool was_told;
    struct buf out = BUF_INIT(65536);
    write_json(report, &out);
    bool is_done = buf_ok(&out) && replace_file(path, buf_slice(&out));
    if (!is_done && !was_told)
        log_warn("app", "simulate", NULL, EV("status file not written"), F_STR("path", path),
                 F_STR("error", strerror(errno)));
    was_told = !is_done;
    buf_deinit(&out);
}
