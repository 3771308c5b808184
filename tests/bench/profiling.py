"""Where the CPU time of a gateway's processes goes during one run of a load, by samples of perf."""

import os
import shutil
import signal
import subprocess
from collections import Counter

FREQUENCY = 1999

# A sample belongs to the first line of which a word begins one of its functions, seen from the caller.
KERNEL_PARTS = (
    ("own code: page faults", ("exc_page_fault", "asm_exc_page_fault")),
    ("send", ("tcp_sendmsg",)),
    ("receive", ("tcp_recvmsg", "inet_recvmsg")),
    ("connect", ("__x64_sys_connect", "inet_stream_connect")),
    ("accept", ("__x64_sys_accept", "inet_accept", "inet_csk_accept")),
    ("shutdown, close", ("__x64_sys_shutdown", "__x64_sys_close", "inet_shutdown", "tcp_close", "inet_release",
                         "__x64_sys_exit_group")),
    ("socket options", ("__x64_sys_setsockopt", "__x64_sys_getsockopt", "do_sock_getsockopt",
                        "do_sock_setsockopt", "tcp_getsockopt", "tcp_setsockopt", "__x64_sys_ioctl")),
    ("packets between processes", ("unix_",)),
    ("wait, wake", ("__x64_sys_epoll_wait", "io_cqring_wait", "schedule", "__x64_sys_ppoll", "futex")),
    ("io_uring", ("io_", "__do_sys_io_uring_enter", "__x64_sys_io_uring_enter")),
)
OTHER_KERNEL = "system call entry, other kernel"
OWN = "own code"


def is_available():
    return shutil.which("perf") is not None


class Recording:
    """perf records the given processes as long as the block lasts."""

    def __init__(self, pids, folder):
        self.path = os.path.join(folder, "perf.data")
        self.pids = pids

    def __enter__(self):
        self.process = subprocess.Popen(
            ["perf", "record", "-q", "-g", "-e", "cpu-clock", "-F", str(FREQUENCY), "-o", self.path,
             "-p", ",".join(map(str, self.pids))],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()

    def samples(self):
        """(process, [(function, object)], the innermost first) of each sample."""
        said = subprocess.run(["perf", "script", "-i", self.path, "-F", "comm,ip,sym,dso"],
                              capture_output=True, text=True, timeout=300, check=True).stdout
        for block in said.split("\n\n"):
            lines = [line for line in block.splitlines() if line.strip()]
            if len(lines) > 1:
                yield lines[0].strip(), [frame(line) for line in lines[1:]]


def frame(line):
    """`ADDRESS FUNCTION (OBJECT)`"""
    words = line.split()
    return " ".join(words[1:-1]), words[-1].strip("()")


def part_of(frames):
    kernel = [function for function, where in frames
              if where.startswith("[") and where not in ("[unknown]", "[vdso]")]
    if not kernel:
        return OWN
    for function in reversed(kernel):
        for part, beginnings in KERNEL_PARTS:
            if function.startswith(beginnings) and part != "io_uring":
                return part
    return "io_uring" if any(function.startswith(KERNEL_PARTS[-1][1]) for function in kernel) else OTHER_KERNEL


def shares(recording):
    """process -> part -> samples"""
    found = {}
    for process, frames in recording.samples():
        found.setdefault(process, Counter())[part_of(frames)] += 1
    return found


def table(load, found):
    """Percent of all samples of the gateway; parts below one in a hundred are left out."""
    total = sum(sum(parts.values()) for parts in found.values())
    lines = ["%s (%d samples):" % (load.title, total), "", "| process | share | of that |", "|---|---:|---|"]
    for process, parts in sorted(found.items(), key=lambda item: -sum(item[1].values())):
        mine = sum(parts.values())
        if mine * 100 >= total:
            lines.append("| %s | %d %% | %s |" % (process, mine * 100 / total, ", ".join(
                "%s %d" % (part, round(count * 100 / mine)) for part, count in parts.most_common()
                if count * 100 >= mine)))
    return lines + [""]
