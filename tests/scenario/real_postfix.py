"""A real Postfix behind the gateway."""

import hashlib
import os
import subprocess

from harness import check, wait_until
from postfix import Postfix
from registry import scenario, swaks

def body_of(content):
    return content.split(b"\r\n\r\n", 1)[1]


def world_with_postfix(world):
    postfix = world.keep(Postfix(world.folder))
    world.server = postfix.address
    return postfix, world.gate()


@scenario
def postfix_gets_its_mail(world):
    """swaks, plain and with TLS, to a real Postfix: the body's hash before is that after."""
    postfix, gateway = world_with_postfix(world)
    lines = ["line %d %s" % (i, "." * (i % 4) + "x" * (i * 7 % 900)) for i in range(400)]
    lines += [".", "..", ".dot", "", "end"]
    message = "Subject: hash\n\n" + "\n".join(lines) + "\n"
    path = os.path.join(world.folder, "message")
    with open(path, "w") as file:
        file.write(message)
    for count, how in enumerate((["--protocol", "ESMTP"], ["-tls"]), 1):
        code, text = swaks(world.listen, "--data", "@" + path, *how)
        check(code == 0 and "queued as" in text, "swaks %s: %s" % (how, text[-500:]))
        wait_until(lambda: len(postfix.messages()) == count, "Postfix has delivered: "
                   + postfix.log()[-300:])
    wanted = hashlib.sha256(body_of(message.replace("\n", "\r\n").encode())).hexdigest()
    for name in postfix.messages():
        got = body_of(postfix.content(name))
        check(hashlib.sha256(got.rstrip(b"\r\n") + b"\r\n").hexdigest() == wanted,
              "the body was changed (%d bytes)" % len(got))
    gateway.check_nothing_left()


@scenario
def postfix_under_load(world):
    """smtp-source to a real Postfix through the gateway: every message is delivered."""
    postfix, gateway = world_with_postfix(world)
    count = 1000 if world.full else 200
    program = os.path.join(postfix.root, "usr/sbin/smtp-source")
    done = subprocess.run([program, "-s", "20", "-m", str(count), "-l", "4096", "-f", "a@b.test",
                           "-t", "you@example.org", world.listen], capture_output=True, text=True,
                          env=postfix.environment, timeout=120)
    check(done.returncode == 0, "smtp-source: " + (done.stdout + done.stderr)[-300:])
    wait_until(lambda: len(postfix.messages()) == count, "all %d are delivered" % count, 60)
    check(gateway.counters()["messages_accepted"] == count, "messages_accepted differs")
    gateway.check_nothing_left()
