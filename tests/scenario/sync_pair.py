"""The two sync processes of a pair: how they come together, and what comes between them."""

import os
import shutil
import signal
import sys
import time

from harness import Gateway, Sink, Source, check, compare_ledgers, end_process, has_gate, process_lives, wait_until
from registry import scenario
from two_hosts import HOSTS, KEY, pair

UP = "Failover: the connection to %s is up"
LOST = "Failover: the connection to %s has ended - "
ALONE = "109060: Failover: active without a standby in epoch"
FOLLOWS = "104002: (Failover) Switching to STANDBY - the other host is the active one"


def agree(*hosts):
    for host in hosts:
        host.start()
    for host, other in zip(hosts, hosts[::-1]):
        host.says(UP % other.group["node"])


def serve(active, standby):
    """From a cold start: both are there, and keepalived gives the address to one of them."""
    active.keepalived("MASTER")
    active.says(ALONE)
    standby.says(FOLLOWS)


def paired(active, standby):
    """The one serves, and the other one could."""
    for host, state in ((active, "active"), (standby, "standby-synced")):
        wait_until(lambda: host.show("failover")["this_host"]["state"] == state,
                   "%s is %s" % (host.group["node"], state), 30)


def again(*hosts):
    """To be called before what parts them; what it gives waits until they have come together again."""
    before = [host.said("109080: ") for host in hosts]

    def wait():
        for host, count in zip(hosts, before):
            wait_until(lambda: host.said("109080: ") > count,
                       "%s is connected again" % host.group["node"], 30)
    return wait


def steady(*hosts):
    """No process of theirs has died, and none turns in circles."""
    for host in hosts:
        told = [line for line in host.log().splitlines() if "-109087:" in line or "-109088:" in line]
        check(not told, "a sync process died: " + "; ".join(told))


@scenario
def pair_agrees(world):
    """Two hosts come up, agree, the one with the address serves, the other one follows it."""
    wire, mx1, mx2 = pair(world)
    agree(mx1, mx2)
    serve(mx2, mx1)
    paired(mx2, mx1)
    wait_until(lambda: (mx1.track(), mx2.track()) == (0, 0), "nothing speaks for another address")
    for host, door in ((mx1, "closed"), (mx2, "open")):
        shown = host.show("failover")
        check(shown["door"]["ipv4"] == door, "another door is shown: %s" % shown)
        check(shown["this_host"]["epoch"] == shown["other_host"]["epoch"] == 1, "epochs: %s" % shown)
    changes = mx2.show("failover history")["history"]
    check([change["to"] for change in changes][-2:] == ["degraded", "active"], "history: %s" % changes)
    check("Active (active)" in mx2.ctl("show failover history"), mx2.ctl("show failover history"))
    for host in (mx1, mx2):
        with open("/proc/%d/status" % host.sync()) as status:
            text = status.read()
        check("CapEff:\t0000000000000000" in text and "NoNewPrivs:\t1" in text and
              "Uid:\t0" not in text, "sync has rights: " + text)
    steady(mx1, mx2)
    for host in (mx1, mx2):
        pid = host.sync()
        check(host.stop() == 0 and not process_lives(pid), "the clean stop failed")


@scenario
def pair_turns(world):
    """sync and gate push nobody aside who wakes them; a policy that a host was given is that of all its processes."""
    def check_policies(host, of_workers, of_others):
        wait_until(lambda: host.workers() and host.sync() != 0, "its processes are there")
        others = [host.sync(), host.gate()] if has_gate(world.build) else [host.sync()]
        wanted = [of_workers] * len(host.workers()) + [of_others] * len(others)
        wait_until(lambda: [os.sched_getscheduler(pid) for pid in [*host.workers().values(), *others]] == wanted,
                   "policies of %s" % os.path.basename(host.folder))

    _, mx1, mx2 = pair(world)
    mx1.start()
    check_policies(mx1, os.SCHED_OTHER, os.SCHED_BATCH)
    mx2.prefix = mx2.prefix + ["chrt", "--idle", "0"]
    mx2.start()
    check_policies(mx2, os.SCHED_IDLE, os.SCHED_IDLE)


@scenario
def pair_forced(world):
    """A host that is alone does not serve because it has the address, but when it is forced to."""
    wire, mx1, mx2 = pair(world)
    mx1.start()
    mx1.keepalived("MASTER")
    mx1.says("the other host is not heard and may have newer sessions: start it, or use 'failover force'")
    mx1.ctl("failover force")
    mx1.says(ALONE + " 2")
    mx2.start()
    mx2.says(FOLLOWS)
    paired(mx1, mx2)
    mx1.keepalived("BACKUP")
    mx1.says("keepalived has taken the address from this host")
    steady(mx1, mx2)


