"""A pure library (the inspection core, the role machine) asks nothing of its surroundings: it needs only memory
functions, and has no data that can be written.

usage: purity.py NM LIBRARY [FUNCTION THAT IT MAY CALL]...
"""

import os
import re
import subprocess
import sys

import tree

ALLOWED = {"memchr", "memrchr", "memcmp", "memcpy", "memmove", "memset", "strlen", "_GLOBAL_OFFSET_TABLE_"}
# What the compiler's __builtin_cpu_supports() reads: a constant of the machine.
ALLOWED |= {"__cpu_model", "__cpu_indicator_init"}
ALLOWED |= set(sys.argv[3:])
# What compilers and sanitizers put in by themselves.
SUPPORT = re.compile(r"__(asan|ubsan|msan|tsan|sanitizer|stack_chk|gcov|llvm|mem\w+_chk|sancov)|"
                     r"__stack_chk_fail|__start___sancov|__stop___sancov")


def symbols(kind):
    result = subprocess.run([sys.argv[1], kind, sys.argv[2]], check=True, capture_output=True, text=True)
    for line in result.stdout.splitlines():
        words = line.split()
        if len(words) >= 2 and len(words[-2]) == 1:
            yield words[-2], words[-1]


defined = {name for kind, name in symbols("--defined-only") if kind.isupper()}
needed = {name for kind, name in symbols("-u")}
library = os.path.basename(sys.argv[2])
problems = [f"{library} needs {name}" for name in sorted(needed - defined - ALLOWED) if not SUPPORT.match(name)]
# b, d, C: data that can be written.  Constants lie in r (and in d/D only as .data.rel.ro under PIE).
for kind, name in symbols("--defined-only"):
    if kind in "bBcC" and not SUPPORT.search(name) and not name.startswith(("__odr_asan", ".")):
        problems.append(f"{library} has writable data: {name}")
tree.finish(problems)
