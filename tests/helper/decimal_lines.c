/* Gives Python tests our decimals: one line in, `parse A`, `mul A B`, `div A B` or `price Q1 P1 Q2 P2`; one line out, the
 * result or the name of the error. */
#include <stdio.h>
#include <string.h>

#include "alphaloop/base/decimal.h"

static enum al_err compute(const char *operation, const struct decimal *x, struct decimal *out)
{
    if (strcmp(operation, "mul") == 0)
        return decimal_mul(x[0], x[1], out);
    if (strcmp(operation, "div") == 0)
        return decimal_div(x[0], x[1], out);
    if (strcmp(operation, "price") == 0)
        return decimal_increment_price(x[0], x[1], x[2], x[3], out);
    *out = x[0];
    return AL_OK;
}

int main(void)
{
    char line[4096], text[DECIMAL_TEXT_MAX];
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct decimal x[4], out = DECIMAL_ZERO;
        size_t n = 0;
        enum al_err err = AL_OK;
        line[strcspn(line, "\n")] = '\0';
        char *operation = strtok(line, " ");
        for (char *word; err == AL_OK && n < COUNT_OF(x) && (word = strtok(NULL, " ")) != NULL; n++)
            err = decimal_parse(slice_of(word), &x[n]);
        if (err == AL_OK)
            err = n == 0 ? AL_EPARSE : compute(operation, x, &out);
        decimal_format(out, text);
        puts(err == AL_OK ? text : al_err_name(err));
        fflush(stdout);
    }
    return 0;
}