@scenario
def pair_monitored(world):
    """What the ASA says of failover and of the other host is said when it is so, and once."""
    wire, mx1, mx2 = pair(world, mx1={"witness": "10.97.1.254:9"})
    mx1.start()
    for text in ("105002: (Failover) Enabling failover.",
                 "105003: (Failover) Monitoring on interface sync waiting",
                 "105009: (Failover) Testing on interface witness Passed"):
        mx1.says(text)
    check(mx1.said("105004: ") == 0, "there is nobody to be heard")
    mx2.start()
    normal = "105004: (Failover) Monitoring on interface sync normal"
    lost = "105005: (Failover) Lost Failover communications with mate on interface sync"
    for host in (mx1, mx2):
        host.says(normal)
    check((mx1.said(lost), mx2.said(lost)) == (0, 0), "what was not lost")
    serve(mx1, mx2)
    paired(mx1, mx2)
    wire.cut()
    for host in (mx1, mx2):
        host.says(lost)
    wire.run("nft", "add", "table", "inet", "deaf")
    wire.run("nft", "add", "chain", "inet", "deaf", "in", "{ type filter hook input priority 0 ; }")
    wire.run("nft", "add", "rule", "inet", "deaf", "in", "tcp dport 9 drop")
    mx1.says("105009: (Failover) Testing on interface witness Failed")
    wire.join()
    wait_until(lambda: (mx1.said(normal), mx2.said(normal)) == (2, 2), "both hear each other again", 30)
    check((mx1.said(lost), mx2.said(lost)) == (1, 1), "it is said more than once")
    mx1.kill_supervisor()
    mx1.start()
    check(mx1.said("105002: ") == 1, "it was switched on once")
    check(mx1.stop() == 0, "the clean stop failed")
    mx1.write_conf = lambda: Gateway.write_conf(mx1)
    mx1.make_door = lambda: None
    mx1.settings = ""
    mx1.start()
    mx1.says("105001: (Failover) Disabling failover.")


@scenario
def pair_keepalived_gone(world):
    """The other host has taken over, and this one's keepalived does not say so, being dead: its last word is no
    reason to take over in turn; the next one is."""
    wire, mx1, mx2 = pair(world)
    agree(mx1, mx2)
    serve(mx1, mx2)
    paired(mx1, mx2)
    mx2.keepalived("MASTER")
    paired(mx2, mx1)
    before = mx1.said("keepalived has given the address to this host")
    time.sleep(2)
    paired(mx2, mx1)
    check(mx1.said("keepalived has given the address to this host") == before, "the role went to and fro")
    wait = again(mx1)
    mx1.kill_sync()
    wait()
    paired(mx2, mx1)
    time.sleep(2)
    paired(mx2, mx1)
    check(mx1.said("keepalived has given the address to this host") == before, "sync's death made the old word new")
    mx1.keepalived("MASTER")
    paired(mx1, mx2)
    steady(mx2)


@scenario
def pair_cut(world):
    """The link is cut for 0.2 s and nobody sees it; for 5 s, and both come together again."""
    wire, mx1, mx2 = pair(world)
    agree(mx1, mx2)
    serve(mx1, mx2)
    before = [host.said("109081: ") for host in (mx1, mx2)]
    wire.cut()
    time.sleep(0.2)
    wire.join()
    time.sleep(1.5)
    check([host.said("109081: ") for host in (mx1, mx2)] == before, "a short cut was seen")
    paired(mx1, mx2)
    wait = again(mx1, mx2)
    wire.cut()
    time.sleep(5)
    wire.join()
    wait()
    mx1.says(LOST % "mx2" + "nothing was heard for too long")
    mx2.says("gone on without this one")
    paired(mx1, mx2)
    steady(mx1, mx2)


@scenario
def pair_wrong_key(world):
    """Another key is refused by name on both sides, and a right one mends it."""
    wire, mx1, mx2 = pair(world)
    mx2.write_key(KEY.replace("0123", "3210"))
    mx1.start()
    mx2.start()
    for host in (mx1, mx2):
        host.says("109083: Failover: no connection with %s" % host.group["peer"].split(":")[0])
        host.says("the other host has another key")
        host.says("the other host refuses the key: is it the same there?")
    check(not any("109080" in host.log() for host in (mx1, mx2)), "they are connected")
    mx2.write_key(KEY)
    mx2.kill_sync()
    mx1.says(UP % "mx2")


@scenario
def pair_names(world):
    """One name for both hosts, or another name than the other has, is refused by name."""
    wire, mx1, mx2 = pair(world, mx2={"node": "mx1", "peer_node": "mx2"})
    mx1.start()
    mx2.start()
    for host in (mx1, mx2):
        host.says("both hosts have the same name")
    mx2.stop()
    mx2.group.update(node="mx2", peer_node="mx3")
    mx2.start()
    mx2.says("the names of the two hosts do not fit those that the other has")
    mx2.stop()
    mx2.group.update(peer_node="")
    mx1.stop()
    mx1.group.update(peer_node="")
    agree(mx1, mx2)


