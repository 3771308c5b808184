/*
 * keeper_fd -- what smtpguard-gate is started with, by number, and keeps for a later supervisor
 *
 * Constants only.
 */
#ifndef GATE_KEEPER_FD_H
#define GATE_KEEPER_FD_H

enum keeper_fd {
	KEEPER_FD_POSITIONS = 3,
	KEEPER_FD_BOARD,
	KEEPER_FD_WAKE,	   /* eventfd: sync has moved positions */
	KEEPER_FD_EMBRYOS, /* eventfd: there are embryos that sync has not seen */
	KEEPER_FD_PROGRAM, /* the filter and its guarded addresses: kept only, to put the rule back */
	KEEPER_FD_GUARDS,
	KEEPER_FD_END,
};

#endif
