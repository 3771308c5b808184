"""What runs out: a clear refusal, those that run go on, and it ends by itself."""

import fcntl
import os
import resource
import time

from faults import held, libexec_with, poison
from garbage import connect
from harness import Gateway, check, free_port, wait_until
from registry import Skip, scenario, swaks

SMALL = 'sessions_max = 400;\nmemory_max = "24 MiB";'
REFUSAL = b"421 4.3.2 "


def cpu_seconds(gateway):
    """CPU that all its processes have used."""
    total = 0
    for pid in gateway.processes():
        with open("/proc/%d/stat" % pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def check_quiet(gateway, what):
    """It does not spin: two seconds cost next to nothing."""
    before = cpu_seconds(gateway)
    time.sleep(2)
    used = cpu_seconds(gateway) - before
    check(used < 0.8, "%.2f s of CPU in 2 s while %s" % (used, what))


def event(gateway, identity, text, seconds=20):
    """Waits for an event of that id with this text."""
    def told():
        return any(identity in line and text in line
                   for line in gateway.ctl("show events").splitlines())
    return wait_until(told, "event %s %r" % (identity, text), seconds)


def greeting(address):
    """(connection, what it was told first)"""
    connection = connect(address, 30)
    try:
        said = connection.recv(4096)
    except ConnectionResetError:
        said = b""
    return connection, said


def ended_with(connection, seconds=30):
    """All that still comes until the end."""
    connection.settimeout(seconds)
    said = b""
    try:
        while part := connection.recv(4096):
            said += part
    except ConnectionResetError:
        pass
    connection.close()
    return said


def said_so_far(connection):
    """Nothing also if it was reset: when there was not a single chunk for words."""
    connection.setblocking(False)
    try:
        return connection.recv(4096)
    except (BlockingIOError, ConnectionResetError):
        return b""


def mail_gets_through(world, seconds=60):
    """Refusals may come first."""
    return wait_until(lambda: swaks(world.listen)[0] == 0, "a mail gets through", seconds, 0.3)


def crowd_in(world, gateway):
    """Half a command from one client after the other, until the gateway ends the first of them;
    (those that came in, how many were refused).  A refusal is not the end: who comes fast may find
    chunks in use that are given back a moment later."""
    crowd, refused = [], 0
    end = time.monotonic() + 60
    while gateway.counters()["sessions_shed"] == 0:
        check(time.monotonic() < end, "nobody was ended: %d came in, %d were refused, %s" % (
            len(crowd), refused, gateway.counters()))
        for _ in range(20):
            connection, said = greeting(world.listen)
            if said.startswith(b"220 "):
                connection.sendall(b"M")
                crowd.append(connection)
                continue
            connection.close()
            check(said.startswith(b"421 "), "greeted by %r" % said)
            refused += 1
            break
    return crowd, refused


@scenario
def chunks_run_out(world):
    """Half a command from each of many clients: they are ended, mail flows, nobody else is hurt."""
    sink = world.sink()
    gateway = world.gate(settings=SMALL)
    idle = held(world, ("idle",), 5)
    stream = world.source("--messages", -1, "--connections", 4, "--rate", 40, "--sizes", "1k-16k",
                          "--seed", 2, world.listen)
    crowd, refused = crowd_in(world, gateway)
    event(gateway, "109034", "Short of chunks")
    check_quiet(gateway, "chunks are short")
    mail_gets_through(world)
    counters = gateway.counters()
    check(refused <= counters["sessions_refused_chunks"], "%d refused, counted: %s" % (
        refused, counters))
    if counters["sessions_refused_chunks"] > 0:
        event(gateway, "109030", "Short of chunks: ")
    told = [said for said in map(said_so_far, crowd) if said]
    check(told, "nobody was told")
    check(all(said.startswith(b"421 System short of memory") for said in told),
          "those that were ended were told %r" % set(told))
    for connection in crowd:
        connection.close()
    for source in (stream, idle):
        figures = source.stop()
        check(figures["failed"] == 0, "others were hurt: " + source.errors(4))
    gateway.check_nothing_left(60)
    world.ledgers(sink, stream, idle)


@scenario
def slots_run_out(world):
    """One session more than sessions_max: 421 4.3.2, an event, and room again afterwards."""
    sink = world.sink()
    gateway = world.gate(settings="sessions_max = 20;")
    idle = held(world, ("idle", "data"), 10)
    for _ in range(3):
        connection, said = greeting(world.listen)
        check(said.startswith(REFUSAL), "one too many was told %r" % said)
        check(ended_with(connection) == b"", "it was not closed at once")
    check(gateway.counters()["sessions_refused_limit"] == 3, "not counted: %s" % gateway.counters())
    event(gateway, "201011", "Connection limit exceeded 20/20")
    figures = idle.stop()
    check(figures["failed"] == 0, "others were hurt: " + idle.errors(4))
    mail_gets_through(world)
    event(gateway, "109031", "No longer short of sessions: 3 connections")
    gateway.check_nothing_left()
    world.ledgers(sink, idle)


class Limit:
    """A resource limit of a process, and of what it starts, while the block lasts."""

    def __init__(self, pid, resource_kind, most):
        self.pid = pid
        self.kind = resource_kind
        self.most = most

    def __enter__(self):
        self.before = resource.prlimit(self.pid, self.kind)
        resource.prlimit(self.pid, self.kind, (self.most, self.before[1]))

    def __exit__(self, *_):
        resource.prlimit(self.pid, self.kind, self.before)


def first_free(pid):
    """The lowest descriptor that is not open."""
    return min(set(range(10000)) - {int(name) for name in os.listdir("/proc/%d/fd" % pid)})


@scenario
def descriptors_run_out(world):
    """No descriptor for another session: 421 4.3.2; not even one to say so: it waits its turn."""
    sink = world.sink()
    gateway = world.gate()
    idle = held(world, ("idle", "data"), 5)
    pid = gateway.process.pid
    with Limit(pid, resource.RLIMIT_NOFILE, first_free(pid)):
        connection, said = greeting(world.listen)
        check(said.startswith(REFUSAL), "without a descriptor it was told %r" % said)
        connection.close()
    check(gateway.counters()["sessions_refused_descriptors"] >= 1, "not counted")
    event(gateway, "109030", "Short of descriptors: connections are refused")
    mail_gets_through(world)
    with Limit(pid, resource.RLIMIT_NOFILE, 4):
        waiting = connect(world.listen, 30)
        wait_until(lambda: gateway.counters()["accepts_put_off"] > 0, "it is put off")
        check_quiet(gateway, "no descriptor is left")
        idle.send("status")
        check(idle.read()["failed"] == 0, "others were hurt: " + idle.errors(4))
    check(waiting.recv(4096).startswith(b"220 "), "who waited was not served")
    waiting.close()
    event(gateway, "109031", "No longer short of descriptors")
    figures = idle.stop()
    check(figures["failed"] == 0, "others were hurt: " + idle.errors(4))
    gateway.check_nothing_left()
    world.ledgers(sink, idle)


def in_a_small_disk(world, size="256k"):
    """A gateway whose state folder is a file system of its own, which nobody else sees."""
    gateway = Gateway(world.build, world.folder, "", 2, None, "gateway")
    os.makedirs(gateway.state)
    gateway.prefix = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                      "mount -t tmpfs -o size=%s none %s && exec \"$0\" \"$@\"" % (
                          size, gateway.state)]
    world.gateways.append(gateway)
    return world.keep(gateway)