@scenario
def pair_commit_differs(world):
    """Hosts that do not mean the same by an acknowledgement refuse each other."""
    wire, mx1, mx2 = pair(world, mx2={"commit": "strict"})
    mx1.start()
    mx2.start()
    for host in (mx1, mx2):
        host.says("109082: Failover: ")
        host.says("the two hosts differ in failover.commit")
        check("109080" not in host.log(), "they are connected")
    mx2.stop()
    mx2.group["commit"] = "degrade"
    mx2.start()
    mx1.says(UP % "mx2")
    mx2.says(UP % "mx1")


def put_sync(host, suffix):
    """The program of some versions later, from its next start on."""
    there = os.path.join(host.libexec, "smtpguard-sync")
    os.unlink(there)
    shutil.copy(os.path.join(host.build, "daemon/sync/smtpguard-sync" + suffix), there)


@scenario
def pair_versions(world):
    """A host two versions of the sessions' records ahead is refused by name, one version ahead it is not."""
    wire, mx1, mx2 = pair(world)
    put_sync(mx2, "-far")
    mx1.start()
    mx2.start()
    for host in (mx1, mx2):
        host.says("109082: Failover: ")
        host.says("no version of the sessions' records in common")
        check("109080" not in host.log(), "they are connected")
    put_sync(mx2, "-next")
    mx2.kill_sync()
    mx1.says(UP % "mx2")
    mx2.says(UP % "mx1")


@scenario
def pair_strangers(world):
    """A port scanner and 200 handshakes that nobody goes on with keep the pair from nothing."""
    wire, mx1, mx2 = pair(world)
    mx1.start()
    mx1.says("104002")
    target = (HOSTS["mx1"][0], 7925)
    scanner = wire.connect(target)
    wait_until(lambda: scanner.send(b"GET / HTTP/1.0\r\n\r\n") > 0, "the scanner is connected")
    mx1.says("109083: Failover: no connection with %s" % HOSTS["mx1"][1])
    mx1.says("the other side does not speak TLS")
    half_open = [wire.connect(target) for _ in range(200)]
    mx1.says("too many connections at a time")
    mx2.start()
    mx1.says(UP % "mx2")
    mx2.says(UP % "mx1")
    for link in half_open:
        link.close()
    check(mx1.said("too many connections at a time") == 1, "it is told all the time")
    steady(mx1, mx2)


@scenario
def pair_flipped_bit(world):
    """One changed byte on the way ends the conversation, by name, and the next one goes on."""
    # mx2 comes through to nobody, and takes what the relay brings.
    wire, mx1, mx2 = pair(world, mx1={"peer": HOSTS["mx1"][1] + ":7925"},
                          mx2={"peer": "10.97.1.1:7926"})
    relay = wire.popen(sys.executable, os.path.join(os.path.dirname(__file__), "byte_relay.py"),
                       HOSTS["mx1"][1] + ":7925", HOSTS["mx2"][0] + ":7925", "4000")
    try:
        check(relay.stdout.readline() == "ready\n", "no relay")
        mx2.start()
        mx1.start()
        mx1.says(UP % "mx2")
        wait = again(mx1, mx2)
        check(relay.stdout.readline() == "flipped\n", "nothing was changed")
        # In the header of a record it is another rule that it breaks.
        wait_until(lambda: any(LOST % "mx1" + why in mx2.log() for why in (
            "the data was changed on its way", "the other side breaks the rules of TLS")),
                   "the change is found", 20)
        mx1.says(LOST % "mx2")
        wait()
        steady(mx1, mx2)
    finally:
        end_process(relay)


@scenario
def pair_sync_killed(world):
    """kill -9 of sync on either side: another one is started, and they agree again."""
    wire, mx1, mx2 = pair(world)
    agree(mx1, mx2)
    serve(mx1, mx2)
    for host in (mx1, mx2, mx1):
        wait = again(mx1, mx2)
        host.kill_sync()
        wait()
        host.says("109087: Sync process")
    # It still has the address, and what it had served in that epoch.
    check(mx1.said("the daemon has started and its sessions are still here") == 2, mx1.log_end())
    wait_until(lambda: mx2.said(FOLLOWS) >= 3, "it follows again")


@scenario
def pair_sync_stopped(world):
    """A sync process that does not turn is ended, and another one is started."""
    wire, mx1, mx2 = pair(world)
    agree(mx1, mx2)
    pid = mx1.sync()
    os.kill(pid, signal.SIGSTOP)
    wait = again(mx1, mx2)
    mx1.says("109088: Sync process (pid %d) does not turn" % pid)
    wait()


