"""Connection limits: each refuses at its number, also in a flood while workers die, and nobody else pays."""

import os
import signal
import time
from collections import Counter

from eod_matrix import Client
from harness import Tool, check, free_port, wait_until
from network import Network
from registry import scenario

# Who sends the mail of others is one client with many connections.
OTHERS = ("access-list others permit ip host 127.0.0.1 any", "class-map others", "match access-list others",
          "policy-map global_policy", "class others", "set connection conn-max 0")
CLASS = ("policy-map global_policy", "class inspection_default")
NETWORK_A = ("2001:db8:1::1", "2001:db8:1::2")
NETWORK_B = "2001:db8:2::1"
LISTEN_6 = "2001:db8:25::25"


class Flood(Tool):
    number = 0

    def __init__(self, world, *arguments):
        Flood.number += 1
        super().__init__(world.build, "mailflood", arguments,
                         os.path.join(world.folder, "flood-%d.log" % Flood.number))


def greeted(listen, source):
    """A client that was admitted, or what it was told instead."""
    client = Client(listen, source)
    client.lines(1)
    text = client.text
    if client.reply() == 220:
        return client, ""
    check(client.reply() == 0, "refused, and not closed")
    client.socket.close()
    return None, text.decode()


def admitted(listen, source):
    client, text = greeted(listen, source)
    check(client is not None, "%s was refused: %s" % (source, text))
    return client


def refused(listen, source):
    client, text = greeted(listen, source)
    check(client is None, "%s was admitted" % source)
    check(text.startswith("421 4.7.0 "), "%s was told %r" % (source, text))


def leave(gateway, client):
    """The session's place is free when this returns."""
    before = connection(gateway)["current"]
    check(client.say(b"QUIT") == 221, "no 221")
    client.socket.close()
    wait_until(lambda: connection(gateway)["current"] < before, "its place is free again")


def connection(gateway):
    """What `show service-policy` counts for inspection_default, the last class."""
    rules = gateway.show("service-policy")["policies"][0]["rules"]
    return [rule for rule in rules if "set_connection" in rule][-1]


def set_connection(gateway, line):
    gateway.configure(*CLASS, line)


@scenario
def limit_per_client(world):
    """per-client-max and its embryonic part: by IPv4 address, by IPv6 network; changed while sessions run."""
    world.keep(Network(*NETWORK_A, NETWORK_B, LISTEN_6))
    world.sink()
    gateway = world.gate()
    six = "[%s]:%d" % (LISTEN_6, free_port())
    gateway.configure(gateway.static(six, world.server))
    set_connection(gateway, "set connection per-client-max 2")
    for listen, mine, other in ((world.listen, ("127.0.0.9", "127.0.0.9"), "127.0.0.10"),
                                (six, NETWORK_A, NETWORK_B)):
        two = [admitted(listen, source) for source in mine]
        refused(listen, mine[0])
        refused(listen, mine[1])
        leave(gateway, admitted(listen, other))
        leave(gateway, two[0])
        two[0] = admitted(listen, mine[0])
        check(connection(gateway)["current"] == 2, "counts %s" % connection(gateway))
        set_connection(gateway, "set connection per-client-max 1")
        leave(gateway, two[0])
        refused(listen, mine[0])  # one is there still, from before the change
        set_connection(gateway, "set connection per-client-max 3")
        two[0] = admitted(listen, mine[0])
        set_connection(gateway, "set connection per-client-max 2")
        for client in two:
            leave(gateway, client)
    check(gateway.counters()["sessions_refused_per_client_max"] == 6, "refusals: %s" % gateway.counters())
    wait_until(lambda: "201013: Per-client connection limit exceeded 2/2 for input packet from "
               "127.0.0.9/" in gateway.log(), "event 201013")
    set_connection(gateway, "no set connection")
    set_connection(gateway, "set connection per-client-embryonic-max 1")
    spoken = admitted(world.listen, "127.0.0.9")
    refused(world.listen, "127.0.0.9")
    check(spoken.say(b"XYZZY") == 500, "not refused")
    refused(world.listen, "127.0.0.9")
    check(spoken.say(b"EHLO client.test") == 250, "no 250")
    silent = admitted(world.listen, "127.0.0.9")
    wait_until(lambda: connection(gateway)["current_embryonic"] == 1, "one is embryonic")
    leave(gateway, spoken)
    refused(world.listen, "127.0.0.9")
    silent.socket.close()
    gateway.check_nothing_left()


