"""The gate of a pair in its place: what it holds and lets go, and what becomes of it when something dies."""

import os
import signal
import socket
import subprocess
import time

from harness import Failure, check, has_gate, process_lives, wait_until
from registry import Skip, scenario
from sync_pair import Mail, again, agree, held, paired, serve, steady
from two_hosts import pair

TABLE = "smtpguard_gate"

# linux/tcp.h
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ, TCP_REPAIR_OFF_NO_WP = 19, 20, 21, -1


def gated(world):
    if not has_gate(world.build):
        raise Skip("this build has no gate")
    wire, mx1, mx2 = pair(world)
    agree(mx1, mx2)
    mail = Mail(world, mx1)
    serve(mx1, mx2)
    paired(mx1, mx2)
    return wire, mx1, mx2, mail


def process(host, name="gate"):
    """Its pid; 0: there is none."""
    with open(os.path.join(host.runtime, "workers")) as file:
        lines = [line.split() for line in file.read().splitlines()[1:]]
    return next((int(line[2]) for line in lines if line[0] == name), 0)


def run(host, *words):
    return subprocess.run(host.prefix + list(words), capture_output=True, text=True)


def tables(host):
    """Those of the gate, by family."""
    listed = run(host, "nft", "list", "tables").stdout
    return [family for family in ("ip", "ip6") if "table %s %s\n" % (family, TABLE) in listed]


def figures(host):
    return {name[5:]: value for name, value in host.counters().items() if name.startswith("gate_")}


def counts(host, name, least):
    """Looked at ten times a second."""
    wait_until(lambda: figures(host)[name] >= least, "the gate has counted %d %s: %s" % (
        least, name, figures(host)))


def nothing_waits(host):
    """All was released, or another packet has said the same."""
    def is_left():
        counted = figures(host)
        return counted["held"] == counted["released"] + counted["superseded"]
    try:
        wait_until(is_left, "all that was held has left")
    except Failure as failure:
        raise Failure("%s: %s" % (failure, figures(host)))


def ended(host):
    """No kernel waits for an acknowledgement of a FIN that does not come."""
    def left():
        return [line for line in run(host, "ss", "-Htano").stdout.splitlines()
                if line.split()[0] in ("LAST-ACK", "FIN-WAIT-1", "CLOSING")]
    try:
        wait_until(lambda: not left(), "every connection has come to its end", 20)
    except Failure as failure:
        raise Failure("%s: %s" % (failure, left()[:4]))


def flow(mail, *more):
    return mail.source("--messages", -1, "--connections", 20, "--per-connection", 3, "--rate", 60,
                       "--sizes", "1k-64k", *more)


def passes(mail):
    """More mail comes through."""
    before = mail.sink.command("figures")["messages"]
    wait_until(lambda: mail.sink.command("figures")["messages"] > before + 20, "mail passes", 30)


def replaced(host, pid):
    wait_until(lambda: process(host) not in (0, pid) and process_lives(process(host)),
               "another smtpguard-gate is started", 20)


@scenario
def pair_gate_waits(world):
    """What a peer is told waits for the standby, and no connection ends otherwise than without a gate."""
    _, mx1, mx2, mail = gated(world)
    for name, family in (("gate", tables(mx1)), ("gate", tables(mx2))):
        check(family == ["ip", "ip6"], "%s: the rule stands in %s" % (name, family))
    mail.source("--messages", 400, "--connections", 20, "--per-connection", 3,
                "--body-sizes", "1k-64k:99,5m:1").finish()
    mail.exact()
    counts(mx1, "embryos_released", 134)
    nothing_waits(mx1)
    counted = figures(mx1)
    # Of each connection at least its last ACK and that of the server's leg.  What the standby has by the
    # time that the gate looks is late and not held, more of it the busier the host.
    check(counted["held"] > 0 and counted["held"] + counted["late"] >= 268, "few had to wait: %s" % counted)
    check(counted["embryos_refused"] + counted["given_up"] + counted["unplaced"] + counted["full"] + counted["unreadable"] == 0,
          "packets were lost: %s" % counted)
    ended(mx1)
    check(mx1.said("does not acknowledge") == 0, "the standby was given up: " + mx1.log_end())
    steady(mx1, mx2)
    for host in (mx1, mx2):
        pid = process(host)
        check(host.stop() == 0 and not process_lives(pid), "smtpguard-gate outlives a clean stop")
        check(tables(host) == [], "the rule outlives a clean stop")