@scenario
def pair_supervisor_killed(world):
    """kill -9 of the supervisor ends sync; the next one starts another, which knows what was."""
    wire, mx1, mx2 = pair(world)
    agree(mx1, mx2)
    serve(mx1, mx2)
    pid = mx1.sync()
    os.kill(pid, signal.SIGSTOP)  # it would see the supervisor's end and leave
    wait = again(mx1, mx2)
    mx1.kill_supervisor()
    mx1.start()
    check(not process_lives(pid), "the old sync process is left")
    mx1.says("the daemon has started and its sessions are still here")
    wait()


@scenario
def pair_upgraded(world):
    """smtpguardctl upgrade replaces sync like all else; the pair goes on."""
    wire, mx1, mx2 = pair(world)
    agree(mx1, mx2)
    serve(mx1, mx2)
    pid = mx1.sync()
    wait = again(mx1, mx2)
    mx1.ctl("upgrade")
    mx1.says("109042: Upgrade complete")
    wait_until(lambda: mx1.sync() not in (0, pid) and not process_lives(pid), "sync is another one")
    wait()


class Mail:
    """On a host's own network, through its gateway."""

    LISTEN, SERVER = "127.0.0.1:2525", "127.0.0.1:2526"

    def __init__(self, world, host, prefix=None):
        """prefix: what starts client and server where they are to be."""
        self.world, self.host, self.prefix = world, host, prefix or host.prefix
        self.sink = world.keep(Sink(world.build, world.folder, [self.SERVER], prefix=self.prefix))
        self.sources = []
        host.configure(host.static(self.LISTEN, self.SERVER))

    def source(self, *arguments):
        self.sources.append(self.world.keep(Source(
            self.world.build, self.world.folder,
            [*arguments, "--seed", len(self.sources) + 1, self.LISTEN], self.prefix)))
        return self.sources[-1]

    def exact(self):
        for source in self.sources:
            figures = source.finish()
            check(figures["failed"] == 0, "sessions failed: " + source.errors(5))
        self.sink.stop()
        compare_ledgers(self.world.build, [s.ledger for s in self.sources], self.sink.ledger)


def held(host):
    return host.show("failover")["log"]["protected_sessions"]


@scenario
def pair_carries_mail(world):
    """Mail through a host whose commits wait for the standby, which holds all its sessions."""
    wire, mx1, mx2 = pair(world)
    agree(mx1, mx2)
    mail = Mail(world, mx1)
    serve(mx1, mx2)
    paired(mx1, mx2)
    idle = mail.source("--phase", "idle:40", "--sizes", "1k")
    wait_until(lambda: held(mx2) >= 40, "the standby holds the sessions that stand still", 30)
    wait_until(lambda: held(mx1) >= 40, "the active knows them as protected", 30)
    mail.source("--messages", 300, "--connections", 20, "--per-connection", 3,
                "--body-sizes", "1k-64k:99,5m:1").finish()
    check(mx1.said("does not acknowledge") == 0, "the standby was given up: " + mx1.log_end())
    idle.stop()
    wait_until(lambda: held(mx2) == 0, "the standby lets go of those that have ended", 30)
    mail.exact()
    steady(mx1, mx2)


@scenario
def pair_catches_up(world):
    """The standby's sync is killed, and the link cut, while mail flows: it follows again, no session is lost."""
    wire, mx1, mx2 = pair(world)
    agree(mx1, mx2)
    mail = Mail(world, mx1)
    serve(mx1, mx2)
    paired(mx1, mx2)
    flow = mail.source("--messages", -1, "--connections", 20, "--per-connection", 3, "--rate", 60,
                       "--sizes", "1k-32k")
    idle = mail.source("--phase", "idle:40", "--sizes", "1k")
    wait_until(lambda: held(mx2) >= 40, "the standby holds them", 30)
    mx2.kill_sync()
    paired(mx1, mx2)
    wait_until(lambda: held(mx2) >= 40, "the standby holds them again", 30)
    wire.cut()
    time.sleep(3)
    wire.join()
    paired(mx1, mx2)
    mx1.kill_sync()
    paired(mx1, mx2)
    wait_until(lambda: held(mx2) >= 40, "the standby holds them once more", 30)
    for source in (flow, idle):
        source.send("stop")
    mail.exact()


@scenario
def alone_has_no_sync(world):
    """Without a failover group there is no sync process and no socket of it."""
    gateway = world.gateway()
    with open(os.path.join(gateway.runtime, "workers")) as file:
        check("sync" not in file.read(), "there is a sync process")
    check(not os.path.exists(os.path.join(gateway.runtime, "pair")), "there is a folder for it")
