"""What one host does about its pair: settings, the door, `show failover`."""

import errno
import json
import os
import select
import shutil
import signal
import socket
import subprocess

from harness import Failure, check, has_gate, wait_until
from network import Neighbour, Network
from registry import Skip, scenario

IPV6_TRANSPARENT = 75

KEY = "0123456789abcdef" * 4 + "\n"


def write_key(path, text=KEY, mode=0o600):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def group(key_file, *addresses, listen="127.0.0.1:7925", peer="127.0.0.2:7925", more=""):
    listed = ", ".join('"%s"' % address for address in addresses)
    return ('failover: {\n  node = "mx1";\n  listen = "%s";\n  peer = "%s";\n  key_file = "%s";\n'
            '  addresses = [%s];\n  %s\n};\n' % (listen, peer, key_file, listed, more))


@scenario
def failover_key(world):
    """The key of a pair: -t and start name the file and what is wrong with it, beside all else."""
    conf, key = (os.path.join(world.folder, name) for name in ("pair.conf", "pair.key"))
    program = os.path.join(world.build, "daemon/supervisor/smtpguardd")

    def tried(*options, more=""):
        with open(conf, "w") as file:
            file.write('user = "nobody";\n' + group(key, "192.0.2.10", more=more))
        done = subprocess.run([program, "-c", conf, *options], capture_output=True, text=True,
                              timeout=20)
        return done.returncode, done.stdout + done.stderr

    bad = [("No such file or directory", None, None),
           ("mode 0644; it must be 0600, or 0640", KEY, 0o644),
           ("64 hexadecimal digits", 2 * KEY, 0o600),
           ("is no hexadecimal digit", "x" + KEY[1:], 0o600)]
    for why, text, mode in bad:
        if text is not None:
            write_key(key, text, mode)
        code, said = tried("-t", more="commit = 7;")
        check(code == 78, "-t gave %d: %s" % (code, said))
        wanted = "%s:6: failover.key_file: %s: " % (conf, key)
        check(wanted in said and why in said, "%s is not said: %s" % (why, said))
        check("failover.commit: must be a string" in said, "the other error is not said: " + said)
        code, said = tried("--runtime-dir", os.path.join(world.folder, "run"))
        check(code == 78 and wanted in said, "start gave %d: %s" % (code, said))
    for mode in (0o600, 0o640):
        write_key(key, KEY, mode)
        code, said = tried("-t")
        check(code == 0 and said == "", "a good key is refused (%d): %s" % (code, said))


def door(world, conf, word, fails=False):
    """`smtpguardd --door WORD`; what it has printed."""
    program = os.path.join(world.build, "daemon/supervisor/smtpguardd")
    done = subprocess.run([program, "-c", conf, "--door", word], capture_output=True, text=True,
                          timeout=20)
    said = done.stdout + done.stderr
    check((done.returncode != 0) == fails, "--door %s gave %d: %s" % (word, done.returncode, said))
    return said


def nft(script):
    subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True)


def packets(table, comment):
    """What the counter of the rule with that comment has counted."""
    listed = subprocess.run(["nft", "-j", "list", "table", "inet", table], check=True,
                            capture_output=True, text=True).stdout
    for entry in json.loads(listed)["nftables"]:
        rule = entry.get("rule", {})
        if rule.get("comment", "").startswith(comment):
            return next(part["counter"]["packets"] for part in rule["expr"] if "counter" in part)
    raise Failure("there is no rule %r" % comment)


def tables():
    return subprocess.run(["nft", "list", "tables"], check=True, capture_output=True, text=True).stdout


class Families:
    """One leg of each kind for IPv4 and IPv6: a client and a server beyond a cable."""

    def __init__(self, neighbour, family, host, floating, other):
        self.neighbour, self.family = neighbour, family
        self.host, self.floating, self.other = host, floating, other
        self.listener = self.listening(socket.socket(family, socket.SOCK_STREAM), "", 2525)
        self.server = self.listening(neighbour.socket(family), "", 2526)

    def listening(self, made, host, port):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
        made.listen(8)
        made.settimeout(20)
        return made

    def connecting(self, made, to, port, source=None):
        if source:
            made.bind((source, 0))
        made.setblocking(False)
        check(made.connect_ex((to, port)) == errno.EINPROGRESS, "connect() has not begun")
        return made

    def client(self, to=None, port=2525):
        return self.connecting(self.neighbour.socket(self.family), to or self.floating, port)

    def leg(self, source=None, port=2526):
        return self.connecting(socket.socket(self.family, socket.SOCK_STREAM), self.other, port,
                               source or self.floating)


