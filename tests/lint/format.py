"""The C files are as clang-format leaves them; skipped (77) where clang-format is missing."""

import os
import shutil
import subprocess
import sys

import tree

formatter = shutil.which("clang-format") or shutil.which("clang-format-14")
if not formatter:
    print("clang-format is missing")
    sys.exit(77)
paths = [os.path.join(tree.ROOT, path) for path in tree.files(".c", ".h")]
result = subprocess.run([formatter, "--dry-run", "--Werror"] + paths, capture_output=True, text=True)
lines = [line for line in result.stderr.splitlines() if "error:" in line]
tree.finish([line.replace(tree.ROOT + "/", "") for line in lines] if result.returncode else [])
