"""The systemd units say what the survival of sessions rests on."""

import re

import tree

UNIT = "packaging/systemd/smtpguard.service"
DOOR = "packaging/systemd/smtpguard-door.service"
DESCRIPTORS = 5 + 256  # shared memory regions, LISTENERS_MAX

# key -> the value it must have, and what would be lost without it
WANTED = {
    "Type": ("notify", "the store of descriptors and the watchdog need it"),
    "NotifyAccess": ("main", "only the supervisor speaks for the service"),
    "KillMode": ("process", "the workers outlive the supervisor"),
    "OOMPolicy": ("continue", "a worker that the kernel takes does not end the rest"),
    "RuntimeDirectoryPreserve": ("yes", "the next supervisor finds the workers in it, keepalived the track file"),
    "WatchdogSec": ("60s", "a supervisor that hangs is replaced"),
    "Restart": ("always", "the workers wait for the next supervisor"),
}
CAPABILITIES = ("CAP_SYS_PTRACE", "CAP_BPF", "CAP_NET_BIND_SERVICE", "CAP_SETUID", "CAP_SETGID", "CAP_KILL")
CALLS = ("pidfd_getfd", "bpf", "seccomp", "landlock_restrict_self")

DOOR_WANTED = {
    "Type": ("oneshot", "what comes after it begins when the door is there"),
    "RemainAfterExit": ("yes", "it is started once, not again behind the daemon's back"),
    "DefaultDependencies": ("no", "it comes before the network does"),
    "ExecStart": ("/usr/sbin/smtpguardd --door install", "an open door must stay open"),
    "ExecReload": ("/usr/sbin/smtpguardd --door install", "new addresses, and after a flush"),
    "PartOf": ("nftables.service", "which empties the ruleset when it is restarted"),
    "ReloadPropagatedFrom": ("nftables.service", "likewise when it is reloaded"),
}
DOOR_BEFORE = ("network-pre.target", "keepalived.service", "smtpguard.service")


def read(unit):
    values = {}
    for line in tree.read(unit).splitlines():
        match = re.match(r"(\w+)=(.*)", line)
        if match:
            values.setdefault(match.group(1), []).append(match.group(2))
    return values


def differing(unit, values, wanted_values):
    return [f"{unit}: {key} is {values.get(key)}, not {wanted}: {why}"
            for key, (wanted, why) in wanted_values.items() if values.get(key) != [wanted]]


values, door = read(UNIT), read(DOOR)
problems = differing(UNIT, values, WANTED) + differing(DOOR, door, DOOR_WANTED)
before = " ".join(door.get("Before", [])).split()
problems += [f"{DOOR}: Before lacks {name}" for name in DOOR_BEFORE if name not in before]
if "nftables.service" not in " ".join(door.get("After", [])).split():
    problems.append(f"{DOOR}: After lacks nftables.service: its flush would take the door away")
if "ExecStop" in door:
    problems.append(f"{DOOR}: ExecStop would open the door")
if "smtpguard-door.service" not in " ".join(values.get("After", [])).split():
    problems.append(f"{UNIT}: After lacks smtpguard-door.service")
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
