"""A mail server that expects users, folders and files of a system: it gets its own, in a mount namespace."""

import os
import shutil
import subprocess

from harness import Failure, end_process, free_port, wait_until
from peers import unpack

# Changes to /etc, /var and /run go into a tmpfs that only this server and its children see, and its
# programs stand where they would be installed.
HOUSE = """set -e
mount -t tmpfs none {work}/house
for place in etc var run; do
	mkdir {work}/house/$place {work}/house/$place-work
	mount -t overlay none -o lowerdir=/$place,upperdir={work}/house/$place,workdir={work}/house/$place-work /$place
done
mount -t overlay none -o lowerdir={root}/usr:/usr /usr
{prepare}
exec {command}
"""


class Housed:
    """A context manager; messages() tells what was delivered into self.box, a maildir."""

    name = ""
    package = ""
    libraries = ()

    def __init__(self, folder):
        if shutil.which("unshare") is None:
            raise Failure("unshare is missing")
        self.root = unpack(self.package, self.libraries)
        self.work = os.path.join(folder, self.name)
        self.port = free_port()
        self.address = "127.0.0.1:%d" % self.port
        self.box = os.path.join(self.work, "box/new")
        os.makedirs(os.path.join(self.work, "house"))
        os.makedirs(os.path.join(self.work, "box"))
        os.chmod(self.work, 0o755)
        shutil.chown(os.path.join(self.work, "box"), "nobody")
        self.output = os.path.join(self.work, "output")
        script = HOUSE.format(work=self.work, root=self.root, prepare=self.prepare(), command=self.command())
        library_path = os.path.join(self.root, "usr/lib/x86_64-linux-gnu")
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(
                ["unshare", "-m", "--propagation", "private", "sh", "-c", script], stdout=output,
                stderr=output, stdin=subprocess.DEVNULL, cwd="/",
                env={"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": library_path})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_process(self.process)

    def wait(self):
        """Until it takes connections."""
        def listens():
            if self.process.poll() is not None:
                raise Failure("%s has ended: %s" % (self.name, self.log()[-600:]))
            with open("/proc/net/tcp") as table:
                return any("0100007F:%04X" % self.port in line and " 0A " in line for line in table)
        wait_until(listens, "%s listens" % self.name)
        return self

    def log(self):
        with open(self.output, errors="replace") as output:
            return output.read()

    def messages(self):
        return os.listdir(self.box) if os.path.isdir(self.box) else []

    def forget(self, name):
        os.remove(os.path.join(self.box, name))

    def contents(self):
        found = []
        for name in self.messages():
            with open(os.path.join(self.box, name), "rb") as file:
                found.append(file.read())
        return found
