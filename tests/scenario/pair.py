"""What one host does about its pair: settings, the door, `show failover`."""

import os
import subprocess

from harness import check
from registry import scenario

KEY = "0123456789abcdef" * 4 + "\n"


def write_key(path, text=KEY, mode=0o600):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def group(key_file, *addresses, listen="127.0.0.1:7925", peer="127.0.0.2:7925", more=""):
    listed = ", ".join('"%s"' % address for address in addresses)
    return ('failover: {\n  node = "mx1";\n  listen = "%s";\n  peer = "%s";\n  key_file = "%s";\n'
            '  addresses = [%s];\n  %s\n};\n' % (listen, peer, key_file, listed, more))


@scenario
def failover_key(world):
    """The key of a pair: -t and start name the file and what is wrong with it, beside all else."""
    conf, key = (os.path.join(world.folder, name) for name in ("pair.conf", "pair.key"))
    program = os.path.join(world.build, "daemon/supervisor/smtpguardd")

    def tried(*options, more=""):
        with open(conf, "w") as file:
            file.write('user = "nobody";\n' + group(key, "192.0.2.10", more=more))
        done = subprocess.run([program, "-c", conf, *options], capture_output=True, text=True,
                              timeout=20)
        return done.returncode, done.stdout + done.stderr

    bad = [("No such file or directory", None, None),
           ("mode 0644; it must be 0600, or 0640", KEY, 0o644),
           ("64 hexadecimal digits", 2 * KEY, 0o600),
           ("is no hexadecimal digit", "x" + KEY[1:], 0o600)]
    for why, text, mode in bad:
        if text is not None:
            write_key(key, text, mode)
        code, said = tried("-t", more="commit = 7;")
        check(code == 78, "-t gave %d: %s" % (code, said))
        wanted = "%s:6: failover.key_file: %s: " % (conf, key)
        check(wanted in said and why in said, "%s is not said: %s" % (why, said))
        check("failover.commit: must be a string" in said, "the other error is not said: " + said)
        code, said = tried("--runtime-dir", os.path.join(world.folder, "run"))
        check(code == 78 and wanted in said, "start gave %d: %s" % (code, said))
    for mode in (0o600, 0o640):
        write_key(key, KEY, mode)
        code, said = tried("-t")
        check(code == 0 and said == "", "a good key is refused (%d): %s" % (code, said))