def outcome(made, seconds):
    """errno of the connection, EINPROGRESS: nothing has come back."""
    if not select.select([], [made], [], seconds)[1]:
        return errno.EINPROGRESS
    return made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def need(made, wanted, what):
    # What was begun long ago is tried again after a minute at most.
    got = outcome(made, 90 if wanted != errno.EINPROGRESS else 0.05)
    check(got == wanted, "%s: %s" % (what, errno.errorcode.get(got, got)))


def dropped():
    return packets("smtpguard", "closed:")


def drops(act, what, counted=dropped):
    """What `act` makes; it must have been dropped at the door, or have come no further than where it is counted."""
    before = counted()
    made = act()
    wait_until(lambda: counted() > before, what + " is dropped", 20)
    return made


def door_closed(side, arrived=dropped):
    """Neither leg, in neither direction, nor the answer to what nobody waits for.  arrived: counts what is kept
    from coming in."""
    pending = [drops(side.client, "a SYN to a floating address", arrived),
               drops(lambda: side.client(port=9), "a SYN to a port where nobody listens", arrived),
               drops(side.leg, "a SYN from a floating address"),
               drops(lambda: side.leg(port=9), "a SYN from it to a port where nobody listens")]
    for made in pending:
        need(made, errno.EINPROGRESS, "something has come through the closed door")
    for to, made in (("this host", side.client(side.host)), ("a server", side.leg(side.host))):
        need(made, 0, "the door is in the way between another address and " + to)
        made.close()
    return pending


def door_open(side, pending):
    """All of that, the connections that were begun before too."""
    for made, wanted in zip(pending, (0, errno.ECONNREFUSED) * 2):
        need(made, wanted, "a connection begun before the door was opened")
    need(side.client(), 0, "a client")
    need(side.client(port=9), errno.ECONNREFUSED, "a client where nobody listens")
    need(side.leg(), 0, "a leg to the server")


def accepted(listener, peer):
    """That end of the connection `peer`."""
    while True:
        made, address = listener.accept()
        if address[:2] == peer.getsockname()[:2]:
            made.setblocking(False)
            return made
        made.close()


def silent(made):
    try:
        return made.recv(64) is None
    except BlockingIOError:
        return True


def door_shut_upon(world, conf, side):
    """An established connection: nothing passes any more, not even its end; later it goes on."""
    client = side.client()
    need(client, 0, "a client")
    gateway = accepted(side.listener, client)
    doomed = side.client()
    need(doomed, 0, "a second client")
    doomed_there = accepted(side.listener, doomed)
    doomed.send(b"unread")
    wait_until(lambda: select.select([doomed_there], [], [], 0)[0], "unread bytes are there")
    door(world, conf, "close")
    drops(lambda: client.send(b"from the client"), "a client's byte")
    drops(lambda: gateway.send(b"from the gateway"), "a byte to the client")
    drops(doomed_there.close, "an RST")  # unread bytes make it one
    for made in (client, gateway, doomed):
        check(silent(made), "something has come through the closed door")
    door(world, conf, "open")
    for made, wanted in ((gateway, b"from the client"), (client, b"from the gateway")):
        check(select.select([made], [], [], 20)[0], "%r does not come" % wanted)
        check(made.recv(64) == wanted, "what has come is not %r" % wanted)


@scenario
def door_passes(world):
    """The door in nftables: closed it lets nothing of either leg through, open everything, untracked."""
    if shutil.which("nft") is None:
        raise Skip("nft is not installed")
    world.keep(Network())
    neighbour = world.keep(Neighbour(
        ["192.0.2.1/24", "192.0.2.10/24", "2001:db8::1/64", "2001:db8::10/64"],
        ["192.0.2.99/24", "2001:db8::99/64"]))
    sides = [Families(neighbour, socket.AF_INET, "192.0.2.1", "192.0.2.10", "192.0.2.99"),
             Families(neighbour, socket.AF_INET6, "2001:db8::1", "2001:db8::10", "2001:db8::99")]
    conf = os.path.join(world.folder, "pair.conf")
    with open(conf, "w") as file:
        file.write('user = "nobody";\n' + group("/none", "192.0.2.10", "2001:db8::10"))
    nft("table inet operator { chain input { type filter hook input priority 0;\n"
        'tcp dport 2525 ct state untracked counter comment "untracked"\n'
        'ip daddr 192.0.2.10 tcp dport 2525 ct state != untracked counter comment "tracked"\n}\n}\n')
    check("table inet smtpguard is not there" in door(world, conf, "show", fails=True),
          "a missing door is not named")
    door(world, conf, "open", fails=True)
    check(door(world, conf, "install") == "", "install says something")
    check(door(world, conf, "show") == "IPv4: closed\nIPv6: closed\n", "a new door is not closed")
    pending = [door_closed(side) for side in sides]
    door(world, conf, "install")
    pending = [made + door_closed(side) for made, side in zip(pending, sides)]
    door(world, conf, "open")
    check(door(world, conf, "show") == "IPv4: open\nIPv6: open\n", "it does not open")
    for made, side in zip(pending, sides):
        door_open(side, made)
        door_shut_upon(world, conf, side)
    door(world, conf, "install")
    check(door(world, conf, "show") == "IPv4: open\nIPv6: open\n", "install has closed it")
    check(packets("operator", "untracked") > 0, "nothing came untracked")
    check(packets("operator", "tracked") == 0, "connection tracking saw a floating address")


