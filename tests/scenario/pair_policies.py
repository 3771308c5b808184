"""Sessions of a pair that run by an older policy than the running configuration has."""

import os
import signal
import socket
import time

from harness import check, wait_until
from registry import scenario
from sync_pair import again, held, paired
from takeover import PORT, served, taken_over

LIMITS = {"first": 100, "second": 200, "third": 300}  # octets of a command line, by policy


class Client:
    """A session that goes on."""

    def __init__(self, place):
        with place.wire.inside():
            self.link = place.world.keep(connect(place))
        self.file = self.link.makefile("rwb")
        self.reply()
        self.say("EHLO client.test")

    def reply(self):
        lines = [self.file.readline().decode()]
        while lines[-1][3:4] == "-":
            lines.append(self.file.readline().decode())
        return "".join(lines)

    def say(self, line):
        self.file.write(line.encode() + b"\r\n")
        self.file.flush()
        return self.reply()

    def runs_by(self, name):
        """Its lines have the limit of that policy, and of no other."""
        limit = LIMITS[name]
        allowed = self.say("NOOP " + "x" * (limit - 20))
        check(allowed.startswith("250"), "%s: a line within its limit: %s" % (name, allowed))
        refused = self.say("NOOP " + "x" * (limit + 20))
        check(refused == "500 5.5.2 By the %s policy\r\n" % name, "%s: %s" % (name, refused))


def connect(place):
    link = socket.create_connection((place.floating, PORT), 20, (place.client, 0))
    link.settimeout(30)
    return link


def enter(host, name):
    host.configure("policy-map type inspect esmtp strict",
                   *["no match cmd line length gt %d" % limit for limit in LIMITS.values()
                     if "length gt %d" % limit in host.ctl("show running-config")],
                   "match cmd line length gt %d" % LIMITS[name],
                   'reject 500 5.5.2 "By the %s policy"' % name, "exit", "exit",
                   "policy-map global_policy", "class inspection_default", "inspect esmtp strict")


def all_run_by_theirs(clients):
    for name, client in clients.items():
        client.runs_by(name)


@scenario
def pair_old_policies(world):
    """Two changes of a policy, and a session of each; then the standby is started, and takes over, and the other one
    takes over from it: each session is inspected by the policy that it began with."""
    place, mx1, mx2 = served(world)
    check(mx2.stop() == 0, "the standby does not stop")
    clients = {}
    for name in LIMITS:
        enter(mx1, name)
        clients[name] = Client(place)
    all_run_by_theirs(clients)
    # The next manager has them from what the one before has laid out.
    pid = mx1.roles()["manager"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: mx1.roles()["manager"] not in (0, pid), "another manager", 20)
    mx2.start()
    paired(mx1, mx2)
    wait_until(lambda: held(mx2) == len(LIMITS), "the standby holds them", 20)
    check(mx2.said("109091: ") == 0, "it was refused: " + mx2.log_end())
    taken_over(place, mx1, mx2, len(LIMITS))
    all_run_by_theirs(clients)
    place.back(mx1)
    paired(mx2, mx1)
    wait_until(lambda: held(mx1) == len(LIMITS), "the other host holds them", 20)
    taken_over(place, mx2, mx1, len(LIMITS))
    all_run_by_theirs(clients)
    for client in clients.values():
        client.say("QUIT")


@scenario
def pair_policies_late(world):
    """A standby whose manager does not answer is none, as long as it has not seen by what the sessions run."""
    place, mx1, mx2 = served(world)
    client = Client(place)
    pid = mx2.roles()["manager"]
    os.kill(pid, signal.SIGSTOP)
    wait = again(mx1)  # what the other one says its manager would write
    mx2.kill_sync()
    wait()
    time.sleep(3)  # less than the watchdog gives it
    state = mx1.show("failover")["this_host"]["state"]
    check(state == "degraded", "mx1 is " + state)
    os.kill(pid, signal.SIGCONT)
    paired(mx1, mx2)
    client.say("QUIT")
