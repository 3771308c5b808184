"""What a message through a pair costs beside the same message through one host, and how that is told."""

import datetime
import os
import platform
import resource
import statistics
from collections import Counter

import loads
import profiling
from pair_hosts import process_name, softirq_threads
from report import cpu_model

TITLE = "# What a pair costs"
AIMS = {"connections": 2.5, "reused": 2.0, "bulk": 3.0}
AIM_LATENCY_US = 150
SHARE = 0.3  # of the messages of the other bench: a round is two of everything
LATENCY_COUNT = 3000
ROUND_TRIPS = 5000
SYNC_COUNTERS = ("sync_bytes_plain", "sync_bytes_fast", "sync_bytes_normal", "sync_bytes_sent")


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def by_name(before, after):
    """process -> seconds"""
    spent = Counter()
    for pid, seconds in after.items():
        spent[process_name(pid)] += seconds - before.get(pid, 0.0)
    return spent


class Meter:
    """What everybody has used from its making on."""

    def __init__(self, scene, subject):
        self.scene, self.subject = scene, subject
        self.groups = {"gateway": subject.pids(), "sink": scene.sink_pids(), "softirq": softirq_threads()}
        if subject.name == "pair":
            self.groups["standby"] = subject.standby.processes()
            self.link = subject.link_bytes()
            self.counters = subject.counters()
        self.before = {name: loads.cpu_by_process(pids) for name, pids in self.groups.items()}
        self.children = children_seconds()

    def read(self):
        """(group -> seconds, process of the gateway -> seconds)"""
        children = children_seconds() - self.children
        after = {name: loads.cpu_by_process(pids) for name, pids in self.groups.items()}
        spent = {name: loads.cpu_between(self.before[name], after[name]) for name in after}
        spent["client"] = children
        return spent, by_name(self.before["gateway"], after["gateway"])

    def sync(self):
        """Bytes on the cable, and sync's own counters."""
        counters = self.subject.counters()
        found = {name: counters[name] - self.counters[name] for name in SYNC_COUNTERS}
        return {"link": self.subject.link_bytes() - self.link, **found}


def run(scene, subject, load, share):
    """One run: a dict of figures, each for a unit of the load (microseconds, or bytes for a byte of content)."""
    messages = load.messages(subject, share)
    units = load.units(messages)
    meter = Meter(scene, subject)
    seconds = load.send(subject, messages)
    spent, processes = meter.read()
    figures = {"rate": units / seconds}
    figures.update(("cpu " + name, used / units * 1e6) for name, used in spent.items())
    figures.update(("process " + name, used / units * 1e6) for name, used in processes.items())
    if subject.name == "pair":
        mail = messages * load.size
        figures.update(("bytes " + name, value / mail) for name, value in meter.sync().items())
    return figures


class Results:
    """(load, subject) -> one dict of figures a round."""

    def __init__(self):
        self.rounds = {}

    def add(self, load, subject, figures):
        self.rounds.setdefault((load, subject), []).append(figures)

    def median(self, load, subject, figure):
        return statistics.median(one.get(figure, 0.0) for one in self.rounds[load, subject])

    def spread(self, load, subject, figure):
        """(least, most)"""
        values = [one[figure] for one in self.rounds[load, subject]]
        return min(values), max(values)

    def names(self, load, subject, kind):
        found = {name for one in self.rounds[load, subject] for name in one if name.startswith(kind + " ")}
        return sorted(found, key=lambda name: -self.median(load, subject, name))

    def has(self, load):
        return any(name == load for name, _ in self.rounds)


def measure(scene, wanted, rounds, share, results):
    """A, B, A, B ...: what else the machine does meets both."""
    for turn in range(rounds):
        for subject in scene.subjects():
            for load in loads.LOADS:
                if load.name in wanted:
                    results.add(load.name, subject.name, run(scene, subject, load, SHARE * share))
            if "latency" in wanted:
                p50, p99, command50, command99 = loads.latency(
                    scene.world.build, subject, int(LATENCY_COUNT * share))
                results.add("latency", subject.name,
                            {"p50": p50, "p99": p99, "command50": command50, "command99": command99})
        if "latency" in wanted:
            p50, p99 = scene.pair.round_trip(int(ROUND_TRIPS * share))
            results.add("latency", "round trip", {"p50": p50, "p99": p99})
        scene.pair.check_whole()
        yield turn


def profile(scene, wanted, share, folder):
    """load -> process -> part -> samples, of the active host."""
    found = {}
    for load in loads.LOADS:
        if load.name in wanted:
            with profiling.Recording(scene.pair.pids(), folder) as recording:
                load.send(scene.pair, load.messages(scene.pair, SHARE * share))
            found[load] = profiling.shares(recording)
    return found


# ---- what is told ----

