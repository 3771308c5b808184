"""Whoever dies within a takeover, it goes on: supervisor and sync are killed at each step of it."""

import os
import re
import signal
import socket
import time

from harness import check, process_lives, wait_until
from registry import scenario
from takeover import PHASES, PORT, counted, greeted, held, served
from upgrade import complete, upgrade

# More than are handed on at once (takeover_ask.c).
EACH = 3
SESSIONS = EACH * len(PHASES)


def waiting(world, family=4):
    """A pair, and sessions in all phases of which the standby knows."""
    place, mx1, mx2 = served(world, family)
    place.held(PHASES, EACH)
    wait_until(lambda: held(mx2) >= SESSIONS, "the standby holds them", 30)
    return place, mx1, mx2


def goes_on(place, by):
    """All of them, on the host that has taken over."""
    wait_until(lambda: by.said("109067: ") == 1, "the last session goes on", 30)
    check(counted(by)[:2] == (SESSIONS, 0), "taken over: %s" % (counted(by),))
    shown = by.show("failover")["takeover"]
    check((shown["taken_over"], shown["lost"]) == (SESSIONS, 0), "it is shown as %s" % shown)
    place.finish()
    place.exact()
    by.check_nothing_left()


def killed_at(world, point, family=4, number=1):
    world.needs_failpoints()
    place, mx1, mx2 = waiting(world, family)
    mx2.ctl("test failpoint supervisor %s %d" % (point, number))
    place.lose(mx1)
    place.move(mx2)
    wait_until(lambda: mx2.process.poll() is not None, "the supervisor dies at " + point, 20)
    mx2.start()
    goes_on(place, mx2)


@scenario
def takeover_supervisor_killed_begun(world):
    """The supervisor dies when it knows what it has to make, and has made nothing."""
    killed_at(world, "takeover_begun")


@scenario
def takeover_supervisor_killed_made(world):
    """... when all connections are made, and no session is its own."""
    killed_at(world, "takeover_made")


@scenario
def takeover_supervisor_killed_taken(world):
    """... when all are, and sync does not know."""
    killed_at(world, "takeover_taken")


@scenario
def takeover_supervisor_killed_opening(world):
    """... before it opens the door."""
    killed_at(world, "takeover_opening")


@scenario
def takeover_supervisor_killed_shelving(world):
    """... when they lie on shelves, and nobody knows."""
    killed_at(world, "takeover_shelving")


@scenario
def takeover_supervisor_killed_opened(world):
    """... when the door is open, and no worker has any of them."""
    killed_at(world, "takeover_opened")


@scenario
def takeover_supervisor_killed_opened_ipv6(world):
    """Likewise, over IPv6."""
    killed_at(world, "takeover_opened", 6)


@scenario
def takeover_supervisor_killed_handing(world):
    """... when the first are on their way to workers."""
    killed_at(world, "takeover_handing", number=SESSIONS - 2)


@scenario
def takeover_supervisor_killed_asked(world):
    """... when the peers were asked, and have not answered."""
    killed_at(world, "takeover_asked")


@scenario
def takeover_supervisor_killed_ipv6(world):
    """Likewise, over IPv6."""
    killed_at(world, "takeover_taken", 6)


@scenario
def takeover_sync_killed(world):
    """Sync dies while the supervisor makes the connections: the next one asks again."""
    place, mx1, mx2 = waiting(world)
    pid, supervisor = mx2.sync(), mx2.process.pid
    os.kill(supervisor, signal.SIGSTOP)
    place.lose(mx1)
    place.move(mx2)
    wait_until(lambda: epoch_is_saved(mx2), "the epoch is saved", 20)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not process_lives(pid), "sync is dead", 20)
    os.kill(supervisor, signal.SIGCONT)
    goes_on(place, mx2)


@scenario
def takeover_sync_killed_raising(world):
    """Sync dies in the instant in which the epoch is on the disk, whether or not it has learned so."""
    place, mx1, mx2 = waiting(world)
    pid, end = mx2.sync(), time.monotonic() + 20
    place.lose(mx1)
    place.move(mx2)
    while not epoch_is_saved(mx2):
        check(time.monotonic() < end, "the epoch is not saved")
    os.kill(pid, signal.SIGKILL)
    goes_on(place, mx2)


@scenario
def takeover_upgrade(world):
    """`upgrade` is typed while clients are still asked where they stand, and behind a takeover: nobody is lost."""
    place, mx1, mx2 = waiting(world)
    os.kill(mx1.process.pid, signal.SIGSTOP)
    with place.wire.inside():
        clients = [world.keep(socket.create_connection((place.floating, PORT), 10)) for _ in range(5)]
    place.lose(mx1)
    # As keepalived does; but for a moment the clients' answers find no way.
    place.give("mx2", place.floating, "lo")
    mx2.keepalived("MASTER")
    mx2.says("109073: Failover: the door is open")
    upgrade(mx2)
    place.route("mx2")
    for client in clients:
        greeted(client)
    complete(mx2)
    upgrade(mx2)
    wait_until(lambda: mx2.said("-109042: ") == 2, "the second upgrade is complete", 30)
    goes_on(place, mx2)


def epoch_is_saved(host):
    with open(os.path.join(host.state, "epoch")) as file:
        return re.search(r"^epoch 3$", file.read(), re.MULTILINE)
