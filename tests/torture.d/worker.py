"""Workers are killed, at random instants and at every failpoint."""

import time

import blows
from harness import Failure, Workplace
from run import Run
from traffic import Traffic
from verdict import Verdict


def run(build, arguments):
    print("torture worker: seed %d, %d blows, %s" % (arguments.seed, arguments.count, build))
    began = time.monotonic()
    points = blows.failpoints()
    with Workplace(arguments.keep) as workplace, \
            Traffic(build, workplace, arguments.seed % (1 << 32)) as traffic:
        if arguments.keep:
            print("logs and ledgers: %s" % workplace)
        state = Run(traffic, arguments.seed)
        try:
            state.calm()
            for number in range(arguments.count):
                state.blow(blows.of_worker(number, state.rng, points))
            end = traffic.finish()
        except Failure as failure:
            for text in traffic.complaints():
                print(text)
            print("gateway's log: %s" % traffic.gateway.log()[-2000:])
            print("verdict: worker: FAILED: %s" % failure)
            return 1
        return Verdict(state, end, arguments.survival_only).tell(
            arguments, time.monotonic() - began)
