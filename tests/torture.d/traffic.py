"""Sessions in every phase through the gateway, and an ordinary load beside them."""

import os
import time

from harness import Gateway, Sink, Source, check, compare_ledgers, free_port

PHASES = ("banner", "commands", "envelope", "data", "final", "tls", "idle", "half-client",
          "half-server", "urgent", "reset-client", "reset-server")
PER_PHASE = 32   # some of them are set in motion just before a blow
MOTION = 4       # every fourth
AT_LEAST = 20    # in each phase at each blow
LOAD = 10
LOAD_RATE = 150  # messages a second
FULL_SECONDS = 30.0
RELEASE_PAUSE = 0.010

# What goes on together: phases, and what the sink holds back of them.
RELEASES = ((("banner",), "banner"), (("envelope",), "mail"), (("final", "half-client"), "final"),
            (("commands",), ""), (("data",), ""), (("tls",), ""), (("idle",), ""),
            (("half-server",), ""), (("urgent",), ""), (("reset-client",), ""))


class Traffic:
    """Owns gateway, sink and both sources; a context manager."""

    def __init__(self, build, folder, seed):
        self.build = build
        ports = [free_port() for _ in range(4)]
        listen, listen_banner, server, server_banner = ("127.0.0.1:%d" % p for p in ports)
        self.sink = Sink(build, folder, [server, server_banner + ",banner=hold"])
        self.gateway = Gateway(build, folder)
        self.parts = [self.sink]
        try:
            self.gateway.start()
            self.gateway.configure(self.gateway.static(listen, server),
                                   self.gateway.static(listen_banner, server_banner))
            held = []
            for phase in PHASES:
                target = "@" + listen_banner if phase == "banner" else ""
                held += ["--phase", "%s:%d%s" % (phase, PER_PHASE, target)]
            self.held = Source(build, folder, held + [
                "--sizes", "1k-8k", "--body-sizes", "1k-16k:700,16k-1m:299,50m:1",
                "--seed", seed, listen])
            self.parts.append(self.held)
            self.load = Source(build, folder, [
                "--messages", "-1", "--connections", LOAD, "--per-connection", 3,
                "--rate", LOAD_RATE, "--sizes", "1k-16k", "--seed", seed + 1, listen])
            self.parts.append(self.load)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for part in self.parts[::-1]:
            part.__exit__()
        self.gateway.kill()

    def held_counts(self):
        """Sessions by phase; where the sink must hold them, what it says counts too."""
        counts = self.held.command("status")["phases"]
        sink = self.sink.command("status")
        for phase, kind in (("banner", "banner"), ("envelope", "mail"), ("reset-server", "reset")):
            counts[phase] = min(counts[phase], sink[kind])
        final = sink["final"]
        if counts["final"] + counts["half-client"] > final:
            counts["final"] = max(0, final - counts["half-client"])
        return counts

    def fill(self):
        """Waits until every phase is full again."""
        end = time.monotonic() + FULL_SECONDS
        while True:
            counts = self.held_counts()
            if all(counts[phase] == PER_PHASE for phase in PHASES):
                return
            if time.monotonic() > end:
                check(all(counts[phase] >= AT_LEAST for phase in PHASES),
                      "phases do not fill up: %s" % counts)
                return
            time.sleep(0.02)

    def failures(self):
        return (self.held.command("status")["failed"] + self.load.command("status")["failed"])

    def complaints(self):
        return [text for text in (self.held.errors(), self.load.errors(), self.sink.errors())
                if text]

    def release(self, rng=None):
        """All that is held goes on, phase after phase, so that silence is not the crowd's."""
        groups = list(RELEASES)
        if rng:
            rng.shuffle(groups)
        for phases, kind in groups:
            for phase in phases:
                self.held.send("go " + phase)
            if kind:
                self.sink.send("release " + kind)
                self.sink.read()
            for phase in phases:
                self.held.read()
            if rng:
                time.sleep(RELEASE_PAUSE)

    def finish(self):
        """Lets all sessions end; the figures of both sources and of the sink, and the ledgers."""
        self.load.send("stop")
        self.held.send("stop")
        while self.held.process.poll() is None or self.load.process.poll() is None:
            self.sink.command("release")
            self.sink.command("reset")
            time.sleep(0.05)
        held, load = self.held.finish(), self.load.finish()
        self.gateway.check_nothing_left()
        counters = self.gateway.counters()
        sink = self.sink.stop()
        ledger = compare_ledgers(
            self.build, [self.held.ledger, self.load.ledger], self.sink.ledger)
        return held, load, sink, counters, ledger


def folder_of(workplace):
    path = os.path.join(workplace, "torture")
    os.makedirs(path)
    os.chmod(path, 0o755)
    return path
