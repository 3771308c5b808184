/*
 * door_command -- `smtpguardd --door WORD`: the door by hand and by its unit, without the daemon
 *
 *	install   makes it, or changes its addresses; one that is made is closed, one that is there stays
 *	          open or closed.  By nft(8).
 *	rules     prints what install gives to nft(8)
 *	show      how it stands
 *	open      for when there is no daemon: one that runs puts it right within a second
 *	close
 *
 * Without a failover group there is nothing to do, which is no error.
 *
 * smtpguardd only, before it becomes a supervisor.  An exit status of <sysexits.h>, or 1: `show` has found
 * something amiss; what is wrong was said on standard error.
 */
#ifndef SUPERVISOR_DOOR_COMMAND_H
#define SUPERVISOR_DOOR_COMMAND_H

#include "daemon/settings.h"

#define DOOR_COMMAND_WORDS "install | rules | show | open | close"

int door_command(const struct settings_failover *failover, const char *word);

#endif
