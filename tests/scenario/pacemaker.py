"""The resource agent for Pacemaker, driven as a cluster drives it."""

import os
import shutil
import subprocess

from harness import ROOT, check, process_lives, wait_until
from registry import Skip, scenario
from sync_pair import UP
from two_hosts import pair

AGENT = os.path.join(ROOT, "packaging/pacemaker/smtpguard")
OCF_ROOT = "/usr/lib/ocf"
OK, UNIMPLEMENTED, INSTALLED, CONFIGURED, NOT_RUNNING, PROMOTED = 0, 3, 5, 6, 7, 8


class Agent:
    """On one host, whose gateway it starts and stops."""

    def __init__(self, host):
        if not os.path.exists(OCF_ROOT + "/lib/heartbeat/ocf-shellfuncs"):
            raise Skip("resource-agents is not installed")
        self.host = host
        # As an installed one, which knows where the others are.
        daemon = os.path.join(host.folder, "smtpguardd-here")
        with open(daemon, "w") as file:
            file.write('#!/bin/sh\nexec %s --libexec-dir %s "$@"\n' % (host.program("smtpguardd"), host.libexec))
        os.chmod(daemon, 0o755)
        self.given = {
            "binary": daemon, "client": host.program("smtpguardctl"), "config": host.conf,
            "runtime_dir": host.runtime, "state_dir": host.state, "fifo": host.group["fifo"],
        }

    def environment(self):
        words = {"OCF_RESKEY_" + name: value for name, value in self.given.items()}
        return dict(os.environ, OCF_ROOT=OCF_ROOT, OCF_RESOURCE_INSTANCE="smtpguard", **words)

    def run(self, action, wanted=OK, seconds=60):
        done = subprocess.run(self.host.prefix + [AGENT, action], env=self.environment(), capture_output=True,
                              text=True, timeout=seconds)
        check(done.returncode == wanted, "%s gave %d, not %d: %s" % (action, done.returncode, wanted, done.stderr))
        return done.stdout + done.stderr

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if os.path.exists(self.host.runtime):
            self.run("stop")


def agents(world):
    """One for mx1, whose gateway does not run yet; mx2 runs by itself."""
    _, first, second = pair(world)
    first.make_door()
    second.start()
    return world.keep(Agent(first)), second


def daemon_of(agent):
    with open(os.path.join(agent.host.runtime, "lock")) as lock:
        return int(lock.read())


@scenario
def pacemaker_tester(world):
    """ocf-tester finds nothing to complain of."""
    agent, _ = agents(world)
    if shutil.which("ocf-tester") is None or shutil.which("xmllint") is None:
        raise Skip("ocf-tester or xmllint is not installed")
    words = [word for name, value in agent.given.items() for word in ("-o", "%s=%s" % (name, value))]
    place = os.path.join(world.folder, "smtpguard")  # it runs the agent as nobody too
    shutil.copy(AGENT, place)
    done = subprocess.run(agent.host.prefix + ["ocf-tester", "-n", "smtpguard", *words, place],
                          capture_output=True, text=True, timeout=200, env=dict(os.environ, OCF_ROOT=OCF_ROOT))
    check(done.returncode == 0 and "passed all tests" in done.stdout, done.stdout[-1500:] + done.stderr[-500:])


@scenario
def pacemaker_roles(world):
    """Start, promote, demote and stop, and their codes; a daemon that has died, and what is wrong in the parameters."""
    agent, second = agents(world)
    agent.run("monitor", NOT_RUNNING)
    agent.run("stop")
    agent.run("start")
    agent.run("start")
    agent.run("monitor")
    second.says(UP % "mx1")
    agent.run("promote")
    agent.run("monitor", PROMOTED)
    wait_until(lambda: second.show("failover")["this_host"]["state"] == "standby-synced", "mx2 follows", 30)
    agent.run("demote")
    agent.run("monitor")
    agent.run("demote")
    agent.run("promote")
    agent.run("monitor", PROMOTED)
    os.kill(daemon_of(agent), 9)
    wait_until(lambda: not process_lives(daemon_of(agent)), "it is dead")
    workers = agent.host.noted()
    check(workers, "nothing is left of it")
    agent.run("monitor", NOT_RUNNING)
    agent.run("stop")
    check(not any(process_lives(pid) for pid in workers), "something serves after the stop")
    agent.given["fifo"] = "notify"
    check("is no absolute path" in agent.run("validate-all", CONFIGURED), "the fifo is not named")
    agent.given.update(fifo="/x", config=agent.host.conf + ".bad")
    with open(agent.given["config"], "w") as conf:
        conf.write("workers = 99;\n")
    check("workers" in agent.run("start", CONFIGURED), "the key is not named")
    agent.run("unknown", UNIMPLEMENTED)
    agent.given["client"] = "/nonexistent/smtpguardctl"
    agent.run("validate-all", INSTALLED)
