#include "daemon/sync/agreement.h"

#include <string.h>

bool
agreement_role_is_active(uint32_t role)
{
	return role == SYNC_ROLE_ACTIVE || role == SYNC_ROLE_DEGRADED;
}

bool
agreement_is_stranger(enum sync_reason reason)
{
	return reason == SYNC_BAD_SAME_NAME || reason == SYNC_BAD_OTHER_NAME ||
	       reason == SYNC_BAD_SAME_SIDE || reason == SYNC_BAD_OTHER_COMMIT ||
	       reason == SYNC_BAD_NO_VERSION;
}

/* The newest version that both know; 0: none. */
static uint32_t
common(uint32_t oldest, uint32_t newest, uint32_t other_oldest, uint32_t other_newest)
{
	uint32_t best = newest < other_newest ? newest : other_newest;

	return best < oldest || best < other_oldest ? 0 : best;
}

static enum sync_reason
check_standing(const struct sync_hello *active, const struct sync_hello *other)
{
	if (agreement_role_is_active(other->role))
		return active->epoch == other->epoch ? SYNC_BAD_TWO_ACTIVE : SYNC_BAD_STALE_EPOCH;
	if (active->epoch < other->epoch)
		return SYNC_BAD_STALE_EPOCH;
	if (other->role == SYNC_ROLE_STANDBY &&
	    (other->slots < active->slots || other->chunks < active->chunks))
		return SYNC_BAD_TOO_SMALL;
	return SYNC_GOOD;
}

static bool
expects(const struct sync_hello *one, const struct sync_hello *other)
{
	return one->peer[0] == '\0' || strcmp(one->peer, other->node) == 0;
}

static enum sync_reason
check_names(const struct sync_hello *own, const struct sync_hello *peer)
{
	if (strcmp(own->node, peer->node) == 0)
		return SYNC_BAD_SAME_NAME;
	if (!expects(own, peer) || !expects(peer, own))
		return SYNC_BAD_OTHER_NAME;
	return SYNC_GOOD;
}

/* What both were told when they were configured. */
static enum sync_reason
check_configuration(const struct sync_hello *own, const struct sync_hello *peer)
{
	if (own->side == peer->side)
		return SYNC_BAD_SAME_SIDE;
	return own->commit == peer->commit ? SYNC_GOOD : SYNC_BAD_OTHER_COMMIT;
}

enum sync_reason
agreement_make(
    const struct sync_hello *own, const struct sync_hello *peer, struct agreement *ret_agreement)
{
	bool is_active = agreement_role_is_active(own->role);
	bool is_peer_active = agreement_role_is_active(peer->role);
	enum sync_reason reason = check_names(own, peer);
	struct agreement agreement = {
	    .version = common(own->version_oldest, own->version_newest, peer->version_oldest,
		peer->version_newest),
	    .record = common(
		own->record_oldest, own->record_newest, peer->record_oldest, peer->record_newest),
	    .features = own->features & peer->features,
	};

	if (reason != SYNC_GOOD)
		return reason;
	if (agreement.version == 0)
		return SYNC_BAD_NO_VERSION;
	if (agreement.record == 0)
		return SYNC_BAD_NO_RECORD_VERSION;
	reason = check_configuration(own, peer);
	if (reason != SYNC_GOOD)
		return reason;
	if (is_active || is_peer_active)
		reason = is_active ? check_standing(own, peer) : check_standing(peer, own);
	if (reason != SYNC_GOOD)
		return reason;
	if (is_active && peer->role == SYNC_ROLE_STANDBY)
		agreement.part = AGREED_SEND;
	else if (is_peer_active && own->role == SYNC_ROLE_STANDBY)
		agreement.part = AGREED_RECEIVE;
	*ret_agreement = agreement;
	return SYNC_GOOD;
}
