"""The supervisor dies: everything that a worker holds goes on, and the next one takes it over."""

import os
import signal
import time

from harness import Gateway, check, free_port, process_lives, wait_until
from faults import held
from garbage import connect
from registry import Skip, scenario, swaks
from service import Service

PHASES = ("envelope", "data", "final", "tls", "idle", "urgent")
EACH = 10
DRAIN = 600  # seconds
ACCEPTED_MOST = 4  # new sessions that a death may cost: accepted and not yet a worker's (accept.h)


def let_end(sink, *sources):
    """All that is held or runs comes to its end; the figures of each source."""
    for source in sources:
        source.send("stop")
    while any(source.process.poll() is None for source in sources):
        sink.command("release")
        time.sleep(0.05)
    return [source.finish() for source in sources]


def all_survived(world, sink, gateway, *sources, unserved=0):
    """unserved: how many may have ended before their greeting, of sources that allow it."""
    for source, figures in zip(sources, let_end(sink, *sources)):
        check(figures["failed"] == 0, "sessions did not survive: " + source.errors(4))
        check(figures["unserved"] <= unserved, "%d sessions ended before their greeting" % figures["unserved"])
    gateway.check_nothing_left()
    world.ledgers(sink, *sources)


def replaced(gateway, index, pid):
    wait_until(lambda: gateway.workers().get(index, pid) != pid, "worker %d is replaced" % index, 30)


@scenario
def supervisor_killed(world):
    """kill -9 of the supervisor: all sessions go on, the next one serves new ones and adopts."""
    sink = world.sink()
    gateway = world.gate()
    source = held(world, PHASES, EACH)
    load = world.source("--messages", -1, "--connections", 10, "--per-connection", 3, "--rate", 100,
                        "--sizes", "1k-64k", "--seed", 2, "--may-lose-new", world.listen)
    deaths = 20 if world.full else 3
    for number in range(deaths):
        time.sleep(0.3)
        workers = gateway.workers()
        gateway.kill_supervisor()
        time.sleep(0.2)
        check(all(process_lives(pid) for pid in workers.values()), "a worker died with it")
        gateway.start()
        check(gateway.workers() == workers, "other workers: %s, %s" % (workers, gateway.workers()))
        code, text = swaks(world.listen)
        check(code == 0, "no new session: " + text[-300:])
        shown = gateway.show("conn")["sessions"]
        check(len(shown) >= EACH * len(PHASES), "%d sessions are shown" % len(shown))
        counters = gateway.counters()
        wait_until(lambda: gateway.log().count("-109017: ") == number + 1, "the death is told")
        check(counters["takeovers"] == number + 1, "takeovers: %d" % counters["takeovers"])
        check(counters["descriptors_held"] >= 2 * EACH * len(PHASES), "descriptors were not taken")
        index = number % 2
        os.kill(workers[index], signal.SIGKILL)
        replaced(gateway, index, workers[index])
    counters = gateway.counters()
    check(counters["sessions_adopted"] > 0, "nothing was adopted")
    check(counters["sessions_lost"] == 0, "sessions were lost")
    all_survived(world, sink, gateway, source, load, unserved=ACCEPTED_MOST * deaths)
    check(gateway.stop() == 0, "the clean stop failed")


@scenario
def supervisor_killed_worker_stopped(world):
    """The supervisor dies while a worker is stopped: the next one takes its sessions from it."""
    sink = world.sink()
    gateway = world.gate()
    source = held(world, PHASES, EACH)
    pid = gateway.workers()[0]
    os.kill(pid, signal.SIGSTOP)
    gateway.kill_supervisor()
    gateway.workers_wanted = 1  # the other one does not answer
    gateway.start()
    gateway.workers_wanted = 2
    code, text = swaks(world.listen)
    check(code == 0, "no new session: " + text[-300:])
    # The watchdog ends it; what it holds is another's then.
    replaced(gateway, 0, pid)
    wait_until(lambda: len(gateway.workers()) == 2, "both workers are ready")
    check(gateway.counters()["sessions_adopted"] > 0, "nothing was adopted")
    all_survived(world, sink, gateway, source)


