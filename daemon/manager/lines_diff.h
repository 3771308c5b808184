/*
 * lines_diff -- what has to be removed and added to make one list of lines another one
 *
 * The least, as long as it is at most LINES_DIFF_MOST lines; beyond that all lines between the first and
 * the last that differ count as replaced.  Heap: lines_diff_free(), also after a failure.
 */
#ifndef DAEMON_MANAGER_LINES_DIFF_H
#define DAEMON_MANAGER_LINES_DIFF_H

#include "daemon/manager/lines.h"

#define LINES_DIFF_MOST	   1000u
#define LINES_DIFF_CONTEXT 3u

struct lines_diff {
	const struct lines *from, *to; /* the caller's */
	bool *removed;		       /* of each line of `from` */
	bool *added;		       /* of each line of `to` */
	size_t removals, additions;
};

/* False: no memory. */
bool lines_diff_make(struct lines_diff *diff, const struct lines *from, const struct lines *to);
void lines_diff_free(struct lines_diff *diff);

/*
 * Unified, with LINES_DIFF_CONTEXT lines around each change, and behind each "@@" the line that the first
 * indented one below belongs to; without names of files.  write() gets each line without its end: sign is
 * '@', ' ', '-' or '+', and stands before `text`, but for '@'.  False: no memory.
 */
bool lines_diff_print(const struct lines_diff *diff,
    void (*write)(void *context, char sign, const char *text), void *context);

#endif
