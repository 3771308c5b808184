"""Sessions in every phase through the gateway, and an ordinary load beside them."""

from collections import namedtuple

import phases
import policy
from deaf import Deaf
from harness import Gateway, free_port
from keeper import Keeper
from leaks import Leaks
from sessions import LOAD, Sessions

# What both sources, the sink, the counters, the ledgers and the search for leaks have said at the
# end, and what the tools have complained of.
End = namedtuple("End", "held load sink counters ledger leaks memory complaints")


class Traffic(Sessions):
    """Owns gateway, its keeper and a deaf server too."""

    def __init__(self, build, folder, seed, load=LOAD, per_phase=phases.PER_PHASE, more=()):
        """more: arguments of both sources."""
        ports = [free_port() for _ in range(5)]
        listen, listen_banner, server, server_banner, self.listen_deaf = (
            "127.0.0.1:%d" % p for p in ports)
        super().__init__(build, folder, server, server_banner)
        self.gateway = Gateway(build, folder)
        self.deaf = Deaf()
        self.parts.append(self.deaf)
        self.keeper = None
        try:
            self.gateway.start()
            self.keeper = Keeper(self.gateway)
            self.gateway.configure(*policy.lines(), self.gateway.static(listen, server),
                                   self.gateway.static(listen_banner, server_banner),
                                   self.gateway.static(self.listen_deaf, self.deaf.address))
            self.leaks = Leaks(self.gateway)
            self.begin(listen, listen_banner, seed, load, per_phase, more)
        except BaseException:
            self.close()
            raise

    def close(self):
        super().close()
        if self.keeper:
            self.keeper.end()
        self.gateway.kill()

    def finish(self):
        """Lets all sessions end."""
        held, load = self.end_all()
        self.deaf.__exit__()
        found = self.leaks.found()
        counters = self.gateway.counters()
        ledger = self.compare()
        return End(held, load, self.sink_figures, counters, ledger, found, self.leaks.told(),
                   self.complaints())
