/*
 * ledger -- the commands whose replies are outstanding, in the order of their coming
 *
 * Every command line of the client takes one entry.  Entries of the client's wait for a reply of
 * the server; those of the gateway are answered by it when their turn has come, so that the
 * client gets all replies in the order of its commands (RFC 2920 3.2).
 */
#ifndef INSPECT_LEDGER_H
#define INSPECT_LEDGER_H

#include "worker/inspect/command_table.h"
#include "worker/inspect/output.h"
#include "worker/inspect/own_reply.h"

enum ledger_verb {
	LEDGER_SASL = 0x80, /* a line of an AUTH exchange */
	LEDGER_CONTENT,	    /* an end of data: CRLF.CRLF, or the last chunk */
	LEDGER_OTHER,	    /* a command that the core does not know */
	LEDGER_NOTHING = 0xff,
};

enum ledger_flag {
	LEDGER_OWN = 1 << 0,	    /* the gateway answers */
	LEDGER_SUBSTITUTE = 1 << 1, /* the server answers, the client gets `reply` instead */
	LEDGER_CURRENT = 1 << 2,    /* belongs to the transaction that goes on now */
	LEDGER_MUTE = 1 << 3,	    /* the server answers, the client gets nothing */
	LEDGER_REPLACE = 1 << 4, /* the server may answer what it likes, the client gets `reply` */
	LEDGER_HALF =
	    1 << 5, /* BDAT whose LAST follows by itself: the client gets a failure only */
	LEDGER_FLAGS_ALL = (1 << 6) - 1,
};

bool ledger_is_empty(const struct inspect *state);
bool ledger_is_full(const struct inspect *state);
/* The oldest entry, NULL if there is none. */
const struct ledger_entry *ledger_head(const struct inspect *state);
void ledger_add(struct inspect *state, unsigned verb, unsigned flags, enum own_reply reply);
/* The same in the name of a rule: its ordinal, from 1; 0 none. */
void ledger_add_ruled(
    struct inspect *state, unsigned verb, unsigned flags, enum own_reply reply, uint8_t rule);
/* The entry that was put in last; NULL if there is none. */
struct ledger_entry *ledger_last(struct inspect *state);
/* The last entry to which the client awaits a reply; NULL if there is none. */
const struct ledger_entry *ledger_last_awaited(const struct inspect *state);
/* The LEDGER_CONTENT that is outstanding, NULL if there is none: there is never more than one. */
struct ledger_entry *ledger_content(struct inspect *state);
/* Takes the oldest entry out; the ledger must not be empty. */
struct ledger_entry ledger_take(struct inspect *state);
void ledger_clear(struct inspect *state);
/* No entry belongs to the current transaction any more. */
void ledger_forget_transaction(struct inspect *state);
/* True if every entry holds what ledger_add() could have put there. */
bool ledger_check(const struct inspect *state);

#endif
