"""The systemd unit says what the survival of sessions rests on."""

import re

import tree

UNIT = "packaging/systemd/smtpguard.service"
DESCRIPTORS = 5 + 256  # shared memory regions, LISTENERS_MAX

# key -> the value it must have, and what would be lost without it
WANTED = {
    "Type": ("notify", "the store of descriptors and the watchdog need it"),
    "NotifyAccess": ("main", "only the supervisor speaks for the service"),
    "KillMode": ("process", "the workers outlive the supervisor"),
    "OOMPolicy": ("continue", "a worker that the kernel takes does not end the rest"),
    "RuntimeDirectoryPreserve": ("restart", "the next supervisor finds the workers in it"),
    "WatchdogSec": ("60s", "a supervisor that hangs is replaced"),
    "Restart": ("always", "the workers wait for the next supervisor"),
}
CAPABILITIES = ("CAP_SYS_PTRACE", "CAP_NET_BIND_SERVICE", "CAP_SETUID", "CAP_SETGID", "CAP_KILL")
CALLS = ("pidfd_getfd", "seccomp", "landlock_restrict_self")

values = {}
for line in tree.read(UNIT).splitlines():
    match = re.match(r"(\w+)=(.*)", line)
    if match:
        values.setdefault(match.group(1), []).append(match.group(2))

problems = []
for key, (wanted, why) in WANTED.items():
    if values.get(key) != [wanted]:
        problems.append(f"{UNIT}: {key} is {values.get(key)}, not {wanted}: {why}")
if int(values.get("FileDescriptorStoreMax", ["0"])[-1]) < DESCRIPTORS:
    problems.append(f"{UNIT}: FileDescriptorStoreMax is below {DESCRIPTORS}")
delay = values.get("RestartSec", [""])[-1]
if not re.fullmatch(r"[0-9]{1,3}ms", delay):
    problems.append(f"{UNIT}: RestartSec is {delay}, not some milliseconds")
if values.get("StartLimitIntervalSec") != ["0"]:
    problems.append(f"{UNIT}: StartLimitIntervalSec is not 0: systemd would give up restarting")
bounds = " ".join(values.get("CapabilityBoundingSet", [])).split()
problems += [f"{UNIT}: CapabilityBoundingSet lacks {name}" for name in CAPABILITIES if name not in bounds]
calls = " ".join(values.get("SystemCallFilter", [])).split()
problems += [f"{UNIT}: SystemCallFilter lacks {name}" for name in CALLS if name not in calls]
if any("smtpguardd" in line for line in values.get("ExecStartPre", [])):
    problems.append(f"{UNIT}: ExecStartPre asks smtpguardd: an error in smtpguard.conf would keep it from taking over")
for key in ("PrivateUsers", "StateDirectory"):
    if key in values:
        problems.append(f"{UNIT}: {key} does not go with how the processes are started")
tree.finish(problems)
