"""Much mail at once."""

import os
import subprocess

from harness import check
from peers import postfix_program
from registry import scenario

MIX = "1k-16k:900,16k-1m:99,50m:1"


@scenario
def smtp_source(world):
    """smtp-source -s 50 -m 20000 -l 4096 through two workers."""
    sink = world.sink()
    gateway = world.gate()
    count = 20000 if world.full else 4000
    host, port = world.listen.rsplit(":", 1)
    program, environment = postfix_program("smtp-source")
    done = subprocess.run([program, "-s", "50", "-m", str(count), "-l", "4096", "-f", "a@b.test",
                           "-t", "you@example.org", "%s:%s" % (host, port)],
                          capture_output=True, text=True, env=environment, timeout=300)
    check(done.returncode == 0, "smtp-source: " + (done.stdout + done.stderr)[-400:])
    figures = sink.command("figures")
    check(figures["messages"] == count and figures["violations"] == 0,
          "the sink has %s; %s" % (figures, sink.errors(5)))
    gateway.check_nothing_left()


@scenario
def mix_of_sizes(world):
    """mailsource's 50,000 messages (1 KB to 50 MB): ledger exact, nothing left."""
    sink = world.sink()
    gateway = world.gate()
    count, sizes = (50000, MIX) if world.full else (3000, "1k-16k:2700,16k-1m:299,50m:1")
    source, figures = world.mail_exactly(sink, "--messages", count, "--connections", 50,
                                         "--per-connection", 100, "--sizes", sizes)
    check(figures["given"] == count, "not all were accepted: %s" % figures)
    gateway.check_nothing_left()
    counters = gateway.counters()
    check(counters["messages_accepted"] == count,
          "messages_accepted is %d" % counters["messages_accepted"])
    descriptors = [len(os.listdir("/proc/%d/fd" % pid)) for pid in gateway.processes()]
    check(max(descriptors) < 100, "descriptors left: %s" % descriptors)
    world.ledgers(sink, source)


@scenario
def connection_per_message(world):
    """A connection for each message, many at once."""
    sink = world.sink()
    gateway = world.gate()
    count = 20000 if world.full else 3000
    source, figures = world.mail_exactly(sink, "--messages", count, "--connections", 100,
                                         "--per-connection", 1, "--sizes", "1k-4k")
    check(figures["given"] == count, "not all were accepted: %s" % figures)
    counters = gateway.counters()
    check(counters["sessions_accepted"] >= count, "sessions_accepted: %s" % counters)
    gateway.check_nothing_left()
    world.ledgers(sink, source)
