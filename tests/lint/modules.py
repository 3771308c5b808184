"""Every .c file has its .h of the same name, but for programs; every test is registered."""

import os
import re

import tree

PROGRAM = re.compile(r"^(main|LLVMFuzzerTestOneInput)\(", re.MULTILINE)


def registered(folder, name):
    return re.search(rf"'{re.escape(name)}'", tree.read(os.path.join(folder, "meson.build"))) is not None


problems = []
for path in tree.files(".c"):
    header = path[:-2] + ".h"
    if path.endswith(".bpf.c"):
        continue  # a program too, but of the kernel
    if not os.path.exists(os.path.join(tree.ROOT, header)) and not PROGRAM.search(tree.read(path)):
        problems.append(f"{path} has no {os.path.basename(header)} and is no program")
    folder, name = os.path.split(path)
    if name.endswith("_test.c") and not registered(folder, name[:-len("_test.c")]):
        problems.append(f"{path} is not registered")
    if folder == "tests/fuzz" and name.endswith("_fuzzer.c"):
        target = name[:-len("_fuzzer.c")]
        if not registered(folder, target):
            problems.append(f"{path} is not registered")
        corpus = os.path.join(tree.ROOT, folder, "corpus", target)
        if not os.path.isdir(corpus) or not os.listdir(corpus):
            problems.append(f"{path} has no corpus")
for path in tree.files(".in", under=("tests/dialogue",)):
    folder, name = os.path.split(path)
    if not registered(folder, name[:-3]):
        problems.append(f"{path} is not registered")
    if not os.path.exists(os.path.join(tree.ROOT, path[:-3] + ".ref")):
        problems.append(f"{path} has no .ref")
for path in tree.files(".trace", under=("tests/role",)):
    folder, name = os.path.split(path)
    if not registered(folder, name[:-len(".trace")]):
        problems.append(f"{path} is not registered")
tree.finish(problems)
