"""Configuration, shows, start and stop."""

import json
import os
import signal
import subprocess
import time

from harness import Lines, check, free_port, process_lives, wait_until
from registry import scenario, swaks


def first_session(gateway):
    return wait_until(lambda: gateway.show("conn")["sessions"], "a session is shown")[0]["id"]


@scenario
def clear_conn(world):
    """clear conn ID ends that session with 421 4.3.2, and no other."""
    world.sink()
    gateway = world.gate()
    source = world.source("--phase", "commands:2", world.listen)
    wait_until(lambda: source.command("status")["phases"]["commands"] == 2, "two sessions")
    victim = first_session(gateway)
    check(victim in gateway.ctl("show conn"), "show conn does not name it")
    gateway.ctl("clear conn " + victim)
    wait_until(lambda: source.command("status")["failed"] == 1, "one session was ended")
    check("421" in source.errors(), "it was not told 421: " + source.errors())
    trail = gateway.ctl("show conn " + victim)
    check(victim in trail, "the closed session cannot be read: " + trail)
    check(victim in gateway.ctl("show conn closed"), "show conn closed does not name it")
    time.sleep(0.2)
    check(source.command("status")["failed"] == 1, "another session ended too")


@scenario
def saved_configuration(world):
    """write memory, a restart, and the same configuration; a bad line changes nothing."""
    world.sink()
    gateway = world.gate()
    gateway.configure("hostname mx-guard", "policy-map type inspect esmtp strict", "parameters",
                      "mask-banner classic", "exit", "exit", "policy-map global_policy",
                      "class inspection_default", "inspect esmtp strict")
    before = gateway.ctl("show running-config")
    check("hostname mx-guard" in before and "static" in before, "not configured: " + before)
    code, text = gateway.ctl("configure terminal", "static (inside,outside) nonsense", fails=None)
    check(code != 0, "nonsense was accepted: " + text)
    check(gateway.ctl("show running-config") == before, "a bad line changed the configuration")
    gateway.ctl("write memory")
    check(gateway.stop() == 0, "the gateway did not end well")
    gateway.start()
    after = gateway.ctl("show running-config")
    check(after == before, "another configuration after the restart:\n%s\n%s" % (before, after))
    _, text = swaks(world.listen)
    check("220 " in text and "*" in text.split("220 ", 1)[1][:60], "no classic banner: " + text[:300])


@scenario
def live_change(world):
    """A static is added, changed and removed while mail flows; running sessions keep theirs."""
    sink = world.sink()
    gateway = world.gate()
    first = world.listen
    source = world.source("--phase", "idle:10", first)
    wait_until(lambda: source.command("status")["phases"]["idle"] == 10, "ten idle sessions")
    second = first.rsplit(":", 1)[0] + ":%d" % free_port()
    gateway.configure(gateway.static(second, world.server))
    code, text = swaks(second)
    check(code == 0, "the new static does not work: " + text[-300:])
    gateway.configure("no " + gateway.static(first, world.server))
    wait_until(lambda: swaks(first)[0] != 0, "the old static takes no connections")
    figures = source.stop()
    check(figures["failed"] == 0, "running sessions were hurt: " + source.errors())
    check(sink.command("figures")["differs"] == 0, "messages were altered")


@scenario
def shows(world):
    """Every show has a text and valid JSON with a schema, during traffic."""
    world.sink()
    gateway = world.gate()
    source = world.source("--phase", "data:5", "--phase", "tls:5", world.listen)
    wait_until(lambda: sum(source.command("status")["phases"].values()) == 10, "ten sessions")
    session = first_session(gateway)
    for what in ("running-config", "running-config all", "version", "conn", "conn detail",
                 "conn " + session, "conn closed", "service-policy",
                 "service-policy inspect esmtp", "counters", "events"):
        check(gateway.ctl("show " + what).strip() != "" or what == "conn closed",
              "show %s prints nothing" % what)
        gateway.show(what)
    check(len(gateway.show("conn")["sessions"]) == 10, "show conn does not have ten sessions")
    code, text = gateway.ctl("show nonsense", fails=None)
    check(code == 64, "an unknown command gives %d: %s" % (code, text))
    source.stop()


@scenario
def events_follow(world):
    """show events follow tells of what happens, while it happens."""
    world.sink()
    gateway = world.gate()
    follower = subprocess.Popen([gateway.program("smtpguardctl"), "-s", gateway.socket,
                                 "show events follow"], stdout=subprocess.PIPE, text=True)
    try:
        lines = Lines(follower.stdout)
        time.sleep(0.3)
        swaks(world.listen)
        for number in ("302013", "109100", "302014"):
            lines.wait("-" + number)
    finally:
        follower.kill()
        follower.wait()


@scenario
def bad_settings(world):
    """A bad smtpguard.conf: -t names all errors as file:line: key: reason; start is refused."""
    conf = os.path.join(world.folder, "bad.conf")
    with open(conf, "w") as file:
        file.write('workers = 1000;\nsessions_max = "many";\nuser = "nobody";\nnonsense = 1;\n')
    program = os.path.join(world.build, "daemon/supervisor/smtpguardd")
    done = subprocess.run([program, "-t", "-c", conf], capture_output=True, text=True, timeout=20)
    text = done.stdout + done.stderr
    check(done.returncode != 0, "-t found nothing: " + text)
    for line, key in ((1, "workers"), (2, "sessions_max"), (4, "nonsense")):
        check("%s:%d: %s" % (conf, line, key) in text, "%s is not named: %s" % (key, text))
    with open(conf, "w") as file:
        file.write("workers = = 2;\n")
    done = subprocess.run([program, "-t", "-c", conf], capture_output=True, text=True, timeout=20)
    check(done.returncode != 0 and conf + ":1" in done.stdout + done.stderr,
          "a syntax error is not placed: " + done.stdout + done.stderr)
    done = subprocess.run([program, "-t", "-c", os.path.join(world.folder, "missing.conf")],
                          capture_output=True, text=True, timeout=20)
    check(done.returncode == 0, "a missing file is not valid: " + done.stdout + done.stderr)


