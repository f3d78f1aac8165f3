/* Drawing for the pictures of the documents: SVG files that need nothing else, follow light and dark, and carry a title and a
 * description for those who do not see them. Coordinates have one decimal. Classes c0..c4 are the colours of the report's page. */
#ifndef ALPHALOOP_TESTS_PICTURES_PLOT_H
#define ALPHALOOP_TESTS_PICTURES_PLOT_H

#include <stddef.h>

#include "alphaloop/base/buf.h"

#define PICTURE_WIDTH 760
#define PLOT_LEFT     64
#define PLOT_RIGHT    736
#define PLOT_TOP      72

/* `title` also stands above the picture. */
void picture_begin(struct buf *out, int height, const char *title, const char *description);
void picture_end(struct buf *out);

enum anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END };
/* printf; `class` may be "". */
void picture_text(struct buf *out,
                  double x,
                  double y,
                  enum anchor anchor,
                  const char *class,
                  const char *format,
                  ...) __attribute__((format(printf, 6, 7)));
void picture_rect(struct buf *out, double x0, double y0, double x1, double y1, const char *class);
void picture_segment(
    struct buf *out, double x0, double y0, double x1, double y1, const char *class);
void picture_dot(struct buf *out, double x, double y, double radius, const char *class);
/* A stroke or a box of a class with what it means, at *x; moves *x behind it. */
void picture_key(
    struct buf *out, double *x, double y, bool is_box, const char *class, const char *text);

/* An area of the picture and what its edges stand for. */
struct plot {
    double left, top, right, bottom; /* pixels */
    double from, to;                 /* of x */
    double low, high;                /* of y */
};
double plot_x(const struct plot *plot, double value);
double plot_y(const struct plot *plot, double value);

/* Lines across, one each `step`, with value * unit in `format` (of one double) at the left. */
void plot_grid(
    const struct plot *plot, double step, double unit, const char *format, struct buf *out);
/* Values below, one each `step`. */
void plot_ticks(
    const struct plot *plot, double step, double unit, const char *format, struct buf *out);
/* x, y: [n]; NaN in y is a hole. */
void plot_line(const struct plot *plot,
               const double *x,
               const double *y,
               size_t n,
               const char *class,
               struct buf *out);

#endif
