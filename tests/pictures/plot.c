#include "plot.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "../../src/report/figure_i.h"

static const char style[] =
    "svg{--back:#fff;--text:#1b1f24;--soft:#57606a;--grid:#d8dee4;--panel:#eef1f5;--c0:#0a58ca;--"
    "c1:"
    "#b35900;--c2:#1a7f37;--c3:#8250df;--c4:#6e7781}\n"
    "@media(prefers-color-scheme:dark){svg{--back:#0d1117;--text:#e6edf3;--soft:#9da7b3;--grid:"
    "#30363d;--panel:#1c232c;--c0:#6cb6ff;--c1:#f0a35e;--c2:#57d17a;--c3:#c297ff;--c4:#8b949e}}\n"
    "text{font:14px system-ui,-apple-system,'Segoe UI',Arial,sans-serif;fill:var(--text)}"
    ".title{font-size:17px;font-weight:600}.soft{fill:var(--soft)}.tick{fill:var(--soft);font-size:"
    "13px}\n"
    ".back{fill:var(--back)}.panel{fill:var(--panel)}.grid{stroke:var(--grid)}.axis{stroke:var(--"
    "c4)}"
    "\n"
    ".line{fill:none;stroke-width:2;stroke-linejoin:round}.dash{stroke-dasharray:6 4}.thin{stroke-"
    "width:1.2}.wide{stroke-width:2.6}\n"
    ".c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}.c4{"
    "stroke:"
    "var(--c4)}\n"
    ".f0{fill:var(--c0)}.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}.f4{fill:var(--c4)"
    "}"
    ".hollow{fill:var(--back);stroke-width:2}";

void picture_begin(struct buf *out, int height, const char *title, const char *description)
{
    buf_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
               "height=\"%d\" role=\"img\" aria-labelledby=\"t d\">\n<title id=\"t\">",
               PICTURE_WIDTH, height, PICTURE_WIDTH, height);
    html_text(out, title);
    buf_printf(out, "</title>\n<desc id=\"d\">");
    html_text(out, description);
    buf_printf(out, "</desc>\n<style>%s</style>\n", style);
    buf_printf(out, "<rect class=\"back\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", PICTURE_WIDTH,
               height);
    picture_text(out, 20, 30, ANCHOR_START, "title", "%s", title);
}

void picture_end(struct buf *out)
{
    buf_printf(out, "</svg>\n");
}

void picture_text(struct buf *out,
                  double x,
                  double y,
                  enum anchor anchor,
                  const char *class,
                  const char *format,
                  ...)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"", x, y, anchors[anchor]);
    if (class[0] != '\0')
        buf_printf(out, " class=\"%s\"", class);
    buf_printf(out, ">");
    html_text(out, text);
    buf_printf(out, "</text>\n");
}

void picture_rect(struct buf *out, double x0, double y0, double x1, double y1, const char *class)
{
    buf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"/>\n",
               x0, y0, x1 - x0, y1 - y0, class);
}

void picture_segment(struct buf *out, double x0, double y0, double x1, double y1, const char *class)
{
    buf_printf(out, "<path d=\"M%.1f %.1fL%.1f %.1f\" class=\"%s\"/>\n", x0, y0, x1, y1, class);
}

void picture_dot(struct buf *out, double x, double y, double radius, const char *class)
{
    buf_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" class=\"%s\"/>\n", x, y, radius,
               class);
}

void picture_key(
    struct buf *out, double *x, double y, bool is_box, const char *class, const char *text)
{
    const double width = 7.1; /* of a letter, about: the next key must not begin before its end */
    if (is_box)
        picture_rect(out, *x, y - 11, *x + 14, y + 2, class);
    else
        picture_segment(out, *x, y - 5, *x + 24, y - 5, class);
    *x += is_box ? 20 : 30;
    picture_text(out, *x, y, ANCHOR_START, "", "%s", text);
    for (const char *c = text; *c != '\0'; c++)
        *x += width;
    *x += 18;
}

/* ---- plots ---- */

double plot_x(const struct plot *plot, double value)
{
    return plot->left + (plot->right - plot->left) * (value - plot->from) / (plot->to - plot->from);
}

double plot_y(const struct plot *plot, double value)
{
    return plot->bottom -
           (plot->bottom - plot->top) * (value - plot->low) / (plot->high - plot->low);
}

/* With a minus sign as wide as a plus. */
static void write_value(
    struct buf *out, double x, double y, enum anchor anchor, const char *format, double value)
{
    char text[64];
    snprintf(text, sizeof text, format, fabs(value));
    picture_text(out, x, y, anchor, "tick", "%s%s", value < 0 ? "\u2212" : "", text);
}

void plot_grid(
    const struct plot *plot, double step, double unit, const char *format, struct buf *out)
{
    for (long i = lround(ceil(plot->low / step - 1e-9));
         (double)i * step <= plot->high + step * 1e-9; i++) {
        double y = plot_y(plot, (double)i * step);
        picture_segment(out, plot->left, y, plot->right, y, i == 0 ? "axis" : "grid");
        write_value(out, plot->left - 8, y + 4.5, ANCHOR_END, format, (double)i * step * unit);
    }
}

void plot_ticks(
    const struct plot *plot, double step, double unit, const char *format, struct buf *out)
{
    for (long i = lround(ceil(plot->from / step - 1e-9));
         (double)i * step <= plot->to + step * 1e-9; i++) {
        double x = plot_x(plot, (double)i * step);
        picture_segment(out, x, plot->bottom, x, plot->bottom + 5, "axis");
        write_value(out, x, plot->bottom + 20, ANCHOR_MIDDLE, format, (double)i * step * unit);
    }
}

void plot_line(const struct plot *plot,
               const double *x,
               const double *y,
               size_t n,
               const char *class,
               struct buf *out)
{
    bool is_down = false;
    buf_printf(out, "<path class=\"%s\" d=\"", class);
    for (size_t i = 0; i < n; i++) {
        if (isfinite(y[i]))
            buf_printf(out, "%c%.1f %.1f", is_down ? 'L' : 'M', plot_x(plot, x[i]),
                       plot_y(plot, y[i]));
        is_down = isfinite(y[i]);
    }
    buf_printf(out, "\"/>\n");
}
