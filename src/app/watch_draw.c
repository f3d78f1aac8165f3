/* How the status looks: a few lines with bars on a terminal, one line elsewhere. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "watch_i.h"

#define LINE_MAX_BYTES 512
#define BAR_CELLS      30

/* One line, cut to the width. */
static void PRINTF(3, 4) put_line(struct buf *out, size_t width, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    size_t len = strlen(line);
    buf_append(out, line, len < width ? len : width);
    buf_putc(out, '\n');
}

static const char *bar(double share, char cells[BAR_CELLS + 1])
{
    double bounded = !(share > 0) ? 0 : share > 1 ? 1 : share;
    size_t n_full = (size_t)(bounded * BAR_CELLS + 1e-9);
    memset(cells, '-', BAR_CELLS);
    memset(cells, '#', n_full);
    cells[BAR_CELLS] = '\0';
    return cells;
}

static const char *duration(double seconds, char out[32])
{
    long whole = seconds > 0 && seconds < 1e9 ? (long)seconds : 0;
    snprintf(out, 32, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    return out;
}

static const char *percent(double share, char out[16])
{
    if (isfinite(share))
        snprintf(out, 16, "%.1f %%", 100 * share);
    else
        snprintf(out, 16, "-");
    return out;
}

static void draw_strategy(const struct watch_strategy *s, size_t width, struct buf *out)
{
    char cells[BAR_CELLS + 1], win[16];
    put_line(out, width, "%-14s %s%s%s  %.0f signals, %.1f/min  settled %.0f, won %s  PnL %+.2f",
             s->id, s->mode, s->version[0] == '\0' ? "" : " ", s->version, s->n_signals,
             s->signals_per_minute, s->n_settled, percent(s->win_rate, win), s->pnl);
    if (s->version[0] == '\0' || s->is_training)
        put_line(out, width,
                 "  samples      [%s] %.0f of %.0f effective (%.0f rows) to the %s model",
                 bar(s->n_needed > 0 ? s->n_eff / s->n_needed : 0, cells), s->n_eff, s->n_needed,
                 s->n_samples, s->version[0] == '\0' ? "first" : "next");
    if (s->is_training)
        put_line(out, width, "  training     [%s] %3.0f %% %s (%s)", bar(s->progress, cells),
                 100 * s->progress, s->stage, s->trigger);
    if (s->verdict[0] != '\0')
        put_line(out, width, "  last verdict %s", s->verdict);
    if (s->no_version[0] != '\0')
        put_line(out, width, "  last training %s", s->no_version);
}

static void draw_market(const struct watch_market *market, size_t width, struct buf *out)
{
    char pnl[32] = "-", lag[32] = "-";
    if (isfinite(market->pnl))
        snprintf(pnl, sizeof(pnl), "%+.2f", market->pnl);
    if (isfinite(market->lag_s))
        snprintf(lag, sizeof(lag), "%.1f s", market->lag_s);
    put_line(
        out, width,
        "market         %s %.19s at %.0fx  %.0f events, %.0f signals, %.0f fills  PnL %s  lag %s",
        market->phase, market->time, market->speed, market->n_events, market->n_signals,
        market->n_filled, pnl, lag);
}

void watch_draw(const struct watch_status *status,
                const struct watch_market *market,
                size_t width,
                struct buf *out)
{
    char up[32], lag[32] = "-";
    if (!status->is_reached) {
        put_line(out, width, "no answer: %s", status->problem);
    } else {
        if (isfinite(status->loop_lag_s))
            snprintf(lag, sizeof(lag), "%.1f ms", 1e3 * status->loop_lag_s);
        put_line(out, width, "%s %s  up %s  %s%s%s  mode %s  %.1f signals/min  PnL %+.2f",
                 status->service, status->version, duration(status->uptime_s, up), status->health,
                 status->stopping ? ", stopping" : "", status->publishing ? "" : ", not publishing",
                 status->mode, status->signals_per_minute, status->pnl);
        put_line(out, width,
                 "database %s  broker %s  outbox %.0f  quarantined %.0f  loop lag p99 %s",
                 status->database, status->broker, status->outbox, status->quarantined, lag);
        for (size_t i = 0; i < status->n_strategies; i++)
            draw_strategy(&status->strategies[i], width, out);
        if (status->problem[0] != '\0')
            put_line(out, width, "problem        %s", status->problem);
    }
    if (market->is_known)
        draw_market(market, width, out);
}

/* ---- one line ---- */

/* Tenths of what is needed: samples come one by one, and lines should not. */
static int tenths(double part, double whole)
{
    double share = whole > 0 ? part / whole : 0;
    return share >= 1 ? 10 : share > 0 ? (int)(10 * share) : 0;
}

void watch_line(const struct watch_status *status, struct buf *out)
{
    if (!status->is_reached) {
        buf_printf(out, "no answer: %s\t", status->problem);
        return;
    }
    buf_printf(out, "%s mode=%s%s", status->health, status->mode,
               status->stopping ? " stopping" : "");
    for (size_t i = 0; i < status->n_strategies; i++) {
        const struct watch_strategy *s = &status->strategies[i];
        buf_printf(out, " | %s %s%s%s samples %d0 %%", s->id, s->mode,
                   s->version[0] == '\0' ? "" : " ", s->version, tenths(s->n_eff, s->n_needed));
        if (s->is_training)
            buf_printf(out, ", training %s %d0 %%", s->stage, tenths(s->progress, 1));
        if (s->verdict[0] != '\0')
            buf_printf(out, ", last verdict: %s", s->verdict);
        if (s->no_version[0] != '\0')
            buf_printf(out, ", last training %s", s->no_version);
    }
    if (status->problem[0] != '\0')
        buf_printf(out, " | problem: %s", status->problem);
    buf_printf(out, "\t%.1f signals/min, PnL %+.2f", status->signals_per_minute, status->pnl);
}
