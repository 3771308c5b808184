/*
 * notify_line -- what keepalived writes into its notify FIFO
 *
 *	INSTANCE "VI_1" MASTER 100
 *	GROUP "VG_1" BACKUP 0
 *
 * One line for each change, as keepalived 2.2.7 writes them.  keepalived does not escape the name:
 * it reaches from the first quote to the last one of the line, blanks and quotes in it are its own.
 * What a FIFO gives in one read may be a part of a line or many lines; the reader keeps the part.
 * `notify_fifo` carries lines about virtual and real servers as well (VS, RS): they are passed over.
 * After a line that is bad or too long reading goes on with the next.
 *
 * Pure: no I/O, no heap, no clock.  The caller owns the reader.  Called by sync only.
 */
#ifndef DAEMON_SYNC_NOTIFY_LINE_H
#define DAEMON_SYNC_NOTIFY_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOTIFY_LINE_MAX 512 /* without the line's end */
#define NOTIFY_NAME_MAX 255

/* The first five are states of the instance; the rest says that something was seen or changed while
 * the state stays as it is.  UNKNOWN is what keepalived writes before it has a state. */
#define NOTIFY_STATES(X)                                                                           \
	X(MASTER, "MASTER")                                                                        \
	X(BACKUP, "BACKUP")                                                                        \
	X(FAULT, "FAULT")                                                                          \
	X(STOP, "STOP")                                                                            \
	X(DELETED, "DELETED")                                                                      \
	X(RX_LOWER, "MASTER_RX_LOWER_PRI")                                                         \
	X(MASTER_PRIORITY, "MASTER_PRIORITY")                                                      \
	X(BACKUP_PRIORITY, "BACKUP_PRIORITY")                                                      \
	X(UNKNOWN, "{UNKNOWN}")

enum notify_state {
#define X(name, word) NOTIFY_##name,
	NOTIFY_STATES(X)
#undef X
	    NOTIFY_STATE_COUNT
};

struct notify_line {
	bool group; /* a sync group's; its priority says nothing */
	enum notify_state state;
	uint8_t priority;
	char name[NOTIFY_NAME_MAX + 1];
};

struct notify_reader {
	size_t length; /* of the part that is kept */
	bool overlong; /* the rest of this line is passed over */
	char line[NOTIFY_LINE_MAX];
};

enum notify_result {
	NOTIFY_MORE,	/* all bytes are taken, no line is whole yet */
	NOTIFY_LINE,	/* *ret_line is filled */
	NOTIFY_FOREIGN, /* about a virtual or real server */
	NOTIFY_BAD,	/* *ret_why says what is wrong with this line */
};

void notify_reader_start(struct notify_reader *reader);
/* Takes bytes up to the end of one line; *ret_used is how many.  To be called until NOTIFY_MORE. */
enum notify_result notify_reader_take(struct notify_reader *reader, const char *bytes,
    size_t length, size_t *ret_used, struct notify_line *ret_line, const char **ret_why);

/* One whole line without its end; never NOTIFY_MORE. */
enum notify_result notify_line_parse(
    const char *line, size_t length, struct notify_line *ret_line, const char **ret_why);

const char *notify_state_word(enum notify_state state); /* as keepalived writes it */

#endif
