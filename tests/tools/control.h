/*
 * control -- commands to a running test tool, one a line, on its standard input
 *
 * Each command is answered on standard output, whose last line for it is the caller's to write.
 * The end of the input counts as the command "stop": a driver that dies takes its tools with it.
 */
#ifndef TESTS_TOOLS_CONTROL_H
#define TESTS_TOOLS_CONTROL_H

void control_open(void (*command)(char *line));

#endif
