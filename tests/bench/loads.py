"""The loads, and what one run of one costs."""

import os
import subprocess
import time

from harness import Failure
from peers import postfix_program

TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    """Seconds of user and system time of a process, its threads and its children that have ended."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / TICK


def cpu_by_process(pids):
    return {pid: cpu_of(pid) for pid in pids}


def cpu_between(before, after):
    """A process that has ended meanwhile is counted by the parent that has reaped it."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


class Load:
    """smtp-source with some arguments; one unit is a message, or a megabyte of content."""

    def __init__(self, name, title, unit, count, size, sessions, reuse, slow_count=None):
        self.name = name
        self.title = title
        self.unit = unit
        self.count = count
        self.size = size
        self.sessions = sessions
        self.reuse = reuse
        self.slow_count = slow_count or count

    def messages(self, gateway, share):
        slow = gateway.name == "Postfix filter"
        return max(self.sessions, int((self.slow_count if slow else self.count) * share))

    def units(self, messages):
        return messages if self.unit == "message" else messages * self.size / 1e6

    def send(self, gateway, messages):
        """Seconds that it took; every message must have been accepted."""
        program, environment = postfix_program("smtp-source")
        words = [*gateway.reach, program, "-s", str(self.sessions), "-m", str(messages), "-l", str(self.size),
                 "-f", "a@example.org", "-t", "b@example.org"]
        words += ["-d"] if self.reuse else []
        accepted = gateway.messages() if hasattr(gateway, "messages") else 0
        start = time.monotonic()
        done = subprocess.run(words + ["%s:%d" % (gateway.address, gateway.port)], env=environment,
                              capture_output=True, text=True, timeout=600)
        seconds = time.monotonic() - start
        if done.returncode != 0:
            raise Failure("%s, %s: smtp-source: %s" % (gateway.name, self.name,
                                                       (done.stdout + done.stderr)[-300:]))
        if hasattr(gateway, "messages") and gateway.messages() - accepted != messages:
            raise Failure("%s, %s: not every message was accepted" % (gateway.name, self.name))
        return seconds

    def run(self, gateway, share):
        """(units a second, CPU microseconds of the gateway a unit)"""
        messages = self.messages(gateway, share)
        before = cpu_by_process(gateway.pids())
        seconds = self.send(gateway, messages)
        cpu = cpu_between(before, cpu_by_process(gateway.pids()))
        units = self.units(messages)
        return units / seconds, cpu / units * 1e6


LOADS = (
    Load("connections", "One message of 4 KB a connection, 20 at once", "message", 20000, 4096, 20,
         False, 4000),
    Load("reused", "Messages of 1 KB on reused connections, 20 at once", "message", 60000, 1024, 20,
         True, 8000),
    Load("bulk", "Messages of 2 MB on reused connections, 8 at once", "MB", 800, 2000000, 8, True,
         200),
)


def latency(build, gateway, count):
    """(p50, p99) of a transaction in microseconds, and of a command."""
    done = subprocess.run([*gateway.reach, os.path.join(build, "tests/bench/latency"), gateway.address,
                           str(gateway.port), str(count)], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise Failure("%s: %s" % (gateway.name, done.stderr.strip()))
    return tuple(float(word) for word in done.stdout.split())