@scenario
def limit_of_static_and_class(world):
    """The static's limits and the class's: the lower one; partners have a class of their own."""
    world.sink()
    gateway = world.gate()
    static = gateway.static(world.listen, world.server)
    gateway.configure(static + " tcp 3 2")
    set_connection(gateway, "set connection conn-max 5 embryonic-conn-max 1")
    first = admitted(world.listen, "127.0.0.9")
    refused(world.listen, "127.0.0.10")  # embryonic: the class
    set_connection(gateway, "no set connection embryonic-conn-max")
    second = admitted(world.listen, "127.0.0.10")
    refused(world.listen, "127.0.0.11")  # embryonic: the static
    for client in (first, second):
        check(client.say(b"EHLO client.test") == 250, "no 250")
    third = admitted(world.listen, "127.0.0.11")
    check(third.say(b"EHLO client.test") == 250, "no 250")
    refused(world.listen, "127.0.0.12")  # the static
    set_connection(gateway, "set connection conn-max 2")
    refused(world.listen, "127.0.0.12")  # the class
    wait_until(lambda: "201011: Connection limit exceeded 3/3 for input packet" in gateway.log(), "201011")
    check(connection(gateway)["drops"] == 2, "drops: %s" % connection(gateway))
    gateway.configure(static, "access-list partners permit ip host 127.0.0.12 any", "class-map partners",
                      "match access-list partners", "policy-map global_policy", "class partners",
                      "set connection conn-max 0")
    refused(world.listen, "127.0.0.13")
    partner = admitted(world.listen, "127.0.0.12")
    for client in (first, second, third, partner):
        client.socket.close()
    gateway.ctl("clear service-policy")
    check(connection(gateway)["drops"] == 0, "not cleared")
    gateway.check_nothing_left()


