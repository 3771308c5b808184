"""The shipped configuration of keepalived, run by the real one: who gets the address, and who serves then."""

import os
import re
import subprocess

from floating import FLOATING, LAN, floating_pair
from harness import ROOT, check, wait_until
from registry import scenario
from sync_pair import agree, paired
from two_hosts import HOSTS

EXAMPLE = os.path.join(ROOT, "packaging/keepalived/keepalived.conf")
TAKES_OVER = "109062: Failover: raising in epoch 2 - "


def accepted(keepalived, what):
    done = subprocess.run(keepalived.words("-t"), capture_output=True, text=True, timeout=20)
    check(done.returncode == 0 and done.stderr == "", "%s is refused: %s" % (what, done.stderr))


@scenario
def keepalived_accepts(world):
    """`keepalived -t` has nothing against the example, for either family as the one that it speaks."""
    _, first, _ = floating_pair(world)
    for own, what in ((0, "a pair that speaks IPv4"), (1, "a pair that speaks IPv6")):
        first.write_conf(own)
        accepted(first, what)
    first.write_conf(1, MORE_ADDRESSES="")
    accepted(first, "a pair with IPv6 only")
    with open(EXAMPLE) as file:
        first.take_conf(file.read(), INTERFACE="lan")
    accepted(first, "the example")
    first.write_conf(PRIORITY="0")
    done = subprocess.run(first.words("-t"), capture_output=True, text=True, timeout=20)
    check(done.returncode != 0, "a priority that is none is accepted")


@scenario
def failover_setup(world):
    """What `failover setup` writes is taken by smtpguardd and by keepalived, on both hosts; nothing is written over."""
    _, *both = floating_pair(world)
    made = os.path.join(world.folder, "made")
    words = [both[0].host.program("smtpguardctl"), "failover", "setup", made, "nodes", *HOSTS,
             "sync", *(HOSTS[name][0] for name in HOSTS), "lan", *(LAN[name][0] for name in HOSTS),
             "interface", "lan", "addresses", "192.0.2.10/24", "2001:db8::10/64"]
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    check(done.returncode == 0 and made + "/mx2" in done.stdout, done.stdout + done.stderr)
    for keepalived in both:
        folder = os.path.join(made, keepalived.name)
        with open(os.path.join(folder, "keepalived.conf")) as file:
            keepalived.take_conf(file.read())
        accepted(keepalived, "what was written for " + keepalived.name)
        with open(os.path.join(folder, "smtpguard.conf")) as file:
            text = file.read()
        text, places = re.subn('key_file = ".*/failover.key"', 'key_file = "%s/failover.key"' % folder, text)
        check(places == 1, "no key file is named: " + text)
        with open(keepalived.host.conf, "w") as file:
            file.write('user = "nobody";\n' + text)
        tested = subprocess.run([keepalived.host.program("smtpguardd"), "-c", keepalived.host.conf, "-t"],
                                capture_output=True, text=True)
        check(tested.returncode == 0, "smtpguardd -t: " + tested.stdout + tested.stderr)
    again = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    check(again.returncode == 73 and "is there already" in again.stderr, "it was written over: " + again.stderr)
    few = subprocess.run(words[:-3], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    check(few.returncode == 64 and "addresses is missing" in few.stderr, "it goes on: " + few.stderr)


class Told:
    """What keepalived tells, without a gateway: the FIFO's lines, and the track file's and health's answer."""

    def __init__(self, world, keepalived):
        self.keepalived = keepalived
        runtime = keepalived.host.runtime
        self.track_path = os.path.join(runtime, "pair/track")
        os.makedirs(os.path.dirname(self.track_path))
        self.health = os.path.join(runtime, "health")
        self.answer("true")
        self.track(0)
        fifo = keepalived.host.group["fifo"]
        os.mkfifo(fifo, 0o600)
        self.fifo = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self.lines = []
        keepalived.write_conf(CTL=self.health)
        keepalived.start()

    def replace(self, path, text, mode):
        with open(path + ".new", "w") as file:
            file.write(text)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)

    def track(self, value):
        self.replace(self.track_path, "%d\n" % value, 0o644)

    def answer(self, program):
        self.replace(self.health, "#!/bin/sh\n%s\n" % program, 0o755)

    def read(self):
        try:
            self.lines += os.read(self.fifo, 65536).decode().splitlines()
        except BlockingIOError:
            pass
        return self.lines

    def tells(self, word):
        """Something new; what was told before is forgotten."""
        def told():
            return any(line.startswith('INSTANCE "smtpguard" %s ' % word) for line in self.read())
        wait_until(told, "%s tells %s: %s" % (self.keepalived.name, word, self.keepalived.log()[-600:]), 20)
        self.lines = []