class FullDisk:
    """While the block lasts, not a byte can be added to the folder's file system."""

    def __init__(self, folder):
        self.filler = os.path.join(folder, "filler")

    def __enter__(self):
        with open(self.filler, "wb", buffering=0) as filler:
            for size in (65536, 512, 1):
                try:
                    while filler.write(bytes(size)):
                        pass
                except OSError:
                    pass

    def __exit__(self, *_):
        os.remove(self.filler)


@scenario
def disk_is_full(world):
    """write memory says so and leaves the old one; a poisoned session ends all the same."""
    sink = world.sink()
    gateway = in_a_small_disk(world)
    gateway.libexec = libexec_with(world, "smtpguard-worker-crash")
    gateway.start()
    world.listen = "127.0.0.1:%d" % free_port()
    gateway.configure(gateway.static(world.listen, world.server), "hostname mx-before")
    gateway.ctl("write memory")
    inside = "/proc/%d/root%s" % (gateway.process.pid, gateway.state)
    saved = os.path.join(inside, "startup-config")
    with open(saved, "rb") as file:
        before = file.read()
    others = held(world, ("idle", "data"), 5)
    with FullDisk(inside):
        said = gateway.configure("hostname mx-after")
        check("would be lost" in said and "No space left" in said, "no warning: " + said)
        for _ in range(12):
            said = gateway.ctl("write memory", fails=True)
        check("Cannot save the configuration" in said and "No space left" in said,
              "no clear error: " + said)
        with open(saved, "rb") as file:
            check(file.read() == before, "the old startup-config was touched")
        names = sorted(os.listdir(inside))
        check("startup-config.new" not in names, "left behind: %s" % names)
        check(poison(world.listen).startswith(b"421 4.3.0"), "a poisoned session was not ended")
        event(gateway, "109036", "is not kept in quarantine: No space left on device")
        check(gateway.counters()["quarantine_failed"] == 1, "not counted")
        check(os.listdir(os.path.join(inside, "quarantine")) == [], "half a file is left")
    wait_until(lambda: len(gateway.workers()) == 2, "both workers are back", 20)
    check("OK" in gateway.ctl("write memory"), "there is room, and it is not saved")
    with open(saved, "rb") as file:
        check(b"mx-after" in file.read(), "the new configuration is not saved")
    check(poison(world.listen).startswith(b"421 4.3.0"), "a poisoned session was not ended")
    wait_until(lambda: os.listdir(os.path.join(inside, "quarantine")), "a quarantine file", 20)
    wait_until(lambda: len(gateway.workers()) == 2, "both workers are back", 30)
    figures = others.stop()
    check(figures["failed"] == 0, "others were hurt: " + others.errors(4))
    gateway.check_nothing_left()
    world.ledgers(sink, others)


