"""Many idle sessions are taken over: how long it takes from keepalived's word on, phase by phase."""

import time

from failover import record
from floating import FLOATING
from harness import Failure, Sink, Source, Workplace, check, compare_ledgers, wait_until
from hosts import SERVER, LanPair

MOST_MS = 300.0
FILL_SECONDS = 180.0
REST_SECONDS = 25  # they have given their memory back, and count as idle (takeover_session.h)
PHASES = ("begun_us", "epoch_saved_us", "restored_us", "door_opened_us", "peers_asked_us", "done_us")


def idle(source):
    return source.command("status")["phases"]["idle"]


def blow(pair, source, number, sessions):
    """One loss; when each phase was over, in ms from keepalived's word on."""
    time.sleep(REST_SECONDS)
    before = pair.lose_active()
    pair.wait_taken(before)
    taken = pair.active.host.show("failover")["takeover"]
    pair.bring_back()
    pair.wait_whole()
    check(taken["lost"] == 0 and taken["taken_over"] >= sessions, "not all were taken over: %s" % taken)
    check(idle(source) == sessions, "sessions were ended: " + source.errors(3))
    at = {name: taken["phases"][name] / 1000 for name in PHASES}
    print("%4d %s serves, %d sessions taken over, 0 lost, %d connections made ahead; ms: %s" % (
        number, pair.active.name, taken["taken_over"], taken["made_ahead"],
        ", ".join("%s %.1f" % (name[:-3].replace("_", " "), at[name]) for name in PHASES)), flush=True)
    return at


def carry(build, folder, pair, arguments):
    sessions = arguments.sessions
    prefix = pair.lan.wire.prefix()
    sink = pair.world.keep(Sink(build, folder, [SERVER + ":25"], prefix=prefix))
    pair.begin()
    source = pair.world.keep(Source(build, folder, ["--phase", "idle:%d" % sessions, "--sizes", "1k", "--seed",
                                                    str(arguments.seed), FLOATING[0] + ":25"], prefix))
    wait_until(lambda: idle(source) == sessions, "%d sessions are idle" % sessions, FILL_SECONDS)
    pair.wait_held(sessions)
    times = [blow(pair, source, number, sessions) for number in range(1, arguments.count + 1)]
    figures = source.stop()
    check(figures["failed"] == 0, "sessions have failed: " + source.errors(3))
    sink.stop()
    print(compare_ledgers(build, [source.ledger], sink.ledger))
    pair.check_rest()
    return times


def run(build, arguments):
    print("torture idle: seed %d, %d sessions, %d losses, %s" % (
        arguments.seed, arguments.sessions, arguments.count, build), flush=True)
    with Workplace(arguments.keep) as workplace, LanPair(build, workplace) as pair:
        try:
            times = carry(build, workplace, pair, arguments)
        except Failure as failure:
            pair.tell_logs()
            print("verdict: idle: FAILED: %s" % failure)
            return 1
    done = sorted(at["done_us"] for at in times)
    is_late = done[-1] > MOST_MS and not arguments.survival_only
    line = ("seed %d, %d idle sessions through %d losses: done p50 %.0f, worst %.0f ms after keepalived's word; all "
            "survived%s" % (
        arguments.seed, arguments.sessions, arguments.count, done[len(done) // 2], done[-1],
        ", FAILED: later than %d ms" % MOST_MS if is_late else ""))
    print("verdict: idle: " + line)
    if arguments.record:
        record("idle", line)
    return 1 if is_late else 0
