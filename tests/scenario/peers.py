"""Mail servers of the distribution, unpacked into build/peers/NAME without being installed."""

import glob
import os
import shutil
import subprocess

from harness import ROOT
from registry import Skip

PEERS = os.path.join(ROOT, "build/peers")


def unpack(package, libraries=()):
    """The root of the unpacked package; fetched when it is not there yet."""
    root = os.path.join(PEERS, package)
    done = os.path.join(root, ".complete")
    if os.path.exists(done):
        return root
    archives = os.path.join(PEERS, "archives")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(archives, exist_ok=True)
    os.makedirs(root)
    for name in (package, *libraries):
        fetch(name, archives)
        for archive in glob.glob(os.path.join(archives, name + "_*.deb")):
            subprocess.run(["dpkg-deb", "-x", archive, root], check=True)
    open(done, "w").close()
    return root


def fetch(name, archives):
    if glob.glob(os.path.join(archives, name + "_*.deb")):
        return
    if shutil.which("apt-get") is None:
        raise Skip("%s cannot be fetched: no apt-get here" % name)
    done = subprocess.run(["apt-get", "-q", "download", name], cwd=archives, capture_output=True,
                          text=True)
    if done.returncode != 0:
        raise Skip("%s cannot be fetched: %s" % (name, done.stderr.strip()[-200:]))


def postfix_root():
    root = unpack("postfix", ("libdb5.3", "libicu72", "libnsl2", "libsasl2-2"))
    return root, {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": ":".join((
        os.path.join(root, "usr/lib/postfix"), os.path.join(root, "usr/lib/x86_64-linux-gnu")))}


def postfix_program(name):
    """A program of the Postfix package, and the environment to run it in."""
    installed = shutil.which(name)
    if installed:
        return installed, dict(os.environ)
    root, environment = postfix_root()
    return os.path.join(root, "usr/sbin", name), environment
