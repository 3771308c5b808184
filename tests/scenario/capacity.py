"""How much an idle session costs."""

import time

from harness import Failure, check, wait_until
from registry import scenario

BUDGET = 4096  # bytes a session


def pss(pids):
    """Proportional set size of the processes together, bytes."""
    total = 0
    for pid in pids:
        with open("/proc/%d/smaps_rollup" % pid) as file:
            for line in file:
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def measured(gateway):
    return pss(gateway.processes())


def chunks_in_use(gateway):
    version = gateway.show("version")
    return version["chunks"] - version["chunks_free"]


@scenario
def idle_memory(world):
    """Idle sessions over two workers cost at most 4 KiB each, while mail flows beside them."""
    count = 9000 if world.full else 2000
    sink = world.sink()
    gateway = world.gate()
    # Warm: the event rings have gone round once, so that they do not count as sessions.
    world.mail_exactly(sink, "--messages", 3000, "--connections", 20, "--per-connection", 1)
    gateway.check_nothing_left()
    without = measured(gateway)
    source = world.source("--phase", "idle:%d" % count, "--sizes", "1k", world.listen)
    wait_until(lambda: source.command("status")["phases"]["idle"] == count,
               "%d idle sessions" % count, 60)
    wait_until(lambda: chunks_in_use(gateway) == 0, "the idle have given their chunks back", 30)
    time.sleep(1)
    cost = (measured(gateway) - without) / count
    beside, figures = world.mail_exactly(sink, "--messages", 500, "--connections", 20, "--seed", 9)
    check(figures["given"] == 500, "mail does not flow beside them")
    check(cost <= BUDGET, "an idle session costs %.0f bytes" % cost)
    wait_until(lambda: gateway.counters()["slots_in_use"] == count, "%d slots in use" % count, 30)
    if source.command("status")["failed"]:
        raise Failure("idle sessions were ended: " + source.errors(3))
    source.stop()
    gateway.check_nothing_left(60)