@scenario
def supervisor_and_worker_killed(world):
    """Both at once: the other worker's sessions go on, the dead one's end, and nothing remains."""
    world.sink()
    gateway = world.gate()
    source = held(world, ("tls", "data", "idle"), 10)
    workers = gateway.workers()
    shown = gateway.show("conn")["sessions"]
    doomed = [session["id"] for session in shown if session["worker"] == 0]
    check(0 < len(doomed) < len(shown), "the sessions are all in one place")
    gateway.kill_supervisor()
    os.kill(workers[0], signal.SIGKILL)
    gateway.start()
    wait_until(lambda: gateway.counters()["sessions_lost"] == len(doomed),
               "%d sessions are counted as lost" % len(doomed))
    left = {session["id"] for session in gateway.show("conn")["sessions"]}
    check(not left & set(doomed), "some are still there: %s" % (left & set(doomed)))
    survivors = {session["id"] for session in shown} - set(doomed)
    check(survivors <= left, "others have gone too: %s" % (survivors - left))
    closed = {session["id"]: session["reason"] for session in gateway.show("conn closed")["sessions"]}
    check(all(closed.get(name) == "Supervisor and worker died" for name in doomed),
          "they were closed so: %s" % closed)
    figures = source.stop()
    check(figures["failed"] == len(doomed), "%d failed, not %d: %s" % (
        figures["failed"], len(doomed), source.errors(4)))
    gateway.check_nothing_left()


@scenario
def supervisor_killed_configuration(world):
    """What was configured and not saved is there afterwards; the old manager is gone."""
    world.sink()
    gateway = world.gate()
    gateway.configure("hostname unsaved-name")
    before = gateway.ctl("show running-config")
    manager = gateway.show("version")["manager_pid"]
    os.kill(manager, signal.SIGSTOP)  # it would see the supervisor's end and leave
    gateway.kill_supervisor()
    gateway.start()
    after = gateway.ctl("show running-config")
    check(after == before, "another configuration:\n%s\n%s" % (before, after))
    check(not process_lives(manager), "the old manager is left")
    code, text = swaks(world.listen)
    check(code == 0 and "unsaved-name" in text, "another name: " + text[-300:])


@scenario
def supervisor_killed_queue(world):
    """Who connects while there is no supervisor waits, and is served by the next one."""
    world.sink()
    gateway = world.gate()
    gateway.kill_supervisor()
    waiting = [connect(world.listen, 30) for _ in range(20)]
    gateway.start()
    for connection in waiting:
        said = connection.recv(4096)
        check(said.startswith(b"220 "), "told %r" % said)
        connection.close()
    gateway.check_nothing_left()


@scenario
def supervisor_killed_settings_wrong(world):
    """An error has come into smtpguard.conf: it is named, and the next supervisor goes on all the same."""
    sink = world.sink()
    gateway = world.gate()
    source = held(world, PHASES, EACH)
    workers = gateway.workers()
    gateway.settings = "workres = 3;"
    gateway.kill_supervisor()
    gateway.start()
    check("workres: unknown key" in gateway.log() and "going on with the settings" in gateway.log(),
          "it does not say so: " + gateway.log()[-500:])
    check(gateway.workers() == workers, "other workers: %s, %s" % (workers, gateway.workers()))
    gateway.kill_supervisor()
    gateway.start()
    all_survived(world, sink, gateway, source)
    check(gateway.stop() == 0, "the clean stop failed")
    check("settings" not in os.listdir(gateway.runtime), "settings are left")
    gateway.launch()
    check(gateway.process.wait(20) == 78, "it starts with a wrong file")


