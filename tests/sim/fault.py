#!/usr/bin/env python3
"""fault.py NAME SOURCE OUTPUT: writes SOURCE with one fault in it.

Each is a mistake that somebody could make, in one of the modules that the simulation links as they
are.  The simulation built with it must break a promise soon; one whose place is not found any more is
an error, so that the table follows the code.
"""

import sys

# name: (source, what stands there, what stands there instead)
FAULTS = {
    # The gate lets an ACK go when the entry is appended, not when the standby has it.
    "early_ack": ("daemon/sync/follower.c",
                  "	follower->walk_bytes += walk_bytes;\n	if (news->is_last)",
                  "	follower->walk_bytes += walk_bytes;\n"
                  "	follower->settings.released(follower->settings.owner, &news->release);\n"
                  "	if (news->is_last)"),
    # A host that hears of a higher epoch than its own goes on.
    "no_epoch_check": ("daemon/sync/role_guards.c",
                       "	return heard > role->start.epoch.number;",
                       "	return heard > role->start.epoch.number + 1000;"),
    # The standby acknowledges what it could not store.
    "ack_before_store": ("daemon/sync/incoming.c",
                         "		reason = store(owner, incoming->lsn + 1, &entry);",
                         "		(void)store(owner, incoming->lsn + 1, &entry);"),
    # A standby that stands in an earlier log is sent the rest of this one.
    "stale_resume": ("daemon/sync/outgoing.c",
                     "	if (!outgoing->is_open || history != outgoing->history || "
                     "lsn < outgoing->acknowledged ||",
                     "	history = outgoing->history;\n"
                     "	if (!outgoing->is_open || lsn < outgoing->acknowledged ||"),
    # A FIN leaves wherever the output has come to.
    "early_fin": ("daemon/gate/decision.c",
                  "	    ((place->end & GATE_END_FIN) == 0 || packet->seq_end != (uint32_t)place->end))",
                  "	    (place->ack & GATE_ACK_PROTECTED) == 0)"),
    # The door opens while the epoch is raised, before the sockets are there.
    "early_door": ("daemon/sync/role.c",
                   "	return (unsigned)state < ROLE_STATES && states[state].open;",
                   "	return (unsigned)state < ROLE_STATES &&\n"
                   "	       (states[state].open || state == ROLE_RAISING);"),
    # A session that was told once counts as told, whatever it has committed since.
    "lost_dirty_mark": ("daemon/sync/telling.c",
                        "	if (told->generation != generation || told->sequence < sequence)",
                        "	(void)sequence;\n"
                        "	if (told->generation != generation || told->sequence == 0)"),
    # What the kernel had accepted before the gate guarded a session is not waited for.
    "unmeasured": ("daemon/sync/feed.c",
                   "		if (accepted == 0 || !custody->leg[leg].tcp.dumped)",
                   "		if (accepted < UINT64_MAX)"),
    # After a new snapshot bytes are told from where the last log had come to.
    "wrong_base": ("daemon/sync/telling.c",
                   "	memset(telling->told, 0, telling->shm->slots * sizeof(telling->told[0]));",
                   "	for (uint32_t slot = 0; slot < telling->shm->slots; slot++)\n"
                   "		telling->told[slot].generation = 0;"),
}


def main():
    name, path, output = sys.argv[1:]
    source, old, new = FAULTS[name]
    if not path.endswith(source):
        sys.exit("fault.py: %s is in %s" % (name, source))
    with open(path) as stream:
        text = stream.read()
    if text.count(old) != 1:
        sys.exit("fault.py: %s: its place in %s is not what it was" % (name, source))
    with open(output, "w") as stream:
        stream.write(text.replace(old, new))
    return 0


if __name__ == "__main__":
    sys.exit(main())