class Siege:
    """Two clients flood, an IPv4 address that says nothing and an IPv6 network that says EHLO."""

    def __init__(self, world, gateway, rate, listens):
        self.gateway = gateway
        self.silent = world.keep(Flood(world, "--rate", rate * 3 // 5, "--hold", 400, "--from", "127.0.0.9", listens[0]))
        self.speakers = [world.keep(Flood(world, "--rate", rate // 5, "--hold", 300, "--speak",
                                          "--from", source, listens[1])) for source in NETWORK_A]
        self.all = [self.silent, *self.speakers]
        self.kills = 0

    def kill_a_worker(self):
        for pid in self.gateway.workers().values():
            os.kill(pid, signal.SIGKILL)
            self.kills += 1
            break

    def slots(self):
        """Sessions by client, as the slots have them."""
        found = Counter()
        for session in self.gateway.show("conn")["sessions"]:
            address = session["client"]["address"]
            found["six" if address in NETWORK_A else "four" if address == "127.0.0.9" else "other"] += 1
        return found

    def rage(self, seconds, most):
        """For so long: workers die, and no client has more slots than `most` says."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            slots = self.slots()
            for client, limit in most.items():
                check(slots[client] <= limit, "%s has %d slots, its limit is %d" % (client, slots[client], limit))
            self.kill_a_worker()
            time.sleep(0.2)

    def reaches(self, most):
        """Each client comes to its limit again, and the limit is what keeps it there."""
        for client, limit in most.items():
            wait_until(lambda: self.slots()[client] == limit, "%s has %d slots" % (client, limit), 30)

    def figures(self):
        return [flood.command("figures") for flood in self.all]

    def stop(self):
        """What the floods were told, summed up; all their sessions are over."""
        figures = [flood.stop() for flood in self.all]
        accidents = sum(f["accidents"] for f in figures)
        check(accidents == 0, "%d accidents: %s" % (accidents, [f.errors(3) for f in self.all]))
        return sum(f["refused"] for f in figures), figures


class Others:
    """Mail at a quarter of the rate at which it passes alone (in the short run: at a low one)."""

    def __init__(self, world, sink):
        self.sources, self.rate = [], 40
        load = ("--connections", 50, "--per-connection", 1, "--sizes", "1k-4k")
        if world.full:
            began = time.monotonic()
            alone, figures = world.mail_exactly(sink, "--messages", 5000, *load)
            self.sources.append(alone)
            self.rate = int(figures["given"] / (time.monotonic() - began) / 4)
        # Where the machine is too slow for the flood, connections wait longer than anybody should.
        self.load = world.source("--messages", -1, "--rate", self.rate, "--deadline", 120, "--seed", 2, *load,
                                 world.listen)
        self.sources.append(self.load)
        self.began = time.monotonic()

    def stop(self, full):
        elapsed = time.monotonic() - self.began
        mail = self.load.stop()
        check(mail["failed"] == 0 and mail["given"] > 0, "%s; %s" % (mail, self.load.errors(3)))
        kept, p99 = mail["given"] / elapsed / self.rate, mail["message_us"]["p99"]
        check(not full or (kept >= 0.8 and p99 < 1000000),
              "others keep %.2f of %d messages a second, p99 %d us" % (kept, self.rate, p99))
        return "others keep %.2f of %d messages a second, p99 %d ms" % (kept, self.rate, p99 // 1000)


@scenario
def limit_flood(world):
    """Floods over IPv4 and IPv6 while workers die: the slots never exceed a limit, mail of others passes."""
    rate, seconds = (5000, 20) if world.full else (1200, 2)
    world.keep(Network(*NETWORK_A, LISTEN_6))
    sink = world.sink()
    gateway = world.gate()
    six = "[%s]:%d" % (LISTEN_6, free_port())
    gateway.configure(gateway.static(six, world.server), *OTHERS)
    set_connection(gateway, "set connection conn-max 500 per-client-max 20 per-client-embryonic-max 8")
    others = Others(world, sink)
    siege = Siege(world, gateway, rate, (world.listen, six))
    siege.reaches({"four": 8, "six": 20})
    siege.rage(seconds, {"four": 8, "six": 20})
    siege.reaches({"four": 8, "six": 20})
    set_connection(gateway, "set connection per-client-max 10 per-client-embryonic-max 3")
    wait_until(lambda: siege.slots()["six"] <= 10 and siege.slots()["four"] <= 3, "the lower limits", 30)
    siege.rage(seconds, {"four": 3, "six": 10})
    siege.reaches({"four": 3, "six": 10})
    set_connection(gateway, "set connection per-client-max 30 per-client-embryonic-max 12")
    siege.rage(seconds, {"four": 12, "six": 30})
    siege.reaches({"four": 12, "six": 30})
    rates = sum(f["rate"] for f in siege.figures())
    kept = others.stop(world.full)
    told, figures = siege.stop()
    gateway.check_nothing_left(60)
    counters = gateway.counters()
    counted = counters["sessions_refused_per_client_max"] + counters["sessions_refused_per_client_embryonic_max"]
    # Who was refused when the flood ended has not read it.
    check(told <= counted <= sum(f["attempts"] for f in figures), "%d were told, %d are counted" % (told, counted))
    now = connection(gateway)
    check(now["current"] == 0 and now["current_embryonic"] == 0, "left: %s" % now)
    check(now["drops"] == counted, "drops: %s" % now)
    check(counters["workers_killed"] >= siege.kills - 1 and siege.kills >= 3, "%d kills" % siege.kills)
    print("     %d attempts a second, %d kills, %d refused; %s" % (rates, siege.kills, counted, kept))
    world.ledgers(sink, *others.sources)


@scenario
def limit_counts_anew(world):
    """A changed configuration, and another supervisor, count all slots anew and come to the same."""
    sink = world.sink()
    gateway = world.gate()
    set_connection(gateway, "set connection conn-max 1000 per-client-max 1000")
    source = world.source("--phase", "idle:60", "--sizes", "1k", world.listen)
    silent = [admitted(world.listen, "127.0.0.9") for _ in range(55)]
    wait_until(lambda: connection(gateway)["current"] == 115 and
               connection(gateway)["current_embryonic"] == 55, "115 sessions, of which 55 embryonic", 60)
    for line in ("hostname mx-other", "set connection per-client-max 999", "set connection conn-max 20"):
        set_connection(gateway, line)
        now = connection(gateway)
        check((now["current"], now["current_embryonic"]) == (115, 55), "after `%s`: %s" % (line, now))
    refused(world.listen, "127.0.0.9")
    gateway.kill_supervisor()
    gateway.start()
    wait_until(lambda: connection(gateway)["current"] == 115, "115 sessions at the next supervisor", 30)
    now = connection(gateway)
    check((now["current_embryonic"], now["drops"]) == (55, 1), "counts of the next supervisor: %s" % now)
    refused(world.listen, "127.0.0.9")
    for client in silent:
        client.socket.close()
    source.stop()
    wait_until(lambda: connection(gateway)["current"] == 0, "nothing is counted", 60)
    gateway.check_nothing_left(60)
