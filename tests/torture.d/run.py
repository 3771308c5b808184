"""A run of blows: the traffic is full, the blow falls, all goes on, the gateway is whole again."""

import random
import time

import phases
from harness import check, process_lives, wait_until

CALM = 3               # rounds without a blow: what the machine itself costs
BACK_SECONDS = 30.0    # until all processes are there again
FIRES_SECONDS = 10.0   # until an armed failpoint is reached
FAILED_MOST = 50       # then the run is given up
RESET_OF_SERVER = 10   # connections the server resets before the blow; the others after it
LOOK_EVERY = 5         # blows between two looks at what the gateway says of its sessions


class Run:
    def __init__(self, traffic, seed):
        self.traffic = traffic
        self.rng = random.Random(seed)
        self.roles = {}
        self.blows = 0
        self.unreached = 0
        self.calm_ms = None  # not measured
        self.least_seen = {}

    def calm(self):
        rounds = []
        for _ in range(CALM):
            self.traffic.fill()
            self.traffic.held.command("mark")
            self.traffic.held.command("go own %d" % phases.MOTION)
            self.traffic.release(self.rng)
            self.traffic.sink.command("reset")
            self.traffic.fill()
            rounds.append(self.traffic.held.command("figures")["silence_us"]["p99"])
        self.calm_ms = sorted(rounds)[CALM // 2] / 1000
        print("calm: silence p99 %.1f ms without any blow" % self.calm_ms, flush=True)
        self.traffic.held.command("mark")

    def motion(self, blow):
        """Some sessions of each phase set out just before the blow."""
        if blow.motion:
            self.traffic.held.send("go own %d" % phases.MOTION)
        self.traffic.sink.send("reset %d" % RESET_OF_SERVER)
        if blow.motion:
            self.traffic.held.read()
        self.traffic.sink.read()
        time.sleep(blow.before)

    def look(self):
        """The gateway's own account of the sessions: they are where the sources believe them."""
        seen = phases.seen_by_gateway(self.traffic.gateway.show("conn")["sessions"])
        few = ["%s %d of %d" % (name, seen[name], least)
               for name, least in phases.at_gateway().items() if seen[name] < least]
        check(not few, "the gateway has too few sessions: %s" % ", ".join(few))
        for name in phases.at_gateway():
            self.least_seen[name] = min(seen[name], self.least_seen.get(name, seen[name]))

    def wait_deaths(self, pids):
        end = time.monotonic() + FIRES_SECONDS
        while any(process_lives(pid) for pid in pids):
            if time.monotonic() > end:
                self.unreached += 1
                return False
            if time.monotonic() > end - FIRES_SECONDS + 0.2:
                self.traffic.release()
            time.sleep(0.002)
        return True

    def wait_back(self, dead):
        """Every role is there again, held by another process where it had to die; ms."""
        began = time.monotonic()
        now = {}

        def whole():
            now.clear()
            now.update(self.traffic.gateway.roles())
            return set(now) == set(self.roles) and all(now[r] != self.roles[r] for r in dead)
        wait_until(whole, "all processes are there again", BACK_SECONDS)
        others = [role for role in self.roles if role not in dead and now[role] != self.roles[role]]
        check(not others, "the blow has cost others too: %s" % ", ".join(others))
        return (time.monotonic() - began) * 1000

    def hit(self, blow):
        """The blow, and all that goes on after it; what the sources held at it, and a line's end."""
        traffic = self.traffic
        self.roles = traffic.gateway.roles()
        at_blow, dead = blow.strike(self)
        time.sleep(blow.after)
        traffic.release(self.rng)
        traffic.sink.command("reset")
        died = self.wait_deaths([self.roles[role] for role in dead])
        back = self.wait_back(dead if died else [])
        self.blows += 1
        return at_blow, "%4d %-34s %-18s back in %.0f ms%s" % (
            blow.number + 1, blow.name(), ", ".join(dead), back, "" if died else ", NOT REACHED")

    def failed(self):
        failed = self.traffic.failures()
        check(failed < FAILED_MOST, "too many sessions have failed")
        return failed

    def blow(self, blow):
        """One of a series in which the phases are full each time."""
        traffic = self.traffic
        traffic.fill()
        if self.blows % LOOK_EVERY == 0:
            self.look()
        held = traffic.held_counts()
        held["reset-server"] -= RESET_OF_SERVER
        at_blow, line = self.hit(blow)
        counts = {name: min(count, held[name]) for name, count in at_blow["phases"].items()}
        traffic.fill()
        traffic.leaks.watch()
        silence = traffic.held.command("figures")["silence_us"]
        traffic.held.command("mark keep")
        least = min(phases.NAMES, key=lambda name: counts[name])
        print("%s, silence p99 %.1f max %.1f ms, at least %d in each of %d phases (%s), failed %d" % (
            line, silence["p99"] / 1000, silence["max"] / 1000, counts[least], len(phases.NAMES),
            least, self.failed()), flush=True)
        few = phases.few(counts)
        check(not few, "fewer than %d sessions at the blow: %s" % (phases.AT_LEAST, ", ".join(few)))
