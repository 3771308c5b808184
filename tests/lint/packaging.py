"""What the package says of itself agrees with the tree: version, build dependencies; the shell scripts parse."""

import os
import re
import subprocess

import tree

SCRIPTS = ("packaging/build", "packaging/dependencies.sh", "packaging/pair.sh", "packaging/pacemaker/smtpguard",
           "packaging/run", "packaging/test", "tests/run")
ONLY_FOR_TESTS = {"libcmocka-dev"}
ALWAYS_THERE = {"libc6-dev"}  # build-essential

problems = []
version = re.search(r"^  version: '(.*)',$", tree.read("meson.build"), re.MULTILINE).group(1)
packaged = re.match(r"smtpguard \((.*?)\) ", tree.read("packaging/debian/changelog")).group(1)
if packaged != version:
    problems.append(f"packaging/debian/changelog is about {packaged}, meson.build about {version}")

control = re.search(r"^Build-Depends:\n((?: .*\n)+)", tree.read("packaging/debian/control"), re.MULTILINE).group(1)
declared = set(re.findall(r"[\w.+-]+-dev\b", control))
table = re.search(r'^debian_build="(.*?)"', tree.read("packaging/dependencies.sh"), re.MULTILINE | re.DOTALL).group(1)
needed = {word for word in table.split() if word.endswith("-dev")} - ONLY_FOR_TESTS - ALWAYS_THERE
for name in sorted(needed ^ declared):
    where = "dependencies.sh" if name in needed else "debian/control"
    problems.append(f"packaging: {name} stands in {where} only")

for script in SCRIPTS:
    path = os.path.join(tree.ROOT, script)
    said = subprocess.run(["bash", "-n", path], capture_output=True, text=True).stderr
    if said:
        problems.append(said.strip())
    if not script.endswith(".sh") and not os.access(path, os.X_OK):
        problems.append(f"{script} cannot be executed")
tree.finish(problems)
