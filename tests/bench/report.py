"""From the figures of the rounds to tables with ratios."""

import datetime
import os
import platform
import statistics
import subprocess

import loads
import profiling
from gateways import GATEWAYS, LAYER_4


TITLE = "# What smtpguard costs beside others"


class Results:
    """load -> gateway -> one pair of figures a round."""

    def __init__(self):
        self.figures = {}

    def add(self, load, gateway, pair):
        self.figures.setdefault(load, {}).setdefault(gateway, []).append(pair)

    def medians(self, load):
        return {name: tuple(statistics.median(column) for column in zip(*rows))
                for name, rows in self.figures.get(load, {}).items()}


def in_order(medians):
    return [kind.name for kind in GATEWAYS if kind.name in medians]


def ratio(value, other):
    return "%.2f" % (value / other) if other else "-"


def better_peer(medians):
    """CPU of the layer-4 peer that needs least."""
    costs = [medians[name][1] for name in LAYER_4 if name in medians]
    return min(costs) if costs else 0


def load_table(load, medians):
    peer = better_peer(medians)
    floor = medians.get("floor relay", (0, 0))[1]
    lines = ["## %s" % load.title, "",
             "| gateway | %s/s | CPU us/%s | CPU to the better peer | CPU to the floor |" % (load.unit, load.unit),
             "|---|---:|---:|---:|---:|"]
    for name in in_order(medians):
        rate, cost = medians[name]
        ratios = ("-", "-") if name == "direct" else (ratio(cost, peer), ratio(cost, floor))
        lines.append("| %s | %.0f | %s | %s | %s |" % (
            name, rate, "-" if name == "direct" else "%.1f" % cost, *ratios))
    return lines + [""]


def latency_table(medians):
    lines = ["## One transaction after another (1 KB)", "", "| gateway | p50 us | p99 us |",
             "|---|---:|---:|"]
    lines += ["| %s | %.0f | %.0f |" % (name, *medians[name][:2]) for name in in_order(medians)]
    return lines + [""]


def core_table(build):
    """The core alone beside memcpy, as its own program prints it."""
    program = os.path.join(build, "tests/bench/core_speed")
    done = subprocess.run([program], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        return ["The core alone was not measured: %s" % done.stderr.strip(), ""]
    return ["## The core alone", "", "```", done.stdout.rstrip(), "```", ""]


def profile_tables(profiles):
    lines = ["## Where smtpguard's time goes", "",
             "Samples of all its processes during one run each, by perf's software clock; percent of all, and",
             "within a process percent of its own.", ""]
    for load, found in profiles.items():
        lines += profiling.table(load, found)
    return lines


def cpu_model():
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def text(results, profiles, given):
    lines = ["`tests/bench/run --rounds %d%s`, %s, %s, %d CPUs, Linux %s." % (
                 given.rounds, " --quick" if given.quick else "", datetime.date.today().isoformat(),
                 cpu_model(), os.cpu_count(), platform.release()),
             "Load generator, sink and gateway share the machine, so throughput says little beside the",
             "CPU time of all processes of the gateway, user and system.  HAProxy and nginx relay and",
             "inspect nothing; \"64k\": with buffers of 64 KiB.  The floor relay is the least that a relay",
             "can do (floor_relay.c).  The better peer is the one of HAProxy and nginx that needs least",
             "CPU for that load.  smtpguard: one worker, default map, everything inspected.", ""]
    for load in loads.LOADS:
        medians = results.medians(load.name)
        if medians:
            lines += load_table(load, medians)
    medians = results.medians("latency")
    if medians:
        lines += latency_table(medians)
    if os.path.exists(os.path.join(given.build, "tests/bench/core_speed")):
        lines += core_table(given.build)
    if profiles:
        lines += profile_tables(profiles)
    return "\n".join(lines)


def record(path, title, text):
    """Puts the part with that title into the file; what else it holds stays."""
    parts = {}
    with open(path) as file:
        for line in file.read().splitlines():
            if line.startswith("# "):
                parts[line] = []
            else:
                parts[next(reversed(parts))].append(line)
    parts[title] = ["", text]
    with open(path, "w") as file:
        file.write("\n\n".join("\n".join([head, *body]).strip("\n") for head, body in parts.items()) + "\n")
