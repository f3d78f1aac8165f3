/* The program's version: in its log, its answers and `alphaloop --version`. */
#ifndef ALPHALOOP_APP_VERSION_H
#define ALPHALOOP_APP_VERSION_H

#define ALPHALOOP_VERSION "0.1.0"

#endif
