"""Candidate, commit, confirm timer and rollback, alone and in a pair, through the programs that people use."""

import os
import signal
import time

from harness import check, process_lives, wait_until
from pair_config import running, same, started
from registry import scenario, swaks

TAKEN_BACK = "109052: The commit of root was not confirmed in time and is taken back"


def collect(host, *lines):
    host.ctl("configure candidate", *lines, "end")


def left(host):
    """Seconds until what is not confirmed is taken back; None: everything is."""
    confirm = host.show("candidate")["confirm"]
    return confirm["seconds_left"] if confirm else None


def candidate(host):
    """Its lines; None: there is none."""
    found = host.show("candidate")["candidate"]
    return found["lines"] if found else None


def kill_manager(host):
    pid = host.roles()["manager"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not process_lives(pid) and host.ctl("show version", fails=None)[0] == 0 and
               host.roles()["manager"] != pid, "another manager answers")


def takes_over(lost, by):
    """All processes of a host are killed; the other one serves."""
    pids = lost.processes()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    lost.process.wait()
    by.keepalived("MASTER")
    wait_until(lambda: by.show("failover")["this_host"]["state"] == "degraded", "it serves", 30)


@scenario
def candidate_committed(world):
    """Lines are collected, shown, checked, committed whole, and rolled back; a manager that dies loses none."""
    world.sink()
    gateway = world.gate()
    before = running(gateway)
    collect(gateway, "hostname mx-new", "policy-map type inspect esmtp strict", "parameters",
            "mask-banner classic", "exit", "exit", "policy-map global_policy", "class inspection_default",
            "inspect esmtp strict")
    check(running(gateway) == before, "a line of the candidate is live")
    kill_manager(gateway)
    check("hostname mx-new" in candidate(gateway), "the candidate is lost")
    said = gateway.ctl("configure candidate", "hostname nonsense words", fails=True)
    check("Invalid input detected at '^' marker" in said, "said: " + said)
    diff = gateway.ctl("show configuration diff")
    check("-hostname smtpguard\n+hostname mx-new\n" in diff and "+  inspect esmtp strict\n" in diff, diff)
    check("The candidate can run" in gateway.ctl("commit check"), "it cannot run")
    check("Commit complete: +" in gateway.ctl("commit"), "it was not committed")
    check("hostname mx-new" in running(gateway), running(gateway))
    check("*" in swaks(world.listen)[1].split("220 ", 1)[1][:60], "it does not run by it")
    check(candidate(gateway) is None, "there is a candidate still")
    kill_manager(gateway)
    gateway.ctl("rollback 1", "commit")
    check(running(gateway) == before, "another one: " + running(gateway))
    history = gateway.show("configuration history")["history"]
    check([entry["number"] for entry in history] == [1, 2], "history: %s" % history)


@scenario
def candidate_unconfirmed(world):
    """commit confirmed: live at once, saved by nobody, and taken back in time whatever dies meanwhile."""
    world.sink()
    gateway = world.gate()
    gateway.ctl("write memory")
    before = running(gateway)
    collect(gateway, "hostname mx-trial")
    gateway.ctl("commit confirmed 1")
    check("hostname mx-trial" in running(gateway), "it is not live")
    began = time.monotonic()
    said = gateway.ctl("write memory", fails=True)
    check("is not confirmed: it is taken back in " in said, "said: " + said)
    kill_manager(gateway)
    check(0 < left(gateway) <= 60, "%s s are left" % left(gateway))
    gateway.kill_supervisor()
    gateway.start()
    check("hostname mx-trial" in running(gateway), "it was taken back too early")
    check(0 < left(gateway) <= 60, "%s s are left" % left(gateway))
    wait_until(lambda: running(gateway) == before, "it is taken back", 90)
    took = time.monotonic() - began
    check(58 < took < 75, "after %.0f s" % took)
    wait_until(lambda: TAKEN_BACK in gateway.log(), "it is told")
    check(left(gateway) is None, "it is taken back once more")
    gateway.ctl("rollback 1", "commit confirmed 1", "commit")
    check("hostname mx-trial" in running(gateway) and left(gateway) is None, "it is not confirmed")
    gateway.ctl("write memory")


@scenario
def pair_candidate(world):
    """Candidate and confirm timer are on the standby; after a takeover it goes on with both, and takes back."""
    wire, mx1, mx2 = started(world)
    mx1.configure("hostname before")
    collect(mx1, "hostname trial")
    wait_until(lambda: candidate(mx2) == candidate(mx1), "it is on both")
    for line in ("commit", "rollback 1", "clear candidate"):
        said = mx2.ctl(line, fails=True)
        check("failover: this host is the standby, change it on mx1" in said, "said: " + said)
    mx1.ctl("commit confirmed 1")
    began = time.monotonic()
    same(mx1, mx2)
    check("hostname trial" in running(mx2), running(mx2))
    check(left(mx2) is not None, "the standby does not know that it may be taken back")
    collect(mx1, "hostname draft")
    wait_until(lambda: candidate(mx2) == candidate(mx1), "the next candidate is on both")
    check(mx2.show("candidate")["candidate"]["outdated"] is False, "it began with something else there")
    kill_manager(mx2)
    takes_over(mx1, mx2)
    check("hostname draft" in candidate(mx2) and "hostname trial" in running(mx2), running(mx2))
    check(0 < left(mx2) <= 60 - int(time.monotonic() - began) + 2, "%s s are left" % left(mx2))
    wait_until(lambda: "hostname before" in running(mx2), "it is taken back there", 90)
    took = time.monotonic() - began
    check(58 < took < 80, "after %.0f s" % took)
    mx2.says(TAKEN_BACK)
    mx1.start()
    wait_until(lambda: running(mx1) == running(mx2) and candidate(mx1) == candidate(mx2),
               "the other one has them when it is back", 30)
    check(left(mx1) is None, "it would take back")


@scenario
def pair_candidate_confirmed(world):
    """What is confirmed on the active is confirmed on both: a takeover at once behind it takes nothing back."""
    wire, mx1, mx2 = started(world)
    mx2.stop()
    collect(mx1, "hostname kept")
    mx1.ctl("commit confirmed 5")
    collect(mx1, "hostname draft")
    mx2.start()
    wait_until(lambda: left(mx2) is not None and candidate(mx2) == candidate(mx1), "a late standby has them", 30)
    wait_until(lambda: mx1.show("failover")["this_host"]["state"] == "active", "they are synced", 30)
    check(abs(left(mx1) - left(mx2)) <= 2, "%s s and %s s are left" % (left(mx1), left(mx2)))
    mx1.ctl("clear candidate", "commit")
    check(left(mx2) is None, "the standby did not know it when it was answered")
    takes_over(mx1, mx2)
    check("hostname kept" in running(mx2) and left(mx2) is None and candidate(mx2) is None, running(mx2))
