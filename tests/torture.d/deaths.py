"""Workers of the host that takes over die within its first second."""

import os
import signal
import threading
import time

from harness import check, wait_until

WORKERS = 2         # of either host
SECOND = 1.0        # after the door was opened
OPENS_SECONDS = 20


class Deaths(threading.Thread):
    """kill -9 of one of them, or of all, some time after the host's door opens; to be made before it does."""

    def __init__(self, host, rng):
        super().__init__(daemon=True)
        self.host = host
        self.opened = self.count_opened()
        self.pids = list(host.workers().values())
        check(len(self.pids) == WORKERS, "not all workers are there: %s" % self.pids)
        if rng.random() < 0.5:
            self.pids = [rng.choice(self.pids)]
        self.delay = rng.uniform(0, SECOND)
        self.done = False
        self.start()

    def count_opened(self):
        return self.host.said("the door is open")

    def run(self):
        wait_until(lambda: self.count_opened() > self.opened, "the door is opened", OPENS_SECONDS, 0.005)
        time.sleep(self.delay)
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
        self.done = True

    def wait(self):
        """They are dead, and others are there; what was done."""
        self.join()
        check(self.done, "no worker was killed")
        wait_until(lambda: len(self.host.workers()) == WORKERS and
                   not set(self.pids) & set(self.host.workers().values()), "other workers are there", 30)
        return "%s killed %.0f ms after the door opened" % (
            "one worker" if len(self.pids) < WORKERS else "all workers", self.delay * 1000)