def verdict(value, aim):
    return "%.2f (aim %.1f: %s)" % (value, aim, "kept" if value <= aim else "missed")


def load_row(results, load):
    alone, both = (results.median(load.name, name, "cpu gateway") for name in ("standalone", "pair"))
    ratios = [b["cpu gateway"] / a["cpu gateway"] for a, b in zip(
        results.rounds[load.name, "standalone"], results.rounds[load.name, "pair"])]
    return "| %s | %.1f | %.1f | %s | %.2f-%.2f | %.0f | %.0f |" % (
        load.title, alone, both, verdict(both / alone, AIMS[load.name]), min(ratios), max(ratios),
        results.median(load.name, "standalone", "rate"), results.median(load.name, "pair", "rate"))


def process_rows(results, load):
    for name in ("standalone", "pair"):
        split = ", ".join("%s %.1f" % (process.split(" ", 1)[1], results.median(load.name, name, process))
                          for process in results.names(load.name, name, "process"))
        others = ", ".join("%s %.1f" % (group, results.median(load.name, name, "cpu " + group))
                           for group in ("standby", "client", "sink", "softirq")
                           if "cpu " + group in results.rounds[load.name, name][0])
        yield "| %s | %s | %s | %s |" % (load.name, name, split, others)


def sync_row(results, load):
    def told(name):
        return results.median(load.name, "pair", "bytes " + name)

    levels = {"none": told("sync_bytes_plain"), "fast": told("sync_bytes_fast"), "normal": told("sync_bytes_normal")}
    whole = sum(levels.values())
    return "| %s | %.2f | %.2f | %.2f | %s |" % (
        load.name, whole, told("sync_bytes_sent"), told("link"),
        ", ".join("%s %.0f %%" % (level, part * 100 / whole) for level, part in levels.items() if part > 0))


def load_tables(results, chosen):
    lines = ["| load | standalone us | pair us | ratio | of the rounds | standalone/s | pair/s |",
             "|---|---:|---:|---|---|---:|---:|"]
    lines += [load_row(results, load) for load in chosen]
    lines += ["", "Of the active by process, and what all others used for the same (\"softirq\": the kernel's threads",
              "for it), in microseconds of CPU for a message (bulk: MB):", "",
              "| load | through | processes of the active | others |", "|---|---|---|---|"]
    for load in chosen:
        lines += process_rows(results, load)
    lines += ["", "Bytes for a byte of content: told by sync, after compression, and on the cable both ways (with TLS,",
              "TCP and acknowledgements); and which compression took how much of what was told:", "",
              "| load | told | compressed | cable | level |", "|---|---:|---:|---:|---|"]
    return lines + [sync_row(results, load) for load in chosen] + [""]


def latency_table(results):
    trip = results.median("latency", "round trip", "p50")
    lines = ["| latency | p50 us | p99 us |", "|---|---:|---:|"]
    for what, names in (("a command", ("command50", "command99")), ("a transaction of 1 KB", ("p50", "p99"))):
        for subject in ("standalone", "pair"):
            lines.append("| %s, %s | %.0f | %.0f |" % (
                what, subject, *(results.median("latency", subject, name) for name in names)))
    lines.append("| between a process on either host and back | %.0f | %.0f |" % (
        trip, results.median("latency", "round trip", "p99")))
    added = (results.median("latency", "pair", "command50") - results.median("latency", "standalone", "command50"))
    return lines + ["", "Added to a command, p50: %.0f us; aim: one round trip and %d us, %.0f us: %s." % (
        added, AIM_LATENCY_US, trip + AIM_LATENCY_US,
        "kept" if added <= trip + AIM_LATENCY_US else "missed"), ""]


def text(results, profiles, given):
    chosen = [load for load in loads.LOADS if results.has(load.name)]
    lines = ["`tests/bench/run pair --rounds %d%s`, %s, %s, %d CPUs, Linux %s." % (
                 given.rounds, " --quick" if given.quick else "", datetime.date.today().isoformat(),
                 cpu_model(), os.cpu_count(), platform.release()),
             "One machine: client, server, a standalone host and the two hosts of a pair are network namespaces",
             "at one switch, the pair has a cable of its own.  Both gateways are of one release, with one worker and",
             "the default map.  They take turns, the medians count; beside the ratio of the medians stand the least",
             "and the most of the rounds.  CPU is user and system time of all processes of the gateway, of the pair",
             "those of the active host.  The kernel of this machine charges softirq to the process in whose context it",
             "runs: a sender is charged with what its packet costs in the receiver's stack too, alone and in a pair.", ""]
    if chosen:
        lines += load_tables(results, chosen)
    if results.has("latency"):
        lines += latency_table(results)
    for load, found in profiles.items():
        lines += profiling.table(load, found)
    return "\n".join(lines)
