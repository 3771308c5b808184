"""Other programs in place of those that run."""

import os
import shutil
import signal
import time

from faults import held
from harness import Gateway, check, free_port, process_lives, wait_until
from registry import Skip, scenario, swaks
from supervisor import EACH, PHASES, all_survived, let_end

PLACES = {"smtpguardd": "daemon/supervisor", "smtpguard-manager": "daemon/manager",
          "smtpguard-worker": "worker"}


def install(world, suffix="", **others):
    """The programs of a build, each put in place at once, as a package does."""
    folder = os.path.join(world.folder, "programs")
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o755)
    for name, place in PLACES.items():
        source = others.get(name.replace("-", "_"),
                            os.path.join(world.build, place, name + suffix))
        if not os.path.exists(source):
            raise Skip("%s was not built" % source)
        shutil.copy(source, os.path.join(folder, name + ".new"))
        os.rename(os.path.join(folder, name + ".new"), os.path.join(folder, name))
    return folder


def upgradable(world, suffix=""):
    """A gateway out of a folder of its own, with sessions that are held."""
    sink = world.sink()
    folder = install(world, suffix)
    gateway = Gateway(world.build, world.folder, libexec=folder)
    gateway.supervisor = os.path.join(folder, "smtpguardd")
    world.gateways.append(world.keep(gateway))
    gateway.start()
    world.listen = "127.0.0.1:%d" % free_port()
    gateway.configure(gateway.static(world.listen, world.server), "hostname unsaved-name")
    return sink, gateway, held(world, PHASES, EACH)


def loaded(world):
    """More sessions, which come and go."""
    return world.source("--messages", -1, "--connections", 10, "--per-connection", 3, "--rate", 100,
                        "--sizes", "1k-64k", "--seed", 2, world.listen)


def programs(gateway):
    """What the processes run, by pid."""
    found = {}
    for pid in gateway.processes():
        try:
            found[pid] = os.readlink("/proc/%d/exe" % pid)
        except OSError:
            pass
    return found


def upgrade(gateway):
    text = gateway.ctl("upgrade")
    check("Upgrading" in text, "`upgrade` said: " + text)


def complete(gateway, seconds=30):
    wait_until(lambda: "-109042: " in gateway.log(), "the upgrade is complete", seconds)
    old = [path for path in programs(gateway).values() if "(deleted)" in path]
    check(not old, "old programs are left: %s" % old)
    wait_until(lambda: all(process_lives(pid) for pid in gateway.processes()),
               "those that have ended are reaped")


def forget_log(gateway):
    with open(gateway.log_path, "w"):
        pass


def check_upgrade(world, suffix, times=1):
    sink, gateway, source = upgradable(world)
    load = loaded(world)
    for _ in range(times):
        before = gateway.workers()
        pid = gateway.process.pid
        install(world, suffix)
        forget_log(gateway)
        upgrade(gateway)
        complete(gateway)
        check(gateway.process.pid == pid and gateway.process.poll() is None,
              "the supervisor is another process")
        log = gateway.log()
        check("-109044: " in log and log.count("-109043: ") == 2, "what was replaced is not told")
        check("-109010: " not in log and "-109017: " not in log, "it is told as deaths")
        after = gateway.workers()
        check(len(after) == 2 and not set(after.values()) & set(before.values()),
              "not all workers were replaced: %s, %s" % (before, after))
        code, text = swaks(world.listen)
        # The other build writes its own text in capitals.
        check(code == 0 and "unsaved-name" in text.lower(), "no new session: " + text[-300:])
    counters = gateway.counters()
    check(counters["sessions_lost"] == 0 and counters["sessions_invalid"] == 0, "sessions were lost")
    all_survived(world, sink, gateway, source, load)
    check(gateway.stop() == 0, "the clean stop failed")


@scenario
def upgrade_same(world):
    """To the same build, again and again: supervisor, manager, workers; no session is lost."""
    check_upgrade(world, "", 10 if world.full else 2)


@scenario
def upgrade_next(world):
    """To a build with other texts, another clock, and records of the next version."""
    check_upgrade(world, "-next")


