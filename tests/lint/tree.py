"""The source tree, as the lint tests see it: its C files, without build folders."""

import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
FOLDERS = ("shm", "proto", "worker", "daemon", "ctl", "tests", "packaging")


def files(*endings, under=FOLDERS):
    """Paths from the root of all files with these endings."""
    for folder in under:
        for place, folders, names in os.walk(os.path.join(ROOT, folder)):
            folders[:] = sorted(f for f in folders if not f.startswith((".", "build", "__")))
            for name in sorted(names):
                if name.endswith(endings):
                    yield os.path.relpath(os.path.join(place, name), ROOT)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def code(path):
    """The text without comments, strings and characters; the lines keep their numbers."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        return " " + "\n" * match.group().count("\n")

    return re.sub(pattern, blank, read(path), flags=re.DOTALL)


def finish(problems):
    """Prints what is wrong and ends the test."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
