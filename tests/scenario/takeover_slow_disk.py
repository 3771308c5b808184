"""The epoch takes long to reach the disk: the connections are made meanwhile, and nothing is seen of them before."""

import contextlib
import os
import signal
import subprocess

from harness import check, process_lives, wait_until
from registry import scenario
from takeover_killed import epoch_is_saved, goes_on, waiting

SLOW_US = 1500000
OPEN = "109073: Failover: the door is open"


def threads(pid):
    return os.listdir("/proc/%d/task" % pid)


def is_traced(pid, thread):
    with open("/proc/%d/task/%s/status" % (pid, thread)) as file:
        return "TracerPid:\t0\n" not in file.read()


@contextlib.contextmanager
def slow_disk(host):
    """Whatever sync writes takes SLOW_US longer to reach the disk."""
    pid = host.sync()
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid), "-e", "trace=fsync",
                               "-e", "inject=fsync:delay_enter=%d" % SLOW_US], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: all(is_traced(pid, thread) for thread in threads(pid)), "sync is traced", 10)
        yield pid
    finally:
        # Asked to end, it would first wait for who is dead.
        tracer.kill()
        tracer.wait()


def restored_before_saved(place, mx1, mx2):
    place.lose(mx1)
    place.move(mx2)
    mx2.says("109066: ")
    check(not epoch_is_saved(mx2), "the disk is not slow")
    shown = mx2.show("failover")
    check(shown["this_host"]["state"] == "raising", "its state is " + shown["this_host"]["state"])
    check(mx2.said(OPEN) == 0, "the door is open before the epoch is saved")


@scenario
def takeover_slow_disk(world):
    """The sessions are there when the epoch is saved, and the door opens then."""
    place, mx1, mx2 = waiting(world)
    with slow_disk(mx2):
        restored_before_saved(place, mx1, mx2)
        mx2.says(OPEN)
    check(epoch_is_saved(mx2), "the door was opened before the epoch was saved")
    goes_on(place, mx2)
    at = mx2.show("failover")["takeover"]["phases"]
    check(at["restored_us"] < SLOW_US <= at["epoch_saved_us"] < at["door_opened_us"], "its times are %s" % at)


@scenario
def takeover_sync_killed_saving(world):
    """Sync dies while the connections wait for the epoch: the next one saves it, and makes none again."""
    place, mx1, mx2 = waiting(world)
    with slow_disk(mx2) as pid:
        restored_before_saved(place, mx1, mx2)
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not process_lives(pid), "sync is dead", 20)
    goes_on(place, mx2)
    check(mx2.said("109066: ") == 1, "they were made twice")
    check(epoch_is_saved(mx2), "the epoch was never saved")
