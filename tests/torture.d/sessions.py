"""Sessions in every phase, and an ordinary load beside them: their sources and their sink."""

import time

import phases
import policy
from harness import Failure, Sink, Source, check, compare_ledgers

# An ordinary load: so many sessions at once, of 3 messages each, so many messages a second.
LOAD = ("--messages", "-1", "--connections", 10, "--per-connection", 3, "--rate", 150)
LOAD_CHUNKED = 30   # of 100 messages
FULL_SECONDS = 60.0
RELEASE_PAUSE = 0.050


class Sessions:
    """Owns the sink and, once they are begun, both sources; a context manager."""

    def __init__(self, build, folder, server, server_banner, prefix=()):
        """Two addresses of the sink, which says no word on the second; prefix: what starts all of them
        in their place."""
        self.build, self.folder, self.prefix = build, folder, prefix
        self.sink = Sink(build, folder, [server, server_banner + ",banner=hold"], prefix=prefix)
        self.parts = [self.sink]

    def begin(self, listen, listen_banner, seed, load=LOAD, per_phase=phases.PER_PHASE, more=(),
              names=phases.NAMES):
        """The gateway's addresses before those of the sink; more: arguments of both sources; names: of
        the phases that sessions are held in."""
        self.per_phase, self.names = per_phase, names
        self.held = self.start("--sizes", "1k-8k", "--seed", seed,
                               "--body-sizes", "1k-16k:700,16k-1m:299,50m:1",
                               *self.wanted(listen_banner),
                               *policy.source_arguments(), *more, listen)
        self.load = self.start(*load, "--bdat", LOAD_CHUNKED, "--sizes", "1k-16k",
                               "--seed", seed + 1, *more, listen)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for part in self.parts[::-1]:
            part.__exit__()

    def start(self, *arguments):
        source = Source(self.build, self.folder, list(arguments), self.prefix)
        self.parts.append(source)
        return source

    def wanted(self, listen_banner):
        given = []
        for name in self.names:
            target = "@" + listen_banner if name == "banner" else ""
            given += ["--phase", "%s:%d%s" % (name, self.per_phase, target)]
        return given

    def held_counts(self):
        """Sessions by phase; where the sink must hold them, what it says counts too."""
        return phases.confirmed(self.held.command("status")["phases"], self.sink.command("status"))

    def fill(self, look=lambda: None):
        """Waits until every phase is full again; look() meanwhile."""
        end = time.monotonic() + FULL_SECONDS
        while True:
            look()
            counts = self.held_counts()
            if all(counts[name] == self.per_phase for name in self.names):
                return
            if time.monotonic() > end:
                few = phases.few(counts, self.names)
                check(not few, "phases do not fill up: %s" % ", ".join(few))
                return
            time.sleep(0.02)

    def loading(self):
        """The load has messages left."""
        return self.load.process.poll() is None

    def command_all(self, text):
        """To both sources; their answers."""
        answers = [self.held.command(text)]
        try:
            answers.append(self.load.command(text))
        except Failure:
            if self.loading():
                raise  # else its closing figures will tell
        return answers

    def sum(self, what):
        return sum(answer.get(what, 0) for answer in self.command_all("status"))

    def complaints(self):
        return [text for text in (self.held.errors(), self.load.errors(), self.sink.errors())
                if text]

    def release(self, rng=None, again=False):
        """All that is held goes on, phase after phase, so that silence is not the crowd's.  again:
        where the sink holds back, it alone is told; a session that is new may not have come to it,
        and would wait for something that nobody lets go."""
        groups = list(phases.RELEASES)
        if rng:
            rng.shuffle(groups)
        for names, hold in groups:
            told = () if hold and again else names
            for name in told:
                self.held.send("go " + name)
            if hold:
                self.sink.send("release " + hold)
                self.sink.read()
            for name in told:
                self.held.read()
            if rng:
                time.sleep(RELEASE_PAUSE)

    def go_on(self, rng):
        """All sessions, some of each phase before the others."""
        self.held.command("go own %d" % phases.MOTION)
        self.release(rng)
        self.sink.command("reset")

    def end_all(self):
        """Lets all sessions end; the closing figures of both sources."""
        if self.loading():
            self.load.send("stop")
        self.held.send("stop")
        while self.held.process.poll() is None or self.loading():
            self.sink.command("release")
            self.sink.command("reset")
            time.sleep(0.05)
        return self.held.finish(), self.load.finish()

    def compare(self):
        """Ends the sink; the closing line of the ledgers, which agree."""
        self.sink_figures = self.sink.stop()
        return compare_ledgers(
            self.build, [self.held.ledger, self.load.ledger], self.sink.ledger)
