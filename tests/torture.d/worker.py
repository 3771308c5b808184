"""Workers are killed, at random instants and at every failpoint."""

import blows
import series


def run(build, arguments):
    def blow_upon_blow(state):
        points = blows.failpoints()
        state.calm()
        for number in range(arguments.first - 1, arguments.first - 1 + arguments.count):
            state.blow(blows.of_worker(number, state.rng, points))

    return series.run(build, arguments, "%d blows" % arguments.count, blow_upon_blow)
