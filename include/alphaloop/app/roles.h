/* The roles of the program: one function a row of roles.def. */
#ifndef ALPHALOOP_APP_ROLES_H
#define ALPHALOOP_APP_ROLES_H

#define ALPHALOOP_VERSION "0.1.0" /* in the log, in answers, of `alphaloop --version` */

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define ROLE(name, function, summary) int function(int argc, char **argv);
#include "alphaloop/tbl/roles.def"
#undef ROLE

#endif
