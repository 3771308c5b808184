"""What counts against a client or a session counts on after a takeover: limits, and marks of poison."""

import os
import time

from faults import MAGIC_OF_CRASH
from harness import check, wait_until
from limits import connection, greeted, set_connection
from registry import Skip, scenario
from takeover import PORT, counted, served

CLIENTS = ("192.0.2.100", "192.0.2.101", "192.0.2.102", "192.0.2.103")
NO_WORKER = "#!/bin/sh\nexec sleep 600\n"


class Clients:
    """Those of the wire; which of them is let in."""

    def __init__(self, place):
        self.place, self.listen = place, place.at(place.floating, PORT)
        for address in CLIENTS[1:]:
            place.give("wire", address, "lo")

    def greeted(self, number):
        with self.place.wire.inside():
            return greeted(self.listen, CLIENTS[number])

    def admitted(self, number):
        client, text = self.greeted(number)
        check(client is not None, "client %d was refused: %s" % (number, text))
        return self.place.world.keep(Kept(client))

    def refused(self, *numbers):
        for number in numbers:
            client, text = self.greeted(number)
            check(client is None, "client %d was admitted" % number)
            check(text.startswith("421 4.7.0 "), "client %d was told %r" % (number, text))


class Kept:
    def __init__(self, client):
        self.client = client

    def __exit__(self, *_):
        self.client.socket.close()

    def speak(self):
        check(self.client.say(b"EHLO client.test") == 250, "EHLO was refused")

    def leave(self):
        check(self.client.say(b"QUIT") == 221, "no 221")
        self.client.socket.close()


def counts(host, current, embryonic):
    def now():
        shown = connection(host)
        return shown["current"], shown["current_embryonic"]
    wait_until(lambda: now() == (current, embryonic), "counted is %s, wanted %s" % (now(), (current, embryonic)))


def limit_static(place, host):
    host.configure("static (inside,outside) tcp %s %d %s %d tcp 6 6" % (place.floating, PORT, place.server, PORT))


@scenario
def takeover_limits(world):
    """A client, a server and a class that are at their limits are so on the host that has taken over."""
    place, mx1, mx2 = served(world)
    limit_static(place, mx1)
    set_connection(mx1, "set connection conn-max 5 embryonic-conn-max 3 per-client-max 3 per-client-embryonic-max 2")
    clients = Clients(place)
    first, second = clients.admitted(0), clients.admitted(0)
    clients.refused(0)  # two that have said nothing
    first.speak()
    third = clients.admitted(0)
    second.speak()
    clients.refused(0)  # three
    other, last = clients.admitted(1), clients.admitted(2)
    clients.refused(1, 2, 3)  # three have said nothing, and five are there
    counts(mx1, 5, 3)
    place.lose(mx1)
    place.move(mx2)
    mx2.says("109067: ")
    check(counted(mx2)[:2] == (5, 0), "taken over: %s" % (counted(mx2),))
    counts(mx2, 5, 3)
    clients.refused(0, 1, 2, 3)
    last.speak()
    counts(mx2, 5, 2)
    clients.refused(0, 1, 2, 3)  # five
    last.leave()
    counts(mx2, 4, 2)
    clients.refused(0)  # three
    fourth = clients.admitted(1)
    fourth.speak()
    for session in (third, other):
        session.speak()
    counts(mx2, 5, 0)
    set_connection(mx2, "set connection conn-max 50")
    set_connection(mx2, "set connection per-client-max 50")
    sixth = clients.admitted(3)
    clients.refused(0, 3)  # the static's
    check(mx2.counters()["sessions_refused_per_client_max"] == 1, "client 0 was not refused for its own number")
    for session in (first, second, third, other, fourth, sixth):
        session.leave()
    counts(mx2, 0, 0)
    clients.admitted(0).leave()


def spoil_worker(host):
    """The next worker is none."""
    path = os.path.join(host.libexec, "smtpguard-worker")
    with open(path + ".new", "w") as file:
        file.write(NO_WORKER)
    os.chmod(path + ".new", 0o755)
    os.rename(path + ".new", path)


@scenario
def takeover_poisoned(world):
    """A session that has killed a worker of the lost host has one more try on the other, and no two."""
    if not os.path.exists(os.path.join(world.build, "worker/smtpguard-worker-crash")):
        raise Skip("smtpguard-worker-crash was not built")
    place, mx1, mx2 = served(world, worker="smtpguard-worker-crash")
    clients = Clients(place)
    poisoned, good = clients.admitted(0), clients.admitted(1)
    poisoned.speak()
    spoil_worker(mx1)
    poisoned.client.send([MAGIC_OF_CRASH + b"\r\n"])
    wait_until(lambda: mx1.counters()["workers_died_fault"] == 1, "it kills a worker")
    time.sleep(0.5)  # the mark is an entry of its own, behind the death that is counted
    wait_until(lambda: mx1.show("failover")["log"]["waiting"] == 0, "the standby knows")
    place.lose(mx1)
    place.move(mx2)
    mx2.says("109067: ")
    check(poisoned.client.reply() == 421 and poisoned.client.reply() == 0, "it was not ended by 421")
    wait_until(lambda: mx2.counters()["sessions_poisoned"] == 1, "it is counted")
    check(mx2.counters()["workers_died_fault"] == 1, "so many workers died: %d" % mx2.counters()["workers_died_fault"])
    files = os.listdir(os.path.join(mx2.state, "quarantine"))
    check(len(files) == 1, "quarantine holds %s" % files)
    good.speak()
    good.leave()
    mx2.check_nothing_left()
