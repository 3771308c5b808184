"""The phases in which sessions are held at a blow, and what each is held by."""

from collections import namedtuple

# hold: what the sink must hold back for it, "" when the client alone does; gateway: how the gateway
# names such sessions in `show conn`, "" when not only these are there.
Phase = namedtuple("Phase", "name hold gateway")

TABLE = (
    Phase("banner", "banner", "greeting"),
    Phase("commands", "", ""),
    Phase("envelope", "mail", ""),
    Phase("data", "", "content"),
    Phase("final", "final", "final-reply"),
    Phase("tls", "", "opaque"),
    Phase("idle", "", ""),
    Phase("half-client", "final", "final-reply"),
    Phase("half-server", "", ""),
    Phase("urgent", "", ""),
    Phase("reset-client", "", "content"),
    Phase("reset-server", "reset", ""),
    Phase("bdat", "", "chunk"),
    Phase("bdat-between", "", "transaction"),
    Phase("bdat-binary", "", "chunk"),
    Phase("bdat-last", "final", "final-reply"),
    Phase("auth-login", "", "auth"),
    Phase("auth-plain", "", ""),
    Phase("auth-reply", "auth", ""),
    Phase("refused-data", "", "drain"),
    Phase("refused-bdat", "", "chunk"),
    Phase("refused-rset", "rset", ""),
)
NAMES = tuple(phase.name for phase in TABLE)
PER_PHASE = 26   # some of them are set in motion just before a blow
MOTION = 6     # every sixth
AT_LEAST = 20    # in each phase at each blow


def _groups():
    """What goes on together: phases, and what the sink holds back of them."""
    holds = {}
    for phase in TABLE:
        if phase.hold != "reset":  # the sink ends these itself
            holds.setdefault(phase.hold or phase.name, []).append(phase)
    return tuple((tuple(phase.name for phase in group), group[0].hold)
                 for group in holds.values())


RELEASES = _groups()


def confirmed(counts, sink):
    """Counts by the sources, where the sink must hold sessions too none that it does not."""
    counts = dict(counts)
    for hold in {phase.hold for phase in TABLE if phase.hold}:
        names = [phase.name for phase in TABLE if phase.hold == hold and phase.name in counts]
        missing = max(0, sum(counts[name] for name in names) - sink[hold])
        for name in names:
            counts[name] = max(0, counts[name] - missing)
    return counts


def few(counts, names=NAMES):
    return ["%s %d" % (name, counts[name]) for name in names if counts[name] < AT_LEAST]


def at_gateway():
    """How many sessions must at least be in each phase by the gateway's own account; and in how
    many of them output is held back, or content is followed by the second part of the state."""
    wanted = {"held": AT_LEAST, "followed": AT_LEAST}
    for phase in TABLE:
        if phase.gateway:
            wanted[phase.gateway] = wanted.get(phase.gateway, 0) + AT_LEAST
    return wanted


def seen_by_gateway(sessions):
    """The same counts from the JSON of `show conn`."""
    counts = dict.fromkeys(at_gateway(), 0)
    for session in sessions:
        traffic = session.get("traffic", {})
        counts[session["phase"]] = counts.get(session["phase"], 0) + 1
        counts["held"] += traffic.get("held_to_server", 0) > 0
        counts["followed"] += traffic.get("content_state", 0) > 0
    return counts