def remember(wire, host, server, ports):
    """The server's ends of connections that a host which is lost had with it."""
    kept = []
    with wire.inside(host.group["node"]):
        for port in ports:
            kept.append(socket.socket())
            kept[-1].setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
            for queue in (1, 2):
                kept[-1].setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
                kept[-1].setsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ, 1000000 * queue)
            kept[-1].bind(server)
            kept[-1].connect((server[0], port))
            kept[-1].setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP)
    return kept


@scenario
def pair_gate_half_open(world):
    """A server that holds connections of a host which is lost, from the ports that this one takes (RFC 9293
    3.5.1): their end leaves, and the session gets its server."""
    wire, mx1, mx2, mail = gated(world)
    ports = range(40000, 40016)
    done = run(mx1, "sysctl", "-qw", "net.ipv4.ip_local_port_range=%d %d" % (ports[0], ports[-1]))
    check(done.returncode == 0, done.stderr)
    host, port = mail.SERVER.split(":")
    kept = remember(wire, mx1, (host, int(port)), ports)
    mail.source("--messages", 8, "--connections", 4, "--per-connection", 1, "--sizes", "1k").finish()
    mail.exact()
    dead = [one for one in kept if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0]
    check(len(dead) >= 4, "only %d of the server's old connections have ended" % len(dead))
    for one in kept:
        one.close()
    steady(mx1, mx2)


@scenario
def pair_gate_killed(world):
    """kill -9 of smtpguard-gate: another one goes on with what is committed, and no message is lost."""
    _, mx1, mx2, mail = gated(world)
    source = flow(mail)
    for _ in range(3):
        passes(mail)
        pid = process(mx1)
        os.kill(pid, signal.SIGKILL)
        replaced(mx1, pid)
        mx1.says("109065: Gate process (pid %d) ended" % pid)
    passes(mail)
    source.send("stop")
    mail.exact()
    steady(mx1, mx2)


@scenario
def pair_gate_and_supervisor(world):
    """kill -9 of the supervisor: the gate stays the same, and its table; an upgrade replaces smtpguard-gate."""
    _, mx1, mx2, mail = gated(world)
    source = flow(mail)
    idle = mail.source("--phase", "idle:40", "--sizes", "1k")
    wait_until(lambda: held(mx2) >= 40, "the standby holds them", 30)
    passes(mail)
    pid, before = process(mx1), figures(mx1)
    wait = again(mx1, mx2)
    mx1.kill_supervisor()
    mx1.start()
    wait()
    check(process(mx1) == pid and process_lives(pid), "smtpguard-gate is another one")
    paired(mx1, mx2)
    passes(mail)
    counts(mx1, "embryos_released", before["embryos_released"] + 1)
    wait = again(mx1, mx2)
    mx1.ctl("upgrade")
    mx1.says("109042: Upgrade complete")
    replaced(mx1, pid)
    wait()
    paired(mx1, mx2)
    passes(mail)
    for one in (source, idle):
        one.send("stop")
    mail.exact()


@scenario
def pair_gate_flushed(world):
    """A rule that somebody takes away is put back, and that is said."""
    _, mx1, mx2, mail = gated(world)
    for family in ("ip", "ip6"):
        done = run(mx1, "nft", "delete", "table", family, TABLE)
        check(done.returncode == 0, done.stderr)
    mx1.says("109063: Failover: the gate was gone, and is there again")
    wait_until(lambda: tables(mx1) == ["ip", "ip6"], "the rule is there")
    before = figures(mx1)["embryos_released"]
    mail.source("--messages", 30, "--connections", 5, "--per-connection", 3, "--sizes", "1k").finish()
    counts(mx1, "embryos_released", before + 10)
    mail.exact()


@scenario
def pair_gate_absent(world):
    """Where the kernel refuses a filter the host serves, and the other one is never told that it could."""
    wire, mx1, mx2 = pair(world)
    mx1.prefix = mx1.prefix + ["setpriv", "--bounding-set", "-bpf,-sys_admin", "--inh-caps",
                               "-bpf,-sys_admin"]
    agree(mx1, mx2)
    mail = Mail(world, mx1)
    serve(mx1, mx2)
    mx1.says("109064: Failover: there is no gate - ")
    shown = mx1.show("failover")["gate"]
    check(shown["state"] == "absent" and shown["fault"], "shown is %s" % shown)
    mail.source("--messages", 60, "--connections", 5, "--per-connection", 3, "--sizes", "1k-64k").finish()
    wait_until(lambda: mx2.show("failover")["log"]["acknowledged"] > 0, "the standby follows")
    time.sleep(2)
    for host, state in ((mx1, "degraded"), (mx2, "standby-catchup")):
        seen = host.show("failover")["this_host"]["state"]
        check(seen == state, "%s is %s" % (host.group["node"], seen))
    mail.exact()
