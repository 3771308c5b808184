"""Every event id that the sources name stands in shm/events.def, once."""

import re

import tree

IDS = re.compile(r"\b(10[0-9]{4}|20[0-9]{4}|30[0-9]{4}|50[0-9]{4})u?\b")

catalogue = re.findall(r"^EVENT\((\d+), (\d), (\w+),", tree.read("shm/events.def"), re.MULTILINE)
ids = [number for number, severity, name in catalogue]
names = {name for number, severity, name in catalogue}
problems = [f"shm/events.def: {number} stands there twice" for number in sorted(set(ids)) if ids.count(number) > 1]
for number, severity, name in catalogue:
    if not 0 <= int(severity) <= 7:
        problems.append(f"shm/events.def: {number}: severity {severity}")
for path in tree.files(".c", ".h", ".def", under=("worker/inspect",)):
    for line_number, line in enumerate(tree.code(path).splitlines(), 1):
        for number in IDS.findall(line):
            if number not in ids:
                problems.append(f"{path}:{line_number}: event {number} is not in shm/events.def")
tree.finish(problems)
