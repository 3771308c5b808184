"""A load as fast as it goes, millions of messages long, with a random kill every two seconds."""

import time

import blows
import series

EVERY_SECONDS = 2.0
CONNECTIONS = 40
PER_CONNECTION = 20
PER_PHASE = 4  # sessions that wait in each phase meanwhile


def run(build, arguments):
    def until_all_is_sent(state):
        number = 0
        while state.traffic.loading():
            began = time.monotonic()
            _, line = state.hit(blows.of_soak(number, state.rng))
            state.traffic.leaks.watch()
            print("%s, failed %d" % (line, state.failed()), flush=True)
            number += 1
            time.sleep(max(0, EVERY_SECONDS - (time.monotonic() - began)))

    return series.run(
        build, arguments, "%d messages" % arguments.messages, until_all_is_sent,
        survival_only=True, more=("--may-lose-new",), per_phase=PER_PHASE,
        load=("--messages", arguments.messages, "--connections", CONNECTIONS,
              "--per-connection", PER_CONNECTION))