@scenario
def missing_user(world):
    """A user that does not exist: start fails and names it."""
    conf = os.path.join(world.folder, "user.conf")
    with open(conf, "w") as file:
        file.write('user = "nosuchuser";\n')
    done = subprocess.run([os.path.join(world.build, "daemon/supervisor/smtpguardd"), "-c", conf,
                           "--runtime-dir", os.path.join(world.folder, "r"), "--state-dir",
                           os.path.join(world.folder, "s")],
                          capture_output=True, text=True, timeout=20)
    check(done.returncode != 0 and "nosuchuser" in done.stderr,
          "start gave %d: %s" % (done.returncode, done.stderr))


@scenario
def one_of_a_kind(world):
    """A second smtpguardd on the same runtime folder is refused; on another it runs."""
    world.sink()
    gateway = world.gate()
    done = subprocess.run([gateway.program("smtpguardd")] + gateway.arguments(),
                          capture_output=True, text=True, timeout=20)
    check(done.returncode != 0, "two run in one runtime folder")
    world.gateway(name="second")
    code, text = swaks(world.listen)
    check(code == 0, "the first was disturbed: " + text[-300:])


@scenario
def session_limit(world):
    """One session more than sessions_max: 421 4.3.2, and room again when one has ended."""
    world.sink()
    gateway = world.gate(settings="sessions_max = 64;")
    source = world.source("--phase", "commands:64", world.listen)
    wait_until(lambda: source.command("status")["phases"]["commands"] == 64, "64 sessions", 20)
    _, text = swaks(world.listen)
    check("421 4.3.2" in text, "not told 421 4.3.2: " + text[-300:])
    check(gateway.counters()["sessions_refused_limit"] >= 1, "it was not counted")
    source.stop()
    gateway.check_nothing_left()
    code, text = swaks(world.listen)
    check(code == 0, "no room afterwards: " + text[-300:])


@scenario
def stop_drains(world):
    """SIGTERM: running messages are completed, the idle are told 421 4.3.2, no process is left."""
    sink = world.sink()
    gateway = world.gate(settings='drain = "5 s";')
    pids = gateway.processes()
    source = world.source("--messages", -1, "--connections", 10, "--per-connection", 5, "--rate",
                          200, "--any-server", world.listen)
    idle = world.source("--phase", "idle:20", world.listen)
    wait_until(lambda: idle.command("status")["phases"]["idle"] == 20, "twenty idle sessions")
    time.sleep(0.5)
    source.send("stop")
    began = time.monotonic()
    code = gateway.stop(30)
    check(code == 0, "smtpguardd ended with %d" % code)
    check(time.monotonic() - began < 15, "the drain took %.0f s" % (time.monotonic() - began))
    check(not [pid for pid in pids if process_lives(pid)], "processes are left")
    check(source.finish()["failed"] == 0, "messages under way were hurt: " + source.errors(3))
    wait_until(lambda: "421" in idle.errors(1000), "the idle were told 421")
    check(sink.command("figures")["differs"] == 0, "messages were altered")


@scenario
def manager_dies(world):
    """The manager is killed: traffic goes on, it is started again, the configuration stays."""
    sink = world.sink()
    gateway = world.gate()
    source = world.source("--messages", -1, "--connections", 10, "--rate", 300, world.listen)
    manager = gateway.show("version")["manager_pid"]
    before = gateway.ctl("show running-config")
    os.kill(manager, 9)
    wait_until(lambda: gateway.ctl("show version", fails=None)[0] == 0 and
               gateway.show("version")["manager_pid"] != manager, "another manager answers")
    after = gateway.ctl("show running-config")
    check(after == before, "another configuration:\n%s\n%s" % (before, after))
    code, text = swaks(world.listen)
    check(code == 0, "no new session: " + text[-300:])
    figures = source.stop()
    check(figures["failed"] == 0, "sessions were hurt: " + source.errors(3))
    check(json.loads(gateway.ctl("show counters", json_form=True))["counters"]["managers_started"]
          == 2, "managers_started is not 2")
    check(sink.command("figures")["differs"] == 0, "messages were altered")


@scenario
def manager_hangs(world):
    """The manager is stopped: traffic goes on, it is replaced, and what the log lost is told."""
    sink = world.sink()
    gateway = world.gate()
    source = world.source("--messages", -1, "--connections", 10, "--rate", 300, world.listen)
    manager = gateway.show("version")["manager_pid"]
    before = gateway.ctl("show running-config")
    os.kill(manager, signal.SIGSTOP)
    code, text = swaks(world.listen)
    check(code == 0, "no session without a manager: " + text[-300:])
    wait_until(lambda: not process_lives(manager), "the hanging manager is ended", 60)
    wait_until(lambda: gateway.ctl("show version", fails=None)[0] == 0, "another manager answers")
    wait_until(lambda: "-109018: " in gateway.log(), "it is told that it hung")
    after = gateway.ctl("show running-config")
    check(after == before, "another configuration:\n%s\n%s" % (before, after))
    if gateway.counters()["events_lost"] > 0:
        wait_until(lambda: "events were lost" in gateway.log(), "the loss of events is told")
    figures = source.stop()
    check(figures["failed"] == 0, "sessions were hurt: " + source.errors(3))
    check(sink.command("figures")["differs"] == 0, "messages were altered")
