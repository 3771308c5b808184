"""Sees to it that there is a supervisor, as systemd does."""

import signal
import threading

RESTART_SECONDS = 0.1  # RestartSec= of the shipped unit
LOOK_SECONDS = 0.005


class Keeper(threading.Thread):
    """Starts the next one whenever one was killed; what ends by itself stays ended."""

    def __init__(self, gateway):
        super().__init__(daemon=True)
        self.gateway = gateway
        self.starts = 0
        self.ended = threading.Event()
        self.start()

    def run(self):
        while self.wait_killed() and not self.ended.wait(RESTART_SECONDS):
            self.gateway.launch()
            self.starts += 1

    def wait_killed(self):
        """False: nothing more is to be started."""
        process = self.gateway.process
        while process.poll() is None:
            if self.ended.wait(LOOK_SECONDS):
                return False
        return process.returncode == -signal.SIGKILL

    def end(self):
        self.ended.set()
        self.join()
