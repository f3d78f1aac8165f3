#include "alphaloop/base/stats.h"

#include <assert.h>
#include <math.h>

#define TWO_PI 6.28318530717958647692

double stats_normal_cdf(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

double stats_normal_upper(double a)
{
    assert(a > 0 && a <= 0.5);
    double t = sqrt(-2 * log(a));
    double z = t - (2.515517 + 0.802853 * t + 0.010328 * t * t) /
                       (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t);
    for (int i = 0; i < 4; i++)
        z += (0.5 * erfc(z / sqrt(2)) - a) / (exp(-z * z / 2) / sqrt(TWO_PI));
    return z;
}

double stats_student_upper(double a, double df)
{
    assert(df >= 3);
    double z = stats_normal_upper(a), z2 = z * z;
    double g1 = z * (z2 + 1) / 4;
    double g2 = z * ((5 * z2 + 16) * z2 + 3) / 96;
    double g3 = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
    double g4 = z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / 92160;
    return z + (g1 + (g2 + (g3 + g4 / df) / df) / df) / df;
}
