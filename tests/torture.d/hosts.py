"""Two hosts with real keepalived, clients and a mail server at one switch, and sessions through them."""

import json
import subprocess
import time

import phases
import policy
from distance import Distance
from floating import FLOATING, floating_pair
from harness import Failure, check, has_gate, wait_until
from registry import Skip, World
from sessions import LOAD, Sessions
from sync_pair import agree
from two_hosts import ip

SERVER = "192.0.2.101"
LISTEN, LISTEN_BANNER = FLOATING[0] + ":25", FLOATING[0] + ":26"

# What a peer does to its connection while the switch is down no host can hear of.
NAMES = tuple(name for name in phases.NAMES if not name.startswith("reset-") and name != "urgent")
BACK_SECONDS = 60.0
TAKEN_SECONDS = 20.0
# A leg that was over on the lost host, and whose ports another connection has had since, is never acknowledged: it is
# given up after a minute (daemon/supervisor/ending.h).
REST_SECONDS = 75.0
STUCK_MS = 8000


def said(host):
    """The last word of its keepalived."""
    words = [line.split("keepalived says ")[1].split()[0]
             for line in host.log().splitlines() if "109086: " in line]
    return words[-1] if words else ""


class LanPair:
    """The pair at its switch, with statics of port 25 and 26 to SERVER; a context manager."""

    def __init__(self, build, folder, lines=(), rtt_ms=0, workers=1, **group):
        """lines: of the configuration, beside the statics; rtt_ms: from the hosts to the clients and back, and to
        the mail server; workers: of either host; group: of both failover groups."""
        if not has_gate(build):
            raise Skip("this build has no gate")
        self.world = World(build, folder, True)
        try:
            self.lan, *both = floating_pair(self.world, **group)
            self.place_server(build, folder, rtt_ms)
            self.active, self.standby = both
            self.strays = 0  # changes of the roles that nobody wanted
            for one in both:
                one.host.workers_wanted = workers
                self.prepare(one.host)
            agree(*(one.host for one in both))
            for one in both:
                self.configure(one.host, lines)
        except BaseException:
            self.world.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.world.close()

    def prepare(self, host):
        """Before it is started."""

    def place_server(self, build, folder, rtt_ms):
        """And the clients."""
        self.distance = None
        if rtt_ms:
            self.distance = self.world.keep(Distance(build, folder, self.lan, rtt_ms, SERVER + "/24"))
        else:
            ip("-n", self.lan.wire.namespace("wire"), "address", "add", SERVER + "/24", "dev", "lan")

    def configure(self, host, lines):
        host.configure(*lines, *[
            "static (inside,outside) tcp %s %d %s %d source %s" % (
                FLOATING[0], port, SERVER, port, FLOATING[0]) for port in (25, 26)])
        host.ctl("write memory")

    def begin(self):
        self.active.start()
        self.active.gets_address()
        self.standby.start()
        self.wait_whole()

    def wait_whole(self):
        """The standby could go on."""
        wait_until(self.has_roles, "one host is active, the other its standby", BACK_SECONDS)
        host = self.standby.host
        wait_until(lambda: host.track() == 0, "the standby may have the address", BACK_SECONDS)
        # Till its health check has succeeded keepalived does not take it.
        wait_until(lambda: said(host) == "BACKUP", "its keepalived is ready: %s" % said(host), BACK_SECONDS)

    def wait_held(self, count):
        wait_until(lambda: self.standby.host.show("failover")["log"]["protected_sessions"] >= count,
                   "the standby holds %d sessions" % count, BACK_SECONDS)

    def cables(self, name, state):
        """To the switch, and to the other host."""
        for device in ("lan-" + name, name):
            ip("-n", self.lan.wire.namespace("wire"), "link", "set", device, state)

    def has_roles(self):
        """Whoever has them: on a busy machine keepalived may have moved the address by itself."""
        states = [one.host.show("failover")["this_host"]["state"] for one in (self.active, self.standby)]
        if states == ["standby-synced", "active"]:
            self.active, self.standby = self.standby, self.active
            self.strays += 1
            print("     the address has moved by itself to %s" % self.active.name, flush=True)
        return set(states) == {"active", "standby-synced"}

    def lose_active(self):
        """Loss of power: first the cables, so that nothing of its end is seen.  The other one takes over."""
        self.wait_whole()
        lost, self.active, self.standby = self.active, self.standby, self.active
        before = self.active.host.said("109067: ")
        self.cables(lost.name, "down")
        lost.host.kill_all()
        lost.kill()
        return before

    def wait_taken(self, before):
        wait_until(lambda: self.active.host.said("109067: ") > before, "%s has taken over" % self.active.name, TAKEN_SECONDS)

    def counted(self):
        """(sessions, lost, the event's words) of the last takeover."""
        line = [line for line in self.active.host.log().splitlines() if "109066: " in line][-1]
        sessions, lost = (int(line.split(before)[1].split()[0]) for before in ("Failover: ", "restored, "))
        return sessions, lost, line.split("109066: ")[1]

    def bring_back(self):
        """The lost one, as the standby."""
        name = self.standby.name
        namespace = self.lan.wire.namespace(name)
        for address in FLOATING:
            subprocess.run(["ip", "-n", namespace, "address", "flush", "dev", "lan", "to", address],
                           check=True)
        self.cables(name, "up")
        self.standby.host.start()
        self.standby.start()

    def switch(self):
        """On purpose, by a command on the standby."""
        self.wait_whole()
        before = self.standby.host.said("109067: ")
        self.standby.host.ctl("failover active")
        self.active, self.standby = self.standby, self.active
        return before

    def check_rest(self):
        """Nothing of a session is left on either host."""
        time.sleep(1)
        for one in (self.active, self.standby):
            self.check_no_session(one)
            check(one.host.counters()["descriptors_held"] == 0, "%s holds descriptors" % one.name)

    def check_no_session(self, one):
        try:
            wait_until(lambda: one.host.counters()["slots_in_use"] == 0, "%s has no session" % one.name, REST_SECONDS)
        except Failure:
            self.tell_sessions(one)
            raise

    def tell_sessions(self, one):
        for session in one.host.show("conn")["sessions"]:
            self.tell_session(one, session["client"]["port"])
        self.tell_sockets(one)
        self.tell_refused()

    def tell_refused(self):
        """What the kernel of clients and mail server has counted besides traffic: time stamps that are too old,
        acknowledgements of what was not sent, and the like."""
        done = subprocess.run(self.lan.wire.prefix("wire") + ["nstat", "-as"], capture_output=True, text=True)
        print("\n".join(" ".join(line.split()[:2]) for line in done.stdout.splitlines() if "TcpExt" in line))

    def tell_session(self, one, port):
        for session in one.host.show("conn")["sessions"]:
            if session["client"]["port"] == port:
                print(one.name, json.dumps(one.host.show("conn %s" % session["id"])))
        self.tell_sockets(one, lambda line: ":%d " % port in line)

    def tell_sockets(self, one, is_meant=lambda line: True):
        for where in (one.name, "wire"):
            done = subprocess.run(self.lan.wire.prefix(where) + ["ss", "-tnaeiomOH"], capture_output=True, text=True)
            print("\n".join("%s %s" % (where, line) for line in done.stdout.splitlines()
                            if "LISTEN" not in line and "TIME-WAIT" not in line and is_meant(line)))

    def tell_logs(self):
        """For who has to find out what went wrong."""
        for one in (self.active, self.standby):
            print("log of %s:\n%s" % (one.name, "\n".join(
                [line for line in one.host.log().splitlines() if "ailover" in line][-16:])))
            print("its keepalived:\n" + "\n".join(one.log().splitlines()[-12:]))


class Hosts(LanPair):
    """The pair, with sessions in every phase through it."""

    def __init__(self, build, folder, seed, rtt_ms=0, workers=1, load=LOAD, per_phase=phases.PER_PHASE, **group):
        """load, per_phase: of the sessions; all else as that of the pair."""
        super().__init__(build, folder, policy.lines(), rtt_ms, workers, **group)
        try:
            self.sessions = self.world.keep(Sessions(
                build, folder, SERVER + ":25", SERVER + ":26", self.lan.wire.prefix()))
            self.begin()
            self.sessions.begin(LISTEN, LISTEN_BANNER, seed, load, per_phase, names=NAMES)
        except BaseException:
            self.world.close()
            raise

    def check_moving(self):
        """Nobody has waited for longer than a peer's second or third try; else all that is known of it."""
        for waits in (wait for answer in self.sessions.command_all("waiting %d" % STUCK_MS)
                      for wait in answer["waiting"]):
            print("stuck: %s" % waits)
            for one in (self.active, self.standby):
                self.tell_session(one, waits["port"])
            raise Failure("a session stands still: %s" % waits)

    def finish(self):
        """All sessions end; what the sources said, and the ledgers' line."""
        figures = self.sessions.end_all()
        return figures, self.sessions.compare()
