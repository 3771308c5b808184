"""Functions that cannot be used safely are not used; no unfinished work is left in comments."""

import re

import tree

FUNCTIONS = re.compile(r"(?<![\w.>])(strcpy|strcat|stpcpy|sprintf|vsprintf|atoi|atol|atoll|strtok|gets|scanf|sscanf|"
                       r"fscanf|alloca|strncat|tmpnam|mktemp|system|popen|asctime|ctime|gmtime|localtime|rand|srand|"
                       r"io_uring_register_restrictions|io_uring_enable_rings)\s*\(")
MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

problems = []
for path in tree.files(".c", ".h"):
    for number, line in enumerate(tree.code(path).splitlines(), 1):
        match = FUNCTIONS.search(line)
        if match:
            problems.append(f"{path}:{number}: {match.group(1)}() is not used here")
    for number, line in enumerate(tree.read(path).splitlines(), 1):
        match = MARKS.search(line)
        if match and "/*" in line:
            problems.append(f"{path}:{number}: {match.group()}")
tree.finish(problems)
