#include "daemon/manager/peer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

bool
peer_may_change(uid_t uid, gid_t gid, const gid_t *groups, size_t count, const gid_t *admin_group)
{
	if (uid == 0)
		return true;
	if (admin_group == NULL)
		return false;
	if (gid == *admin_group)
		return true;
	for (size_t i = 0; i < count; i++)
		if (groups[i] == *admin_group)
			return true;
	return false;
}

static void
name_peer(struct peer *peer)
{
	struct passwd entry;
	struct passwd *found = NULL;
	char buffer[4096];

	if (getpwuid_r(peer->uid, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL)
		snprintf(peer->name, sizeof(peer->name), "%s", entry.pw_name);
	else
		snprintf(peer->name, sizeof(peer->name), "uid %u", (unsigned)peer->uid);
}

static bool
find_admin_group(gid_t *ret_group)
{
	struct group entry;
	struct group *found = NULL;
	char buffer[16384];

	if (getgrnam_r(PEER_ADMIN_GROUP, &entry, buffer, sizeof(buffer), &found) != 0 ||
	    found == NULL)
		return false;
	*ret_group = entry.gr_gid;
	return true;
}

int
peer_identify(int socket, struct peer *ret_peer)
{
	struct ucred credentials;
	gid_t groups[PEER_GROUPS_MAX];
	gid_t admin;
	socklen_t length = sizeof(credentials);

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
		return -errno;
	length = sizeof(groups);
	/* More groups than fit: those who have so many may view only. */
	if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &length) < 0)
		length = 0;

	*ret_peer = (struct peer){.uid = credentials.uid};
	name_peer(ret_peer);
	ret_peer->may_change = peer_may_change(credentials.uid, credentials.gid, groups,
	    length / sizeof(groups[0]), find_admin_group(&admin) ? &admin : NULL);
	return 0;
}
