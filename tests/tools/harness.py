"""What scenarios and torture share: the gateway and the tools as processes under control.

Everything runs on loopback, in a temporary folder, and is ended by the one who started it: each
object is a context manager, and nothing that was started outlives it.
"""

import contextlib
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Failure(Exception):
    """Something did not behave as it must; the text says what."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def wait_until(condition, text, seconds=10.0, pause=0.02):
    """Waits until condition() gives something true, which is returned."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure("after %g s still not: %s" % (seconds, text))
        time.sleep(pause)


_ports_given = set()


def free_port(family=socket.AF_INET):
    """A port that nobody listens on now, below the ephemeral ones, and given out only once."""
    for port in range(20000 + os.getpid() % 8000, 32000):
        if port in _ports_given:
            continue
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
            except OSError:
                continue
        _ports_given.add(port)
        return port
    raise Failure("no free port")


def end_process(process, seconds=10.0):
    """SIGTERM, and SIGKILL when that does not help; returns the exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


class Tool:
    """mailsource or mailsink with --control: one command, one line of JSON."""

    def __init__(self, build, name, arguments, log, prefix=()):
        """prefix: what starts it in its place."""
        self.name = name
        self.last = None  # line that was read
        self.log = open(log, "w+")
        self.process = subprocess.Popen(
            [*prefix, os.path.join(build, "tests/tools", name), "--control"] +
            [str(a) for a in arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, bufsize=1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.log):
            try:
                stream.close()
            except BrokenPipeError:
                pass

    def read(self):
        line = self.process.stdout.readline()
        if line == "":
            raise Failure("%s has ended (%s): %s" % (
                self.name, self.process.wait(), self.errors(5) or "no message"))
        self.last = line
        return json.loads(line)

    def command(self, text):
        try:
            self.process.stdin.write(text + "\n")
        except BrokenPipeError:
            pass
        return self.read()

    def send(self, text):
        """A command whose answer is fetched later with read()."""
        self.process.stdin.write(text + "\n")

    def stop(self):
        """Lets it come to its end; returns its closing figures."""
        if self.process.poll() is None:
            try:
                self.process.stdin.write("stop\n")
            except BrokenPipeError:
                pass
        return self.finish()

    def finish(self):
        """Its closing figures, which may have come in the place of an answer."""
        for line in self.process.stdout:
            self.last = line
        self.process.wait()
        check(self.last is not None, "%s gave no figures: %s" % (self.name, self.errors(5)))
        return json.loads(self.last)

    def errors(self, most=20):
        self.log.flush()
        with open(self.log.name) as log:
            return "; ".join(log.read().splitlines()[:most])


class Sink(Tool):
    def __init__(self, build, folder, listeners, ledger=True, save=None, quiet=True, prefix=()):
        self.listeners = listeners
        self.ledger = os.path.join(folder, "sink.ledger") if ledger else None
        arguments = ["--quiet"] if quiet else []
        arguments += ["--ledger", self.ledger] if ledger else []
        arguments += ["--save", save] if save else []
        super().__init__(build, "mailsink", arguments + listeners,
                         os.path.join(folder, "sink.log"), prefix)
        self.read()


class Source(Tool):
    number = 0

    def __init__(self, build, folder, arguments, prefix=()):
        Source.number += 1
        self.ledger = os.path.join(folder, "source-%d.ledger" % Source.number)
        super().__init__(build, "mailsource", ["--ledger", self.ledger] + arguments,
                         os.path.join(folder, "source-%d.log" % Source.number), prefix)


def compare_ledgers(build, sources, sink):
    """The closing line of mailledger; Failure with its complaints when they do not agree."""
    done = subprocess.run([os.path.join(build, "tests/tools/mailledger"), *sources, sink],
                          capture_output=True, text=True)
    check(done.returncode == 0, "ledgers differ: " + done.stdout[-2000:] + done.stderr[-500:])
    return done.stdout.splitlines()[-1]


def gate_program(build):
    return os.path.join(build, "daemon/gate/smtpguard-gate")


def has_gate(build):
    """It was built with one."""
    return os.path.exists(gate_program(build))


def programs_copy(build, folder, worker="smtpguard-worker"):
    """The programs that run as nobody, where nobody may reach them: a clone may lie in /root."""
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o755)
    shutil.copy(os.path.join(build, "worker", worker), os.path.join(folder, "smtpguard-worker"))
    shutil.copy(os.path.join(build, "daemon/manager/smtpguard-manager"), folder)
    shutil.copy(os.path.join(build, "daemon/sync/smtpguard-sync"), folder)
    if has_gate(build):
        shutil.copy(gate_program(build), folder)
    return folder


class Gateway:
    """smtpguardd out of a build folder, as the user nobody, with its own folders."""

    def __init__(self, build, folder, settings="", workers=2, libexec=None, name="gateway"):
        self.build = build
        self.folder = os.path.join(folder, name)
        self.settings = settings
        self.workers_wanted = workers
        self.libexec = libexec
        self.process = None
        self.supervisor = None  # another smtpguardd than the build's
        self.prefix = []  # what starts it in its place
        self.pass_fds = ()
        self.environment = None
        self.runtime = os.path.join(self.folder, "run")
        self.state = os.path.join(self.folder, "state")
        self.conf = os.path.join(self.folder, "smtpguard.conf")
        self.socket = os.path.join(self.runtime, "control.sock")
        self.log_path = os.path.join(self.folder, "log")
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o755)
        if self.libexec is None:
            self.libexec = programs_copy(build, os.path.join(self.folder, "libexec"))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def program(self, name):
        if name == "smtpguardd" and self.supervisor:
            return self.supervisor
        return os.path.join(self.build, {"smtpguardd": "daemon/supervisor/smtpguardd",
                                         "smtpguardctl": "ctl/smtpguardctl"}[name])

    def arguments(self):
        given = ["-c", self.conf, "--runtime-dir", self.runtime, "--state-dir", self.state]
        return given + ["--libexec-dir", self.libexec]

    def write_conf(self):
        with open(self.conf, "w") as conf:
            conf.write('workers = %d;\nuser = "nobody";\nlog: { target = "stderr"; };\n%s\n' %
                       (self.workers_wanted, self.settings))

    def launch(self):
        """The supervisor, not waiting for anything."""
        self.write_conf()
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(
                self.prefix + [self.program("smtpguardd")] + self.arguments(), stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=self.pass_fds,
                env=self.environment)

    def start(self, seconds=20.0):
        self.launch()
        wait_until(self.answers, "the gateway answers `show version`", seconds)
        wait_until(lambda: len(self.workers()) == self.workers_wanted,
                   "%d workers are ready" % self.workers_wanted, seconds)

    def answers(self):
        if self.process.poll() is not None:
            raise Failure("smtpguardd has ended (%d): %s" % (
                self.process.returncode, self.log()[-1000:]))
        return os.path.exists(self.socket) and self.ctl("show version", fails=None)[0] == 0

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def log_end(self, most=2000):
        """The last of it."""
        with open(self.log_path, "rb") as log:
            log.seek(max(0, os.path.getsize(self.log_path) - most))
            return log.read().decode(errors="replace")

    def ctl(self, *lines, json_form=False, fails=False, seconds=20):
        """Runs command lines; (exit code, output). fails: False it must not, True it must."""
        words = [self.program("smtpguardctl"), "-s", self.socket]
        words += ["--json"] if json_form else []
        for line in lines:
            words += ["-c", line]
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds,
                              stdin=subprocess.DEVNULL, errors="replace")
        output = done.stdout + done.stderr
        if fails is not None:
            check((done.returncode != 0) == fails, "`%s` gave %d: %s" % (
                "; ".join(lines), done.returncode, output[-500:]))
        return (done.returncode, output) if fails is None else output

    def show(self, what):
        text = self.ctl("show " + what, json_form=True)
        try:
            value = json.loads(text)
        except ValueError:
            raise Failure("`--json show %s` is not JSON: %s" % (what, text[:300]))
        check("schema" in value, "`--json show %s` has no schema" % what)
        return value

    def configure(self, *lines):
        return self.ctl("configure terminal", *lines, "end")

    def static(self, listen, server):
        """listen, server: "127.0.0.1:2525" or "[::1]:2525"."""
        def words(address):
            host, port = address.rsplit(":", 1)
            return "%s %s" % (host.strip("[]"), port)
        return "static (inside,outside) tcp %s %s" % (words(listen), words(server))

    def counters(self):
        """Counters and gauges by name."""
        answer = self.show("counters")
        return {**answer["counters"], **answer["gauges"]}

    def workers(self):
        """{index: pid} of the workers that are ready."""
        return {w["worker"]: w["pid"] for w in self.show("version")["workers"]
                if w["state"] == "ready"}

    def roles(self):
        """{role: pid} of "supervisor", "manager", "worker N", as far as they are ready."""
        version = self.show("version")
        found = {"supervisor": version["supervisor_pid"], "manager": version["manager_pid"]}
        for worker in version["workers"]:
            if worker["state"] == "ready":
                found["worker %d" % worker["worker"]] = worker["pid"]
        return found

    def noted(self):
        """Pids of the processes in RUNTIME_DIR/workers that live."""
        try:
            with open(os.path.join(self.runtime, "workers")) as file:
                lines = [line.split() for line in file.read().splitlines()[1:]]
        except OSError:
            return []
        return [int(pid) for _, _, pid, started in lines if started_at(int(pid)) == started]

    def processes(self):
        """Pids of the supervisor, all below it, and all that an earlier one had started."""
        found, pending = self.noted(), [self.process.pid]
        while pending:
            pid = pending.pop()
            found += [pid] if pid not in found else []
            try:
                with open("/proc/%d/task/%d/children" % (pid, pid)) as children:
                    pending += [int(child) for child in children.read().split()]
            except OSError:
                pass
        return found

    def kill_all(self):
        """kill -9 of every process; first of the one that would start others.  Any may just have come to its end."""
        own = self.process.pid
        for pid in [own] + [pid for pid in self.processes() if pid != own]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=40.0):
        """SIGTERM; the exit code once all its processes are gone."""
        pids = self.processes()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure("smtpguardd does not end within %g s of SIGTERM" % seconds)
        left = [pid for pid in pids if process_lives(pid)]
        check(not left, "processes left after the end: %s" % left)
        return code

    def kill_supervisor(self):
        """kill -9; its workers live on. start() starts the next one."""
        self.process.kill()
        self.process.wait()

    def kill(self):
        if self.process is None:
            return
        pids = self.processes() if self.process.poll() is None else self.noted()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in pids:
            if process_lives(pid):
                os.kill(pid, signal.SIGKILL)

    def check_nothing_left(self, seconds=20.0):
        """No slot, no descriptor, no chunk is in use once all sessions have ended."""
        def left():
            counters, version = self.counters(), self.show("version")
            return {name: value for name, value in (
                ("slots_in_use", counters["slots_in_use"]),
                ("descriptors_held", counters["descriptors_held"]),
                ("chunks in use", version["chunks"] - version["chunks_free"])) if value != 0}
        end = time.monotonic() + seconds
        remains = left()
        while remains and time.monotonic() < end:
            time.sleep(0.1)
            remains = left()
        check(not remains, "left behind: %s" % remains)


def process_lives(pid):
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def started_at(pid):
    """The start time as the kernel writes it; None: there is no such process."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


class Lines:
    """The output of a process as lines that can be waited for."""

    def __init__(self, stream):
        self.queue = queue.Queue()
        self.seen = []
        thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        thread.start()

    def _read(self, stream):
        for line in stream:
            self.queue.put(line)

    def wait(self, text, seconds=10.0):
        end = time.monotonic() + seconds
        while True:
            try:
                line = self.queue.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise Failure("no line with %r came; the last ones: %s" % (text, self.seen[-5:]))
            self.seen.append(line.rstrip())
            if text in line:
                return line


class Workplace:
    """A temporary folder that others may enter."""

    def __init__(self, keep=False):
        self.keep = keep

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="smtpguard-test-")
        os.chmod(self.path, 0o755)
        return self.path

    def __exit__(self, *_):
        if not self.keep:
            shutil.rmtree(self.path, ignore_errors=True)