@scenario
def door_diverted(world):
    """The door of a router in transparent mode: addresses that are not its own, on both legs."""
    if shutil.which("nft") is None:
        raise Skip("nft is not installed")
    world.keep(Network())
    neighbour = world.keep(Neighbour(["192.0.2.1/24", "2001:db8::1/64"],
                                     ["192.0.2.99/24", "2001:db8::99/64"]))
    conf = os.path.join(world.folder, "pair.conf")
    with open(conf, "w") as file:
        file.write('user = "nobody";\n' + group("/none", "192.0.2.99", "2001:db8::99"))
    door(world, conf, "install")
    sides = [(Families(neighbour, socket.AF_INET, "192.0.2.1", "192.0.2.1", "192.0.2.99"),
              "198.51.100.7", socket.SOL_IP, socket.IP_TRANSPARENT, "-4"),
             (Families(neighbour, socket.AF_INET6, "2001:db8::1", "2001:db8::1", "2001:db8::99"),
              "2001:db8:1::7", socket.IPPROTO_IPV6, IPV6_TRANSPARENT, "-6")]

    def as_client(side, source, level, option):
        made = socket.socket(side.family, socket.SOCK_STREAM)
        made.setsockopt(level, option, 1)
        return side.connecting(made, side.other, 2526, source)

    for side, source, level, option, ip_family in sides:
        drops(lambda: as_client(side, source, level, option), "a client's SYN to the server").close()
        leg = side.leg()
        need(leg, 0, "the door is in the way of the router's own connection")
        leg.close()
        with neighbour.inside():
            neighbour.ip(ip_family, "route", "add", source, "via", side.host)
        drops(lambda: side.connecting(neighbour.socket(side.family), source, 9, side.other),
              "what the server says to a client").close()
    door(world, conf, "open")
    for side, source, level, option, _ in sides:
        before = packets("smtpguard", "open:")
        as_client(side, source, level, option)
        wait_until(lambda: packets("smtpguard", "open:") > before, "the SYN passes", 20)


def told(gateway, number, *words):
    """How often the event was told with these words."""
    return sum("-%d:" % number in line and all(word in line for word in words)
               for line in gateway.log().splitlines())


def tells(gateway, act, number, *words):
    """What `act` does is told by that event."""
    before = told(gateway, number, *words)
    act()
    wait_until(lambda: told(gateway, number, *words) > before,
               "event %d with %s" % (number, ", ".join(words)), 20)


