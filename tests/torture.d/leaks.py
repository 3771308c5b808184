"""What a gateway must not keep: slots, chunks, descriptors, quarantine files, memory.

Leaks is made while the gateway is at rest, before any session; watch() notes its memory under the
same load again and again; check() is asked when all sessions have ended.
"""

import os
import re
import statistics
import time

from harness import Failure

REST_SECONDS = 20.0       # until all is given back
REST_PAUSE = 0.05         # between looks at descriptors
REST_LOOKS = 10           # of which the lowest counts: a person's connection comes and goes
GROWTH_MOST = 0.10        # of the memory in the middle third of all looks, in the last third ...
GROWTH_KIB_MOST = {"shared": 16384}  # ... or so much; what is shared stays as high as it ever was
GROWTH_KIB_ELSE = 2048
LOOKS_LEAST = 30          # fewer say nothing


def descriptors(pid):
    """How many the process has; 0: it is gone."""
    try:
        return len(os.listdir("/proc/%d/fd" % pid))
    except OSError:
        return 0


def memory_kib(pid):
    """(private, shared) in KiB, what is shared divided among those who share it."""
    try:
        with open("/proc/%d/smaps_rollup" % pid) as rollup:
            text = rollup.read()
    except OSError:
        return 0, 0
    size = {name: int(value) for name, value in re.findall(r"^(\w+): +(\d+) kB", text, re.M)}
    return size.get("Pss_Anon", 0), size.get("Pss_Shmem", 0)


def quarantine_files(gateway):
    folder = os.path.join(gateway.state, "quarantine")
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def at_rest(gateway):
    """{role: descriptors}, when nobody asks the gateway anything."""
    roles, lowest = gateway.roles(), {}
    for _ in range(REST_LOOKS):
        time.sleep(REST_PAUSE)
        for role, pid in roles.items():
            count = descriptors(pid)
            lowest[role] = min(count, lowest.get(role, count))
    return lowest


class Leaks:
    def __init__(self, gateway):
        self.gateway = gateway
        self.rest = at_rest(gateway)
        self.quarantined = quarantine_files(gateway)
        self.looks = []

    def watch(self):
        """A look at the memory; call it whenever the load is the same."""
        sizes, shared = {}, 0
        for role, pid in self.gateway.roles().items():
            own, part = memory_kib(pid)
            kind = role.split()[0]
            sizes[kind] = max(own, sizes.get(kind, 0))
            shared += part
        self.looks.append({**sizes, "shared": shared})

    def growth(self):
        """{what: KiB in the middle and in the last third, by medians}; {} after too few looks."""
        third = len(self.looks) // 3
        if len(self.looks) < LOOKS_LEAST:
            return {}

        def median(what, looks):
            return int(statistics.median(look[what] for look in looks))
        return {what: (median(what, self.looks[third:-third]), median(what, self.looks[-third:]))
                for what in self.looks[0]}

    def grown(self):
        return ["memory of %s grew from %d to %d KiB" % (what, middle, last)
                for what, (middle, last) in self.growth().items()
                if last - middle > max(GROWTH_KIB_MOST.get(what, GROWTH_KIB_ELSE),
                                       GROWTH_MOST * middle)]

    def kept_descriptors(self):
        end = time.monotonic() + REST_SECONDS
        while True:
            kept = ["descriptors of the %s: %d instead of %d" % (role, count, self.rest[role])
                    for role, count in at_rest(self.gateway).items() if count > self.rest[role]]
            if not kept or time.monotonic() > end:
                return kept

    def found(self):
        """What is left behind, as texts; [] is good."""
        found = []
        try:
            self.gateway.check_nothing_left(REST_SECONDS)
        except Failure as failure:
            found.append(str(failure))
        files = [name for name in quarantine_files(self.gateway) if name not in self.quarantined]
        return (found + self.kept_descriptors() + self.grown() +
                ["quarantine file %s" % name for name in files])

    def told(self):
        """One line about the memory."""
        growth = self.growth()
        if not growth:
            return "memory: %d looks, too few to judge it" % len(self.looks)
        return "memory, KiB in the middle and at last: " + ", ".join(
            "%s %d %d" % (what, *pair) for what, pair in sorted(growth.items()))
