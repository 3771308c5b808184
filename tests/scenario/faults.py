"""Workers that die, hang on a poisoned session, or are of another build."""

import os
import shutil
import signal
import socket
import time

from harness import Failure, check, process_lives, programs_copy, wait_until
from garbage import connect
from registry import Skip, scenario

MAGIC_OF_CRASH = b"XCRASHX"


def libexec_with(world, worker):
    """A folder with the manager and another worker in place of the usual one."""
    if not os.path.exists(os.path.join(world.build, "worker", worker)):
        raise Skip("%s was not built" % worker)
    return programs_copy(world.build, os.path.join(world.folder, "libexec"), worker)


def held(world, phases, count):
    """Sessions in the phases, all of them held."""
    arguments = []
    for phase in phases:
        arguments += ["--phase", "%s:%d" % (phase, count)]
    source = world.source(*arguments, "--sizes", "1k-64k", world.listen)
    wait_until(lambda: all(source.command("status")["phases"][p] == count for p in phases),
               "%d sessions in each of %s" % (count, ", ".join(phases)), 20)
    return source


def poison(listen):
    """A session that kills its workers; what it was told at its end."""
    with connect(listen, 30) as session:
        said = session.recv(4096)
        check(said.startswith(b"220"), "no greeting: %r" % said)
        session.sendall(b"EHLO client.test\r\n")
        wait_for(session, b"250 ")
        session.sendall(MAGIC_OF_CRASH + b"\r\n")
        return read_all(session)


@scenario
def worker_killed(world):
    """kill -9 of each worker in turn: its sessions go on at the other, it comes back."""
    sink = world.sink()
    gateway = world.gate()
    phases = ("commands", "data", "tls", "idle", "urgent")
    source = held(world, phases, 10)
    for index in (0, 1, 0):
        pid = gateway.workers()[index]
        os.kill(pid, 9)
        wait_until(lambda: len(gateway.workers()) == 2 and pid not in gateway.workers().values(),
                   "the worker is replaced")
    check(gateway.counters()["sessions_adopted"] > 0, "nothing was adopted")
    figures = source.stop()
    check(figures["failed"] == 0, "sessions did not survive: " + source.errors(4))
    gateway.check_nothing_left()
    world.ledgers(sink, source)


@scenario
def worker_stopped(world):
    """A worker that does not move is ended; only then another one has its sessions."""
    sink = world.sink()
    gateway = world.gate()
    source = held(world, ("data", "tls", "idle", "urgent"), 10)
    pid = gateway.workers()[0]
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: gateway.workers().get(0, pid) != pid, "the worker is replaced", 60)
    check(not process_lives(pid), "it lives still")
    wait_until(lambda: "-109016: " in gateway.log(), "it is said that it hung")
    check(gateway.counters()["sessions_adopted"] > 0, "nothing was adopted")
    figures = source.stop()
    check(figures["failed"] == 0, "sessions did not survive: " + source.errors(4))
    gateway.check_nothing_left()
    world.ledgers(sink, source)


@scenario
def poisoned_session(world):
    """A session that kills its workers: it alone is ended with 421, and quarantined."""
    sink = world.sink()
    gateway = world.gate(libexec=libexec_with(world, "smtpguard-worker-crash"))
    source = held(world, ("commands", "data", "tls", "idle"), 10)
    said = poison(world.listen)
    check(said.startswith(b"421 4.3.0"), "the poisoned session was told %r" % said)
    wait_until(lambda: gateway.counters()["sessions_poisoned"] == 1, "it is counted")
    quarantine = os.path.join(gateway.state, "quarantine")
    files = wait_until(lambda: os.listdir(quarantine), "a quarantine file")
    check(len(files) == 1, "quarantine holds %s" % files)
    check(os.stat(os.path.join(quarantine, files[0])).st_mode & 0o777 == 0o600, "not 0600")
    check(gateway.counters()["workers_died_fault"] == 2, "it took not two deaths")
    wait_until(lambda: len(gateway.workers()) == 2, "both workers are back", 20)
    figures = source.stop()
    check(figures["failed"] == 0, "others were hurt: " + source.errors(4))
    gateway.check_nothing_left()
    world.ledgers(sink, source)


def wait_for(connection, text):
    said = b""
    while text not in said:
        part = connection.recv(4096)
        if not part:
            raise Failure("ended after %r" % said)
        said += part
    return said


def read_all(connection):
    said = b""
    try:
        while True:
            part = connection.recv(4096)
            if not part:
                return said
            said += part
    except (socket.timeout, ConnectionResetError):
        return said


@scenario
def adopter_of_another_build(world):
    """The adopter has other texts and another clock: what was committed leaves as it was."""
    sink = world.sink()
    libexec = libexec_with(world, "smtpguard-worker")
    gateway = world.gate(libexec=libexec)
    source = held(world, ("commands", "data", "tls", "idle"), 10)
    # A second program in place of the first: the next worker to start is of that kind.
    replacement = os.path.join(libexec, "smtpguard-worker.new")
    other = os.path.join(world.build, "worker/smtpguard-worker-other")
    if not os.path.exists(other):
        raise Skip("smtpguard-worker-other was not built")
    shutil.copy(other, replacement)
    os.rename(replacement, os.path.join(libexec, "smtpguard-worker"))
    for index in (0, 1):
        pid = gateway.workers()[index]
        os.kill(pid, 9)
        wait_until(lambda: len(gateway.workers()) == 2 and pid not in gateway.workers().values(),
                   "the worker is replaced")
        time.sleep(0.2)
    figures = source.stop()
    check(figures["failed"] == 0, "sessions did not survive: " + source.errors(4))
    gateway.check_nothing_left()
    world.ledgers(sink, source)
