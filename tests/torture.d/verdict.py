"""What a run has come to: everything that is wrong, in one line."""

import os
import time

from harness import ROOT

SILENCE_MOST = 50.0    # ms, p99
CALM_MOST = 25.0       # ms, p99 without a blow: a machine busier than that cannot be judged by


class Verdict:
    def __init__(self, run, end, survival_only):
        """end: what Traffic.finish() has given."""
        self.run = run
        self.end = end
        self.failed = end.held["failed"] + end.load["failed"]
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
        if self.judged and not survival_only and silence > SILENCE_MOST:
            yield "silence p99 is over %g ms" % SILENCE_MOST

    def _counters(self):
        for name in ("sessions_poisoned", "sessions_invalid", "quarantine_files"):
            if self.end.counters.get(name, 0):
                yield "%s is %d" % (name, self.end.counters[name])

    def _sink(self):
        sink = self.end.sink
        if sink["differs"] or sink["foreign"] or sink["violations"]:
            yield "the sink saw %d altered, %d foreign, %d violations" % (
                sink["differs"], sink["foreign"], sink["violations"])

    def _silence_told(self):
        if self.run.calm_ms is None:
            return ""
        silence = self.end.held["silence_all_us"]
        return "silence p50 %.1f, p99 %.1f, max %.1f ms (calm p99 %.1f%s); " % (
            silence["p50"] / 1000, silence["p99"] / 1000, silence["max"] / 1000, self.run.calm_ms,
            "" if self.judged else ": too busy to judge silence by")

    def line(self, arguments, seconds):
        return "seed %d, %d blows in %.0f s: %s%d messages, %d sessions survived, %d adopted; %s" % (
            arguments.seed, self.run.blows, seconds, self._silence_told(),
            self.end.held["given"] + self.end.load["given"],
            self.end.held["done"] + self.end.load["done"],
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
        print("messages given %d, refused %d; %d credentials intact" % (
            end.held["given"] + end.load["given"], end.held["refused"] + end.load["refused"],
            end.sink["authenticated"]))
        print(end.memory)
        line = self.line(arguments, seconds)
        print("verdict: %s: %s" % (arguments.mode, line))
        if arguments.record:
            with open(os.path.join(ROOT, "tests/torture.d/RESULTS.md"), "a") as results:
                results.write("* %s `%s`: %s\n" % (time.strftime("%Y-%m-%d"), arguments.mode, line))
        return 1 if self.wrong else 0
