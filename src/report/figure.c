/* Inline SVG. Coordinates have one decimal, so the same numbers give the same bytes everywhere. */
#include "figure_i.h"

#include <math.h>
#include <stdio.h>

/* The drawing area inside a view box. Lettering is large for its width: phones show it at two thirds. */
#define WIDTH  480
#define HEIGHT 280
#define LEFT   58
#define RIGHT  470
#define TOP    12
#define BOTTOM 244

void html_text(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            buf_printf(out, "&lt;");
            break;
        case '>':
            buf_printf(out, "&gt;");
            break;
        case '&':
            buf_printf(out, "&amp;");
            break;
        case '"':
            buf_printf(out, "&quot;");
            break;
        case '\'':
            buf_printf(out, "&#39;");
            break;
        default:
            buf_append(out, text, 1);
        }
    }
}

static void begin(const struct figure_text *text, int height, struct buf *out)
{
    buf_printf(out,
               "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"%s-t %s-d\">"
               "<title id=\"%s-t\">",
               WIDTH, height, text->id, text->id, text->id);
    html_text(out, text->title);
    buf_printf(out, "</title><desc id=\"%s-d\">", text->id);
    html_text(out, text->description);
    buf_printf(out, "</desc>\n");
}

static void end(struct buf *out)
{
    buf_printf(out, "</svg>\n");
}

static void write_label(struct buf *out, double x, double y, const char *anchor, const char *text)
{
    buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    html_text(out, text);
    buf_printf(out, "</text>\n");
}

/* ---- scales ---- */

struct scale {
    double low, high;
};

static double place_y(const struct scale *scale, double value)
{
    return BOTTOM - (BOTTOM - TOP) * (value - scale->low) / (scale->high - scale->low);
}

static double place_x(double part)
{
    return LEFT + (RIGHT - LEFT) * part;
}

static struct scale range_of(const struct figure_line *lines, size_t n_lines, size_t n)
{
    struct scale s = {0, 0}; /* doing nothing is always in sight */
    for (size_t i = 0; i < n_lines; i++) {
        for (size_t k = 0; k < n; k++) {
            s.low = fmin(s.low, lines[i].y[k]);
            s.high = fmax(s.high, lines[i].y[k]);
        }
    }
    double margin = fmax((s.high - s.low) * 0.05, 1e-6);
    return (struct scale){s.low - (s.low < 0 ? margin : 0),
                          s.high + (s.high > 0 ? margin : 0) + (s.low == s.high ? margin : 0)};
}

/* 1, 2 or 5 times a power of ten: about four steps in the range. */
static double step_of(const struct scale *scale)
{
    double raw = (scale->high - scale->low) / 4, power = pow(10, floor(log10(raw)));
    double part = raw / power;
    return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static void write_grid(const struct scale *scale, double unit, const char *suffix, struct buf *out)
{
    double step = step_of(scale);
    int decimals = step * unit >= 1 ? 0 : step * unit >= 0.1 ? 1 : step * unit >= 0.01 ? 2 : 3;
    for (double at = ceil(scale->low / step) * step; at <= scale->high; at += step) {
        double value = fabs(at) < step / 2 ? 0 : at, y = place_y(scale, value);
        char label[64];
        snprintf(label, sizeof label, "%.*f%s", decimals, value * unit, suffix);
        buf_printf(out, "<path class=\"%s\" d=\"M%d %.1fH%d\"/>\n", value == 0 ? "axis" : "grid",
                   LEFT, y, RIGHT);
        write_label(out, LEFT - 6, y + 4, "end", label);
    }
}

/* ---- lines over time ---- */

static void write_date(struct buf *out, double part, const char *anchor, int64_t ts_ns, bool by_day)
{
    char text[TIMESTAMP_TEXT_MAX];
    if (ts_ns == TIMESTAMP_NONE)
        return;
    timestamp_format(ts_ns, text);
    text[by_day ? 10 : 16] = '\0';
    if (!by_day)
        text[10] = ' ';
    write_label(out, place_x(part), BOTTOM + 20, anchor, text);
}

static void write_line(const struct figure_line *line,
                       size_t n,
                       const struct scale *scale,
                       struct buf *out)
{
    bool is_down = false;
    buf_printf(out, "<path class=\"line l%d\" d=\"", line->style);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(line->y[i])) {
            is_down = false;
            continue;
        }
        buf_printf(out, "%c%.1f %.1f", is_down ? 'L' : 'M',
                   place_x(n > 1 ? (double)i / (double)(n - 1) : 0), place_y(scale, line->y[i]));
        is_down = true;
    }
    buf_printf(out, "\"/>\n");
}

