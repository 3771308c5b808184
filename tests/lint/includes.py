"""Each folder includes only what it may use."""

import re

import tree

PURE = {"stdint.h", "stddef.h", "stdbool.h", "string.h"}
# folder -> (prefixes of our own headers, libraries beside libc); the longest folder that fits rules.
RULES = {
    "worker/inspect": (("worker/inspect/",), None),
    "worker": (("worker/", "shm/", "config.h"), ("liburing.h", "seccomp.h")),
    "shm": (("shm/",), ()),
    "proto": (("proto/",), ("protobuf-c/", "zstd.h", "zstd_errors.h")),
    "daemon/gate": (("daemon/gate/", "shm/", "worker/lockdown.h", "config.h"), ("libmnl/", "seccomp.h", "bpf/")),
    "daemon/supervisor": (("daemon/supervisor/", "daemon/gate/", "daemon/endpoint.h", "daemon/settings.h",
                           "daemon/sync/key.h", "shm/", "config.h"), ("cap-ng.h", "libmnl/")),
    "daemon/manager": (("daemon/manager/", "daemon/policy/", "daemon/loop.h", "daemon/pair_file.h", "daemon/settings.h",
                        "daemon/sync/role.h", "daemon/sync/role_words.h", "shm/", "proto/", "config.h",
                        "worker/inspect/inspect.h", "worker/inspect/policy.h"),
                       ("libconfig.h", "jansson.h", "systemd/", "openssl/")),
    "daemon/policy": (("daemon/policy/", "worker/inspect/policy.h", "worker/inspect/criterion_table", "shm/policy_area.h",
                       "shm/layout.h", "shm/slot.h"),
                      ("openssl/",)),
    "daemon/sync": (("daemon/sync/", "daemon/gate/", "daemon/endpoint.h", "daemon/loop.h", "daemon/pair_file.h",
                     "daemon/settings.h", "shm/",
                     "proto/", "config.h"),
                    ("openssl/",)),
    "daemon": (("daemon/", "shm/"), ("openssl/",)),
    "ctl": (("ctl/", "proto/", "daemon/policy/", "daemon/manager/settings_load.h", "daemon/manager/settings_value.h",
             "daemon/manager/text.h", "daemon/sync/key.h", "worker/inspect/", "config.h"),
            ("histedit.h", "editline/", "jansson.h")),
}
LIBRARIES = ("liburing", "libconfig.h", "jansson.h", "systemd/", "openssl/", "seccomp.h", "protobuf-c/", "histedit.h",
             "editline/", "cap-ng.h", "hs.h", "hs/", "libmnl/", "zstd.h", "zstd_errors.h", "cmocka.h", "microhttpd.h", "ncurses.h",
             "libmnl/", "bpf/")

problems = []
for path in tree.files(".c", ".h", ".def", under=("shm", "proto", "worker", "daemon", "ctl")):
    folder = max((rule for rule in RULES if path.startswith(rule + "/")), key=len)
    own, libraries = RULES[folder]
    for number, line in enumerate(tree.read(path).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        name = match.group(2)
        if match.group(1) == '"':
            good = name.startswith(own)
        elif libraries is None:
            good = name in PURE
        else:
            good = not name.startswith(LIBRARIES) or name.startswith(libraries)
        if not good:
            problems.append(f"{path}:{number}: {folder} may not include {name}")
for path in tree.files(".c", ".h", ".def", under=("shm", "proto", "worker", "daemon", "ctl", "packaging")):
    if re.search(r'#\s*include\s*"tests/', tree.read(path)):
        problems.append(f"{path}: includes a file of the tests")
tree.finish(problems)
