"""What a run has come to: everything that is wrong, in one line."""

import os
import time

from harness import ROOT

SILENCE_MOST = 50.0    # ms, p99
NO_WORKER_MOST = 250.0 # ms, p99 of the worst blow that has killed the adopter too
GREETING_MOST = 1000.0 # ms, p99, of new sessions
CALM_MOST = 25.0       # ms, p99 without a blow: a machine busier than that cannot be judged by


class Verdict:
    def __init__(self, run, end, survival_only):
        """end: what Traffic.finish() has given."""
        self.run = run
        self.end = end
        self.failed = self._sum("failed")
        self.judged = run.calm_ms is not None and run.calm_ms <= CALM_MOST
        self.wrong = list(self._sessions()) + list(self._silence(survival_only))
        self.wrong += list(self._counters()) + list(self._sink()) + end.leaks

    def _sessions(self):
        if self.failed:
            yield "%d sessions failed" % self.failed
        if self.run.unreached:
            yield "%d failpoints were not reached" % self.run.unreached

    def _silence(self, survival_only):
        silence = self.end.held["silence_all_us"]["p99"] / 1000
        greeting = self.end.held["greeting_all_us"]["p99"] / 1000
        if not self.judged or survival_only:
            return
        if silence > SILENCE_MOST:
            yield "silence p99 is over %g ms" % SILENCE_MOST
        if max(self.run.no_worker_ms, default=0) > NO_WORKER_MOST:
            yield "silence p99 is over %g ms when no worker was left" % NO_WORKER_MOST
        if greeting > GREETING_MOST:
            yield "the wait for a greeting is over %g ms, p99" % GREETING_MOST

    def _counters(self):
        for name in ("sessions_poisoned", "sessions_invalid", "quarantine_files"):
            if self.end.counters.get(name, 0):
                yield "%s is %d" % (name, self.end.counters[name])

    def _sink(self):
        sink = self.end.sink
        # The TLS of a session that nobody held ends with its connection.
        violations = sink["violations"] - min(sink["cut"], self._sum("doomed"))
        if sink["differs"] or sink["foreign"] or violations:
            yield "the sink saw %d altered, %d foreign, %d violations" % (
                sink["differs"], sink["foreign"], violations)

    def _sum(self, what):
        return self.end.held[what] + self.end.load[what]

    def _silence_told(self):
        if self.run.calm_ms is None:
            return ""
        silence, greeting = self.end.held["silence_all_us"], self.end.held["greeting_all_us"]
        no_worker = self.run.no_worker_ms
        return "silence p50 %.1f, p99 %.1f, max %.1f ms (calm p99 %.1f%s)%s, greeting p99 %.1f ms; " % (
            silence["p50"] / 1000, silence["p99"] / 1000, silence["max"] / 1000, self.run.calm_ms,
            "" if self.judged else ": too busy to judge silence by",
            ", p99 of %d blows that left no worker at most %.1f ms" % (len(no_worker), max(no_worker))
            if no_worker else "", greeting["p99"] / 1000)

    def line(self, arguments, seconds):
        return "seed %d, %d blows in %.0f s: %s%d messages, %d sessions survived, %d adopted; %s" % (
            arguments.seed, self.run.blows, seconds, self._silence_told(),
            self._sum("given"), self._sum("done"),
            self.end.counters.get("sessions_adopted", 0),
            "all survived" if not self.wrong else "FAILED: " + "; ".join(self.wrong))

    def tell(self, arguments, seconds):
        """The closing lines; the exit code."""
        end = self.end
        for text in end.complaints if self.wrong else []:
            print(text)
        print(end.ledger)
        if self.run.least_seen:
            print("by the gateway's account at least: " + ", ".join(
                "%s %d" % pair for pair in sorted(self.run.least_seen.items())))
        print("messages given %d, refused %d; %d credentials intact; sessions that nobody held %d "
              "(%d ended by RST), lost before the first byte %d" % (
                  self._sum("given"), self._sum("refused"), end.sink["authenticated"],
                  self._sum("doomed"), self._sum("doomed_reset"), self._sum("unserved")))
        print(end.memory)
        line = self.line(arguments, seconds)
        print("verdict: %s: %s" % (arguments.mode, line))
        if arguments.record:
            with open(os.path.join(ROOT, "tests/torture.d/RESULTS.md"), "a") as results:
                results.write("* %s `%s`: %s\n" % (time.strftime("%Y-%m-%d"), arguments.mode, line))
        return 1 if self.wrong else 0