static void write_legend(const struct figure_line *lines, size_t n_lines, struct buf *out)
{
    buf_printf(out, "<p class=\"legend\">");
    for (size_t i = 0; i < n_lines; i++) {
        buf_printf(
            out,
            "<span><svg viewBox=\"0 0 24 8\" class=\"key\" aria-hidden=\"true\"><path class=\"line "
            "l%d\" d=\"M0 4H24\"/></svg> ",
            lines[i].style);
        html_text(out, lines[i].name);
        buf_printf(out, "</span> ");
    }
    buf_printf(out, "</p>\n");
}

void figure_lines(const struct figure_text *text,
                  const int64_t *times_ns,
                  size_t n,
                  const struct figure_line *lines,
                  size_t n_lines,
                  struct buf *out)
{
    struct scale scale = range_of(lines, n_lines, n);
    bool by_day = n > 0 && times_ns[n - 1] - times_ns[0] > 3 * NS_PER_DAY;
    begin(text, HEIGHT, out);
    write_grid(&scale, 100, " %", out);
    for (size_t i = 0; i < n_lines; i++)
        write_line(&lines[i], n, &scale, out);
    if (n > 0) {
        write_date(out, 0, "start", times_ns[0], by_day);
        write_date(out, 1, "end", times_ns[n - 1], by_day);
    }
    end(out);
    write_legend(lines, n_lines, out);
}

/* ---- calibration ---- */

static struct scale range_of_bins(const struct calibration_bin *bins, size_t n_bins)
{
    struct scale s = {1, 0};
    for (size_t i = 0; i < n_bins; i++) {
        s.low = fmin(s.low, fmin(bins[i].q, bins[i].share.low));
        s.high = fmax(s.high, fmax(bins[i].q, bins[i].share.high));
    }
    if (!(s.low < s.high))
        return (struct scale){0, 1};
    double margin = (s.high - s.low) * 0.08 + 0.01;
    return (struct scale){fmax(s.low - margin, 0), fmin(s.high + margin, 1)};
}

void figure_calibration(const struct figure_text *text,
                        const struct calibration_bin *bins,
                        size_t n_bins,
                        struct buf *out)
{
    struct scale s = range_of_bins(bins, n_bins);
    char low[32], high[32];
    begin(text, HEIGHT, out);
    write_grid(&s, 100, " %", out);
    buf_printf(out, "<path class=\"line l5\" d=\"M%d %dL%d %d\"/>\n", LEFT, BOTTOM, RIGHT, TOP);
    for (size_t i = 0; i < n_bins; i++) {
        double x = place_x((bins[i].q - s.low) / (s.high - s.low));
        buf_printf(out,
                   "<path class=\"bar0\" d=\"M%.1f %.1fV%.1f\"/><circle class=\"dot\" cx=\"%.1f\" "
                   "cy=\"%.1f\" r=\"4\"/>\n",
                   x, place_y(&s, bins[i].share.low), place_y(&s, bins[i].share.high), x,
                   place_y(&s, bins[i].share.value));
    }
    snprintf(low, sizeof low, "%.1f %%", 100 * s.low);
    snprintf(high, sizeof high, "%.1f %%", 100 * s.high);
    write_label(out, LEFT, BOTTOM + 20, "start", low);
    write_label(out, (LEFT + RIGHT) / 2.0, BOTTOM + 20, "middle", "probability said");
    write_label(out, RIGHT, BOTTOM + 20, "end", high);
    end(out);
}

/* ---- bars ---- */

void figure_bars(const struct figure_text *text,
                 const struct report_importance *bars,
                 size_t n_bars,
                 struct buf *out)
{
    enum { NAME = 190, ROW = 22 };
    double longest = 1e-12;
    for (size_t i = 0; i < n_bars; i++)
        longest = fmax(longest, bars[i].loss);
    begin(text, (int)n_bars * ROW + 8, out);
    for (size_t i = 0; i < n_bars; i++) {
        double y = (double)(i * ROW) + 4,
               length = fmax(bars[i].loss, 0) / longest * (WIDTH - NAME - 84);
        char value[32];
        snprintf(value, sizeof value, "%.5f", bars[i].loss);
        write_label(out, NAME - 6, y + 14, "end", bars[i].name);
        buf_printf(out, "<rect class=\"bar\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>\n",
                   NAME, y, fmax(length, 0.5), ROW - 6);
        write_label(out, NAME + fmax(length, 0.5) + 6, y + 14, "start", value);
    }
    end(out);
}
