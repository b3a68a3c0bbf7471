/* Telling systemd how we are: the sd_notify protocol, one datagram to $NOTIFY_SOCKET. Without that variable it does nothing. */
#ifndef OUTLIERD_NOTIFY_H
#define OUTLIERD_NOTIFY_H

#include <stdint.h>

/** Sends lines such as "READY=1\nSTATUS=..."; failures are ignored, as a supervisor's absence is no reason to stop. */
void notify_send(const char *lines);

/** Half of $WATCHDOG_USEC in microseconds, the interval in which "WATCHDOG=1" is due; 0: no watchdog, or not for this process. */
int64_t notify_watchdog_us(void);

#endif
