"""Each header compiles alone, included twice.

usage: headers.py BUILD_FOLDER COMPILER...
"""

import os
import subprocess
import sys
import tempfile

import tree

FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", "-I", tree.ROOT,
         "-I", sys.argv[1]]

problems = []
with tempfile.TemporaryDirectory() as place:
    source = os.path.join(place, "alone.c")
    for path in tree.files(".h"):
        with open(source, "w", encoding="utf-8") as file:
            file.write(f'#include "{path}"\n#include "{path}"\nextern int not_empty;\n')
        result = subprocess.run(sys.argv[2:] + FLAGS + [source], capture_output=True, text=True)
        if result.returncode:
            problems.append(f"{path} does not compile alone:\n{result.stderr}")
tree.finish(problems)
