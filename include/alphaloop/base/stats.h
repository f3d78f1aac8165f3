/* Distributions and their quantiles. */
#ifndef ALPHALOOP_BASE_STATS_H
#define ALPHALOOP_BASE_STATS_H

/* P(Z <= x) for a standard normal Z, by the C library's erfc: good in both tails. */
double stats_normal_cdf(double x);

/* z with P(Z > z) = a for a standard normal Z, 0 < a <= 1/2. Abramowitz and Stegun 26.2.23, then Newton's method on erfc:
 * exact to about 1e-14. */
double stats_normal_upper(double a);

/* t with P(T > t) = a for Student's T with `df` >= 3 degrees of freedom, 0 < a <= 1/2: the expansion of Abramowitz and
 * Stegun 26.7.5, good to 1e-3 of its value for df >= 10 and a >= 1e-4; smaller df give too small a t. */
double stats_student_upper(double a, double df);

#endif
