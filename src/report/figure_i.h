/* Pictures of the report as inline SVG. Colours are the page's custom properties, so they follow light and dark. Each has a
 * title and a description for those who do not see it. */
#ifndef ALPHALOOP_REPORT_FIGURE_I_H
#define ALPHALOOP_REPORT_FIGURE_I_H

#include "alphaloop/report/report.h"

struct figure_text {
    const char *id, *title, *description; /* plain text */
};

struct figure_line {
    const char *name;
    const double *y; /* [n] fraction, shown in per cent; NaN is a hole */
    int style;       /* 0..5: colour and dash */
};

/* Lines over time; a legend under it. */
void figure_lines(const struct figure_text *text,
                  const int64_t *times_ns,
                  size_t n,
                  const struct figure_line *lines,
                  size_t n_lines,
                  struct buf *out);

/* What was said against what came, both 0..1, with intervals; the diagonal is perfect. */
void figure_calibration(const struct figure_text *text,
                        const struct calibration_bin *bins,
                        size_t n_bins,
                        struct buf *out);

/* Bars from the top, the longest first. */
void figure_bars(const struct figure_text *text,
                 const struct report_importance *bars,
                 size_t n_bars,
                 struct buf *out);

/* Text as HTML: <, >, &, " and ' escaped. */
void html_text(struct buf *out, const char *text);

#endif