@scenario
def nobody_reads_the_log(world):
    """Standard error is a pipe that nobody reads: nothing waits for it, what is lost is told."""
    world.sink()
    gateway = Gateway(world.build, world.folder, "", 2, None, "gateway")
    world.keep(gateway)
    fifo = os.path.join(world.folder, "log.fifo")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    gateway.prefix = ["sh", "-c", "exec \"$0\" \"$@\" 2>" + fifo]
    gateway.start()
    world.listen = "127.0.0.1:%d" % free_port()
    gateway.configure(gateway.static(world.listen, world.server))
    source = world.source("--messages", 200, "--connections", 4, "--per-connection", 1,
                          world.listen)
    figures = source.finish()
    check(figures["given"] == 200 and figures["failed"] == 0, "mail waits: %s" % figures)
    lost = wait_until(lambda: gateway.counters()["events_lost"], "lost events are counted", 20)
    os.kill(gateway.workers()[0], 9)
    wait_until(lambda: len(gateway.workers()) == 2, "a worker is replaced", 20)
    check(read_pipe(reader) > 0, "nothing was said at all")
    event(gateway, "109035", "events were lost")
    said = b""
    def told():
        nonlocal said
        said += read_bytes(reader)
        return b"109035" in said
    wait_until(told, "the loss is told where it was lost (%d)" % lost, 20)
    source = world.source("--messages", 200, "--connections", 4, "--per-connection", 1,
                          "--seed", 2, world.listen)
    source.finish()
    check(gateway.stop() == 0, "it did not end well")
    os.close(reader)


def read_bytes(reader):
    said = b""
    try:
        while part := os.read(reader, 65536):
            said += part
    except BlockingIOError:
        pass
    return said


def read_pipe(reader):
    return len(read_bytes(reader))


def address_space(pid):
    with open("/proc/%d/statm" % pid) as statm:
        return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


@scenario
def no_address_space(world):
    """A worker that cannot map its memory is tried again, ever more rarely; the others carry on."""
    if world.is_sanitized():
        raise Skip("sanitizers need the address space")
    sink = world.sink()
    gateway = world.gate()
    others = held(world, ("idle", "data"), 5)
    with Limit(gateway.process.pid, resource.RLIMIT_AS, 64 << 20):
        started = gateway.counters()["workers_started"]
        victim = gateway.workers()[0]
        os.kill(victim, 9)
        event(gateway, "109010", "exit status 71")
        time.sleep(3)
        tried = gateway.counters()["workers_started"] - started
        check(1 <= tried <= 8, "it was started %d times in 3 s" % tried)
        check("shared memory: Cannot allocate memory" in gateway.log(), "no reason was given")
        mail_gets_through(world)
        check_quiet(gateway, "a worker cannot be started")
    wait_until(lambda: len(gateway.workers()) == 2, "both workers are back", 30)
    figures = others.stop()
    check(figures["failed"] == 0, "others were hurt: " + others.errors(4))
    gateway.check_nothing_left()
    world.ledgers(sink, others)


@scenario
def no_manager(world):
    """A manager that cannot map its memory is tried again, ever more rarely; mail flows meanwhile."""
    if world.is_sanitized():
        raise Skip("sanitizers need the address space")
    sink = world.sink()
    gateway = world.gate()
    before = gateway.ctl("show running-config")
    started = gateway.counters()["managers_started"]
    others = held(world, ("idle", "data"), 5)
    with Limit(gateway.process.pid, resource.RLIMIT_AS, 64 << 20):
        os.kill(gateway.roles()["manager"], 9)
        wait_until(lambda: "smtpguard-manager: shared memory: Cannot allocate memory" in gateway.log(),
                   "a reason is given", 20)
        mail_gets_through(world)
        check_quiet(gateway, "no manager can be started")
    wait_until(lambda: gateway.ctl("show version", fails=None)[0] == 0, "a manager answers", 30)
    tried = gateway.counters()["managers_started"] - started
    check(tried <= 12, "it was started %d times" % tried)
    check(gateway.ctl("show running-config") == before, "the configuration is another one")
    figures = others.stop()
    check(figures["failed"] == 0, "others were hurt: " + others.errors(4))
    gateway.check_nothing_left()
    world.ledgers(sink, others)
