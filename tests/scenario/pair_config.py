"""One configuration for both hosts of a pair: the active one says, the standby follows."""

import os
import signal
import socket

from harness import check, wait_until
from registry import scenario
from sync_pair import agree, paired
from two_hosts import pair

SERVER = "127.0.0.1:2526"


def running(host):
    return host.ctl("show running-config")


def same(mx1, mx2):
    check(running(mx1) == running(mx2), "they run by different ones:\n%s\n%s" % (running(mx1), running(mx2)))


def saved(host):
    status, text = host.ctl("show startup-config", fails=None)
    return text if status == 0 else None


def manager(host):
    return host.roles()["manager"]


def started(world, **changed):
    wire, mx1, mx2 = pair(world, **changed)
    agree(mx1, mx2)
    mx1.keepalived("MASTER")
    paired(mx1, mx2)
    return wire, mx1, mx2


@scenario
def pair_configured(world):
    """A change on the active holds on both; what is saved is saved on both; the standby takes none of its own."""
    wire, mx1, mx2 = started(world)
    mx1.configure(mx1.static("127.0.0.1:2525", SERVER), "hostname mx-pair")
    # Not some time later: before it was answered.
    same(mx1, mx2)
    check("hostname mx-pair" in running(mx2), "another one:" + running(mx2))
    said = mx2.ctl("configure terminal", "hostname other", "end", fails=True)
    check("failover: this host is the standby, change it on mx1" in said, "said: " + said)
    said = mx2.ctl("write memory", fails=True)
    check("change it on mx1" in said, "said: " + said)
    same(mx1, mx2)
    mx1.ctl("write memory")
    wait_until(lambda: saved(mx1) == saved(mx2), "it is saved on both")
    check("hostname mx-pair" in saved(mx2), "another one: " + saved(mx2))
    check(mx2.show("startup-config")["epoch"] == mx1.show("failover")["this_host"]["epoch"], "another epoch")
    mx1.ctl("write erase")
    wait_until(lambda: saved(mx2) is None, "it is erased on both")


@scenario
def pair_config_comes_back(world):
    """A standby that was away, or whose manager or sync process dies, has the active's configuration again."""
    wire, mx1, mx2 = started(world)
    mx1.configure("hostname first")
    mx1.ctl("write memory")
    wait_until(lambda: saved(mx1) == saved(mx2), "it is saved on both")
    mx2.stop()
    mx1.configure(mx1.static("127.0.0.1:2525", SERVER), "hostname second")
    mx1.ctl("write memory")
    mx2.start()
    wait_until(lambda: (running(mx1), saved(mx1)) == (running(mx2), saved(mx2)), "it has them again", 30)
    paired(mx1, mx2)
    os.kill(manager(mx2), signal.SIGKILL)
    mx1.configure("hostname third")
    wait_until(lambda: running(mx1) == running(mx2), "its next manager has it", 30)
    mx2.kill_sync()
    paired(mx1, mx2)
    mx1.configure("hostname fourth")
    wait_until(lambda: running(mx1) == running(mx2), "it has it behind its next sync process", 30)
    check(mx2.said("109091: ") == 0, "it was refused: " + mx2.log_end())


@scenario
def pair_config_refused(world):
    """What the standby cannot run by does not hold on the active either, and the reason is said."""
    wire, mx1, mx2 = started(world)
    mx1.configure("hostname before")
    with wire.inside("mx2"):
        busy = socket.create_server(("127.0.0.1", 2525))
    before = running(mx1)
    said = mx1.ctl("configure terminal", mx1.static("127.0.0.1:2525", SERVER), "end", fails=True)
    check("failover: the standby mx2 cannot run by it: static: cannot listen on 127.0.0.1:2525: "
          "Address already in use" in said, "said: " + said)
    mx2.says("109091: Failover: this host cannot take the running configuration of mx1 - static")
    check(running(mx1) == before == running(mx2), "it has changed")
    with wire.inside("mx1"):
        check(socket.socket().connect_ex(("127.0.0.1", 2525)) != 0, "it listens")
    busy.close()
    mx1.configure(mx1.static("127.0.0.1:2525", SERVER))
    same(mx1, mx2)


@scenario
def pair_config_unanswered(world):
    """A standby that does not answer: the change holds without it, and it follows later."""
    wire, mx1, mx2 = started(world)
    pid = manager(mx2)
    os.kill(pid, signal.SIGSTOP)
    mx1.configure("hostname alone")
    mx1.says("109093: Failover: mx2 has not said whether it can run by the change")
    check("hostname alone" in running(mx1), "it does not hold")
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: running(mx1) == running(mx2), "it follows", 30)


@scenario
def pair_config_strict(world):
    """With commit = strict such a change is refused, and the standby goes back."""
    wire, mx1, mx2 = started(world, mx1={"commit": "strict"}, mx2={"commit": "strict"})
    mx1.configure("hostname before")
    pid = manager(mx2)
    os.kill(pid, signal.SIGSTOP)
    said = mx1.ctl("configure terminal", "hostname after", "end", fails=True)
    os.kill(pid, signal.SIGCONT)
    check("failover: the standby mx2 does not answer, and commit = strict waits for it" in said, "said: " + said)
    check("hostname before" in running(mx1), "it holds")
    wait_until(lambda: running(mx1) == running(mx2), "both have the one before", 30)
