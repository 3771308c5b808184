/*
 * standard_error -- standard error that holds nobody up
 *
 * A line to a pipe, a socket or a terminal whose reader has stopped would stop this process, and
 * its children after it.  After standard_error_unblock() such a line is lost instead, here and in
 * all children.  Others who write to the same pipe or terminal are not touched.
 *
 * Supervisor only, at start.
 */
#ifndef SUPERVISOR_STANDARD_ERROR_H
#define SUPERVISOR_STANDARD_ERROR_H

void standard_error_unblock(void);

#endif
