/*
 * peer -- who is at the other end of the control socket, and what may he
 *
 * The socket's mode decides who may connect and so view.  root, and members of the group
 * smtpguard-admin, may also change; if there is no such group, root alone.
 */
#ifndef DAEMON_MANAGER_PEER_H
#define DAEMON_MANAGER_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PEER_ADMIN_GROUP "smtpguard-admin"
#define PEER_NAME_MAX	 64
#define PEER_GROUPS_MAX	 1024

struct peer {
	uid_t uid;
	bool may_change;
	char name[PEER_NAME_MAX]; /* login name, or "uid N" */
};

/* 0 or -errno. */
int peer_identify(int socket, struct peer *ret_peer);

/* Pure. admin_group: NULL when the group does not exist. */
bool peer_may_change(
    uid_t uid, gid_t gid, const gid_t *groups, size_t count, const gid_t *admin_group);

#endif