@scenario
def door_and_daemon(world):
    """A missing door is named, a changed one is put right, and the daemon's death changes nothing."""
    if shutil.which("nft") is None:
        raise Skip("nft is not installed")
    world.keep(Network())
    neighbour = world.keep(Neighbour(["192.0.2.1/24", "192.0.2.10/24"], ["192.0.2.99/24"]))
    side = Families(neighbour, socket.AF_INET, "192.0.2.1", "192.0.2.10", "192.0.2.99")
    key = write_key(os.path.join(world.folder, "pair.key"))
    gateway = world.gateway(settings=group(key, "192.0.2.10"))
    wait_until(lambda: told(gateway, 109070, "table inet smtpguard is not there"),
               "the missing door is named", 20)
    tells(gateway, lambda: door(world, gateway.conf, "install"), 109071, "whole again")

    def held():
        """While the daemon lives what arrives waits for the door to open, for a second."""
        return gateway.counters()["gate_early_held"] if has_gate(world.build) else dropped()
    door_closed(side, held)
    tells(gateway, lambda: door(world, gateway.conf, "open"), 109072, "found open", "closed again")
    shown = gateway.show("failover")["door"]
    check((shown["wanted"], shown["ipv4"], shown["ipv6"], shown["fault"]) ==
          ("closed", "closed", "none", ""), "show failover says of the door: %s" % shown)
    print("# closed within %.3f ms" % (shown["moved_ns"] / 1e6))
    check(door(world, gateway.conf, "show") == "IPv4: closed\nIPv6: none\n", "it is not closed")
    for script, named in (("flush ruleset", "table inet smtpguard is not there"),
                          ("flush chain inet smtpguard leaving", "from a floating address, IPv4"),
                          ("flush set inet smtpguard floating4", "192.0.2.10 is not in the set")):
        tells(gateway, lambda script=script: nft(script), 109070, named)
        shown = gateway.show("failover")["door"]
        check(shown["ipv4"] == "fault" and named in shown["fault"],
              "show failover says of a door at fault: %s" % shown)
        tells(gateway, lambda: door(world, gateway.conf, "install"), 109071, "whole again")
    pending = door_closed(side, held)
    gateway.kill_all()
    check(door(world, gateway.conf, "show") == "IPv4: closed\nIPv6: none\n", "its death opened it")
    for made in pending:
        need(made, errno.EINPROGRESS, "something has come through after the daemon's death")
    door_closed(side)
    # Opened while there was no daemon: one that begins anew serves nobody, and closes it.
    door(world, gateway.conf, "open")
    door_open(side, [])
    tells(gateway, gateway.start, 109072, "found open", "closed again")
    door_closed(side, held)


@scenario
def door_after_the_pair(world):
    """What a pair's daemon that was killed has left before the door is taken away by one that is of no pair any more."""
    if not has_gate(world.build):
        raise Skip("this build has no gate")
    if shutil.which("nft") is None:
        raise Skip("nft is not installed")
    world.keep(Network())
    world.keep(Neighbour(["192.0.2.1/24", "192.0.2.10/24"], ["192.0.2.99/24"]))
    key = write_key(os.path.join(world.folder, "pair.key"))
    gateway = world.gateway(settings=group(key, "192.0.2.10"))
    tells(gateway, lambda: door(world, gateway.conf, "install"), 109071, "whole again")
    wait_until(lambda: gateway.show("failover")["this_host"]["state"] == "waiting", "sync has heard so", 20)
    gateway.ctl("failover force")
    wait_until(lambda: os.path.exists(os.path.join(gateway.state, "epoch")), "it has served", 20)
    gateway.kill_all()
    gateway.start()
    wait_until(lambda: gateway.show("failover")["door"]["early"] == "waits", "early packets wait", 20)
    gateway.kill_all()
    check("smtpguard_early" in tables(), "its rules went by themselves")
    gateway.settings = ""
    gateway.write_conf()
    gateway.start()
    check("smtpguard_early" not in tables(), "what comes to the addresses of the pair is kept out for ever")


@scenario
def failover_commands(world):
    """`show failover` and the commands: alone, on a host without a door, and when sync does not turn."""
    alone = world.gateway(name="alone")
    check(alone.ctl("show failover") == "Failover Off\n", "alone: " + alone.ctl("show failover"))
    check(alone.show("failover")["failover"] is False, "alone, as JSON")
    key = write_key(os.path.join(world.folder, "pair.key"))
    pair = world.gateway(settings=group(key, "192.0.2.10"), name="pair")
    wait_until(lambda: pair.show("failover")["this_host"]["state"] == "fault", "it is in fault")
    text = pair.ctl("show failover")
    for line in ("Failover On\n", "Failover unit mx1\n",
                 "Door: should be closed\n\tIPv4: fault\n\tIPv6: none\n"):
        check(line in text, "%r is not said: %s" % (line, text))
    check(pair.show("failover")["addresses"] == ["192.0.2.10"], "the addresses are not shown")
    for gateway, why in ((alone, "failover is not configured"),
                         (pair, "something on this host has failed")):
        for line in ("failover active", "no failover active", "failover force"):
            said = gateway.ctl(line, fails=True)
            check(why in said, "`%s`: %s" % (line, said))
    with open(os.path.join(pair.runtime, "workers")) as file:
        sync = next(int(line.split()[2]) for line in file if line.startswith("sync"))
    os.kill(sync, signal.SIGSTOP)
    wait_until(lambda: "(the sync process does not run)" in pair.ctl("show failover"), "it is missed")
    said = pair.ctl("failover force", fails=True)
    check("the sync process does not run" in said, "`failover force`: " + said)
