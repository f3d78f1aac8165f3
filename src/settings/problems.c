#include "problems_i.h"

#include <stdarg.h>

void problems_add(struct problems *problems, const char *format, ...)
{
    va_list args;
    problems->n++;
    if (problems->text == NULL)
        return;
    va_start(args, format);
    buf_vprintf(problems->text, format, args);
    va_end(args);
    buf_putc(problems->text, '\n');
}