@scenario
def supervisor_short_of_memory(world):
    """The next supervisor cannot map what is there: it leaves it to the one after it."""
    if world.is_sanitized():
        raise Skip("sanitizers need the address space")
    sink = world.sink()
    gateway = world.gate()
    source = held(world, PHASES, EACH)
    workers = gateway.workers()
    gateway.kill_supervisor()
    gateway.prefix = ["prlimit", "--as=%d" % (64 << 20)]
    for _ in range(2):
        gateway.launch()
        ended = gateway.process.wait(30)
        check(ended == 75, "it ended with %d: %s" % (ended, gateway.log()[-300:]))
        check("cannot be taken over: Cannot allocate memory" in gateway.log(), "no reason was given")
        check(all(process_lives(pid) for pid in workers.values()), "a worker was ended")
    gateway.prefix = []
    gateway.start()
    check(gateway.workers() == workers, "other workers: %s, %s" % (workers, gateway.workers()))
    check(gateway.counters()["sessions_lost"] == 0, "sessions were lost")
    all_survived(world, sink, gateway, source)


@scenario
def service_all_killed(world):
    """All processes at once: what systemd kept brings back queue, trails, unsaved configuration."""
    world.sink()
    with Service(world.folder) as service:
        gateway = Gateway(world.build, world.folder, 'drain = "%d s";' % DRAIN)
        world.gateways.append(world.keep(gateway))
        service.attach(gateway, WATCHDOG_USEC="4000000")
        gateway.start()
        world.listen = "127.0.0.1:%d" % free_port()
        gateway.configure(gateway.static(world.listen, world.server), "hostname unsaved-name")
        code, text = swaks(world.listen)
        check(code == 0, "no session: " + text[-300:])
        source = held(world, ("data", "idle"), 5)
        service.wait_for("READY", "1")
        service.wait_for("WATCHDOG", "1")
        wait_until(lambda: service.names() == ["listener"] + ["memory%d" % i for i in range(5)],
                   "memory and listeners are kept, not %s" % service.names())
        closed = gateway.show("conn closed")["sessions"]
        gateway.kill_all()
        waiting = connect(world.listen, 30)
        gateway.settings += "workres = 3;"  # of what is taken over that ends nothing
        service.attach(gateway)
        gateway.start()
        said = waiting.recv(4096)
        check(b"unsaved-name" in said, "the one that waited was told %r" % said)
        waiting.close()
        again = {session["id"]: session["reason"] for session in
                 gateway.show("conn closed")["sessions"]}
        check(all(session["id"] in again for session in closed), "trails were lost: %s" % again)
        check(sum(reason == "Supervisor and worker died" for reason in again.values()) >= 10,
              "the lost sessions are not told: %s" % again)
        source.stop()
        gateway.check_nothing_left()
        check(gateway.stop() == 0, "the clean stop failed")
        wait_until(lambda: not service.names(), "a clean stop leaves nothing in the store")
        asked = [values for values in service.said if "STOPPING" in values][-1]
        check(int(asked["EXTEND_TIMEOUT_USEC"]) > 1000000 * DRAIN, "it did not ask for time: %s" % asked)


@scenario
def supervisor_without_ptrace(world):
    """Without CAP_SYS_PTRACE: it says what that means, and after its death begins anew."""
    world.sink()
    gateway = world.gateway()
    gateway.stop()
    gateway.prefix = ["setpriv", "--bounding-set", "-sys_ptrace"]
    gateway.start()
    check("without CAP_SYS_PTRACE" in gateway.log(), "it does not say so: " + gateway.log())
    old = gateway.workers()
    gateway.kill_supervisor()
    gateway.start()
    check(not any(process_lives(pid) for pid in old.values()), "old workers are left")
    check("are ended" in gateway.log(), "it does not say so: " + gateway.log())
    world.listen = "127.0.0.1:%d" % free_port()
    gateway.configure(gateway.static(world.listen, world.server))
    code, text = swaks(world.listen)
    check(code == 0, "no session: " + text[-300:])
