"""The build with failpoints, in build/torture."""

import os
import subprocess

from harness import ROOT, Failure


def make():
    folder = os.path.join(ROOT, "build/torture")
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        run("meson", "setup", folder, ROOT, "-Dfailpoints=true", "--buildtype=debugoptimized")
    run("ninja", "-C", folder)
    return folder


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure("`%s` failed:\n%s" % (" ".join(words), (done.stdout + done.stderr)[-3000:]))