def check_drained(world, old, new):
    """The old workers carry on till they are empty, and new sessions do not keep them from it."""
    sink, gateway, source = upgradable(world, old)
    load = loaded(world)
    before = gateway.workers()
    install(world, new)
    upgrade(gateway)
    wait_until(lambda: "took over" in gateway.log(), "the new supervisor has taken over")
    wait_until(lambda: gateway.ctl("show version", fails=None)[0] == 0, "a manager answers")
    code, text = swaks(world.listen)
    check(code == 0, "no new session: " + text[-300:])
    time.sleep(1.0)
    check(gateway.workers() == before, "workers with sessions were replaced")
    check("-109042: " not in gateway.log(), "the upgrade is said to be complete")
    held_figures, = let_end(sink, source)
    check(held_figures["failed"] == 0, "sessions did not survive: " + source.errors(4))
    # New sessions come all the time; yet no worker is kept from being empty once.
    complete(gateway)
    load_figures, = let_end(sink, load)
    check(load_figures["failed"] == 0, "sessions did not survive: " + load.errors(4))
    check(not set(gateway.workers().values()) & set(before.values()), "old workers are left")
    code, text = swaks(world.listen)
    check(code == 0, "no new session afterwards: " + text[-300:])
    gateway.check_nothing_left()
    world.ledgers(sink, source, load)


@scenario
def upgrade_far(world):
    """To a build that cannot convert the records: the old workers carry on till they are empty."""
    check_drained(world, "", "-far")


@scenario
def upgrade_back(world):
    """Back to a build that does not know the records yet: likewise."""
    check_drained(world, "-far", "")


@scenario
def upgrade_refused(world):
    """A program that does not fit, or cannot run: it is named, and everything goes on as it was."""
    sink, gateway, source = upgradable(world)
    load = loaded(world)
    before = {**gateway.workers(), "manager": gateway.show("version")["manager_pid"]}
    bad = os.path.join(world.folder, "bad")
    for content in ("#!/bin/sh\nexit 1\n", "no program\n"):
        with open(bad, "w") as file:
            file.write(content)
        os.chmod(bad, 0o755)
        folder = install(world, smtpguard_worker=bad)
        forget_log(gateway)
        upgrade(gateway)
        wait_until(lambda: "-109041: " in gateway.log(), "the upgrade is refused")
        check(os.path.join(folder, "smtpguard-worker") in gateway.log(), "it is not said by whom")
        after = {**gateway.workers(), "manager": gateway.show("version")["manager_pid"]}
        check(after == before, "other processes: %s, %s" % (before, after))
        code, text = swaks(world.listen)
        check(code == 0, "no new session: " + text[-300:])
    all_survived(world, sink, gateway, source, load)


@scenario
def upgrade_refused_configuration(world):
    """A configuration file of which the next process would end: likewise."""
    sink, gateway, source = upgradable(world)
    before = {**gateway.workers(), "manager": gateway.show("version")["manager_pid"]}
    with open(gateway.conf) as file:
        good = file.read()
    with open(gateway.conf, "a") as file:
        file.write("workres = 3;\n")
    upgrade(gateway)
    wait_until(lambda: "-109041: " in gateway.log(), "the upgrade is refused")
    check("workres: unknown key" in gateway.log(), "the error is not named")
    check(gateway.process.poll() is None, "the supervisor has ended")
    after = {**gateway.workers(), "manager": gateway.show("version")["manager_pid"]}
    check(after == before, "other processes: %s, %s" % (before, after))
    with open(gateway.conf, "w") as file:
        file.write(good)
    upgrade(gateway)
    complete(gateway)
    all_survived(world, sink, gateway, source)


POINTS = ("upgrade_flushed", "upgrade_noted", "collect_memory", "collect_workers", "collect_slots",
          "collect_sockets", "collect_listeners", "collect_greeted", "collect_answered",
          "collect_settled", "launch_held", "launch_noted", "upgrade_replaces")


@scenario
def upgrade_failpoints(world):
    """The supervisor dies at each step of an upgrade: the next one goes on with it.

    Without a load: a connection that it has accepted and given to nobody dies with it.
    """
    world.needs_failpoints()
    sink, gateway, source = upgradable(world)
    for point in POINTS:
        before = gateway.workers()
        install(world)
        forget_log(gateway)
        gateway.ctl("test failpoint supervisor %s 1" % point)
        upgrade(gateway)
        gateway.process.wait(30)
        check(gateway.process.returncode == -signal.SIGKILL,
              "%s: it ended with %d" % (point, gateway.process.returncode))
        gateway.start()
        if point == "upgrade_flushed":
            # Nothing was noted yet: no upgrade is under way.
            check(gateway.workers() == before, "other workers: %s" % gateway.workers())
            upgrade(gateway)
        complete(gateway)
        check(not set(gateway.workers().values()) & set(before.values()), "old workers are left")
        code, text = swaks(world.listen)
        check(code == 0, "%s: no new session: %s" % (point, text[-300:]))
        check(gateway.counters()["sessions_lost"] == 0, point + ": sessions were lost")
    all_survived(world, sink, gateway, source)