@scenario
def keepalived_priority(world):
    """The address follows the track file and the health check, and stays when both hosts are alike."""
    lan, first, second = floating_pair(world)
    one = Told(world, first)
    one.tells("MASTER")
    two = Told(world, second)
    two.tells("BACKUP")
    two.track(3)
    two.tells("MASTER")
    one.tells("BACKUP")
    wait_until(lambda: second.has_address() and first.has_none(), "the address has moved", 20)
    two.track(0)
    wait_until(lambda: second.log().count("Changing effective priority") >= 2, "they are alike again")
    check(second.has_address() and not any("MASTER" in line for line in one.read()), "it went back by itself")
    two.track(-254)
    two.tells("FAULT")
    one.tells("MASTER")
    two.track(0)
    two.tells("BACKUP")
    one.answer("false")
    two.tells("MASTER")
    one.tells("BACKUP")
    one.answer("true")
    wait_until(lambda: "VRRP_Script(smtpguard_health) succeeded" in
               first.log().rsplit("VRRP_Script(smtpguard_health) failed", 1)[1], "it is well again", 20)
    check(second.has_address(), "it went back though both are alike")


def serving(world):
    """(lan, active, standby): with keepalived, from a cold start."""
    lan, first, second = floating_pair(world)
    agree(first.host, second.host)
    first.start()
    first.gets_address()
    second.start()
    paired(first.host, second.host)
    wait_until(lambda: second.host.track() == 0, "the standby may have the address")
    wait_until(lambda: "keepalived says BACKUP" in second.host.log(), "the standby's keepalived is well", 20)
    check(second.has_none(), "both have the address")
    return lan, first, second


@scenario
def keepalived_link_cut(world):
    """The active host's cable is cut at the switch: it closes its door, the standby begins to take over."""
    lan, first, second = serving(world)
    lan.cut("mx1")
    second.host.says("keepalived says MASTER for smtpguard")
    second.host.says(TAKES_OVER)
    first.host.says("keepalived says FAULT for smtpguard")
    wait_until(lambda: first.host.show("failover")["door"]["ipv4"] == "closed", "its door is closed", 20)
    wait_until(first.has_none, "its address is gone", 20)


@scenario
def keepalived_killed(world):
    """kill -9 of the active host's keepalived leaves the address there, and the standby begins to take over all the same."""
    lan, first, second = serving(world)
    first.kill()
    second.host.says("keepalived says MASTER for smtpguard")
    check(first.has_address(), "the address went by itself")
    second.host.says(TAKES_OVER)
    # As its service does.
    first.start()
    wait_until(lambda: sorted((lan.has("mx1"), lan.has("mx2"))) == [[], sorted(FLOATING)],
               "one host has the address", 20)


@scenario
def keepalived_operator(world):
    """`failover active` on the standby moves the address by its priority, and the standby begins to take over."""
    lan, first, second = serving(world)
    second.host.ctl("failover active")
    second.host.says("keepalived says MASTER for smtpguard")
    first.host.says("Switching to STANDBY - the other host has a higher epoch")
    second.host.says(TAKES_OVER)
