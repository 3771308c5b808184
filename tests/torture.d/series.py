"""What all modes have in common: traffic, a series of blows, a verdict."""

import time

from harness import Failure, Workplace
from run import Run
from traffic import Traffic
from verdict import Verdict


def run(build, arguments, what, strike, survival_only=False, **traffic_options):
    """strike(Run) lets the blows fall; the exit code."""
    print("torture %s: seed %d, %s, %s" % (arguments.mode, arguments.seed, what, build), flush=True)
    began = time.monotonic()
    with Workplace(arguments.keep) as workplace, \
            Traffic(build, workplace, arguments.seed % (1 << 32), **traffic_options) as traffic:
        if arguments.keep:
            print("logs and ledgers: %s" % workplace)
        state = Run(traffic, arguments.seed)
        try:
            strike(state)
            end = traffic.finish()
        except Failure as failure:
            for text in traffic.complaints():
                print(text)
            print("gateway's log: %s" % traffic.gateway.log_end())
            print("verdict: %s: FAILED: %s" % (arguments.mode, failure))
            return 1
        return Verdict(state, end, survival_only or arguments.survival_only).tell(
            arguments, time.monotonic() - began)
