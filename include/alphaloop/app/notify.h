/* Word to the service manager (sd_notify protocol): one datagram to the socket NOTIFY_SOCKET names. Nothing happens where
 * there is none, and a message that cannot be sent is not worth a fault. */
#ifndef ALPHALOOP_APP_NOTIFY_H
#define ALPHALOOP_APP_NOTIFY_H

/* "READY=1", "STOPPING=1", "RELOADING=1", "WATCHDOG=1", "STATUS=text". */
void notify_send(const char *socket_path, const char *message); /* NULL path: nobody asked */

#endif
