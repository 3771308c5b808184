"""The rules of a map at a running gateway: what is refused, what is counted, what passes unharmed."""

import os
import re
import signal
import socket
import time

from eod_matrix import Client
from harness import check, wait_until
from real_exim import Exim
from real_opensmtpd import Opensmtpd
from postfix import Postfix
from registry import scenario

ASA_MATCHES = (
    ("cmd line length gt 512", "drop-connection log"), ("cmd RCPT count gt 100", "drop-connection log"),
    ("body line length gt 998", "log"), ("header line length gt 998", "drop-connection log"),
    ("sender-address length gt 320", "drop-connection log"),
    ("MIME filename length gt 255", "drop-connection log"), ("ehlo-reply-parameter others", "mask"))

BLOCK = """Global policy:
  Service-policy: global_policy
    Class-map: inspection_default
      Inspect: esmtp NAME, packet N, drop N, reset-drop N
        mask-banner, count N
        match cmd line length gt 512
          drop-connection log, packet N
        match cmd RCPT count gt 100
          drop-connection log, packet N
        match body line length gt 998
          log, packet N
        match header line length gt 998
          drop-connection log, packet N
        match sender-address length gt 320
          drop-connection log, packet N
        match MIME filename length gt 255
          drop-connection log, packet N
        match ehlo-reply-parameter others
          mask, packet N
"""


def use_map(gateway, name, *lines):
    if not name.startswith("_"):
        gateway.configure("policy-map type inspect esmtp " + name, *lines)
    gateway.configure("policy-map global_policy", "class inspection_default", "inspect esmtp " + name)


def say(client, *lines):
    for line, code in lines:
        got = client.say(line)
        check(got == code, "%s got %d, not %d" % (line, got, code))


def envelope(client, greeting=b"EHLO client.test"):
    check(client.reply() == 220, "no greeting")
    say(client, (greeting, 250))
    transaction(client)


def transaction(client):
    say(client, (b"MAIL FROM:<a@client.test>", 250), (b"RCPT TO:<you@example.org>", 250))


@scenario
def service_policy_block(world):
    """41 long header lines under the ASA's map: the block of `show service-policy`, with packet 41."""
    world.sink()
    gateway = world.gate()
    lines = ["parameters", "mask-banner", "no mail-relay", "no special-character", "no allow-tls", "exit"]
    for match, action in ASA_MATCHES:
        lines += ["match " + match, action, "exit"]
    use_map(gateway, "asa", *lines)
    for _ in range(41):
        client = Client(world.listen)
        with client.socket:
            envelope(client)
            say(client, (b"DATA", 354))
            client.send([b"Subject: a\r\nX-Long: " + b"x" * 991 + b"\r\n\r\nbody\r\n.\r\n"])
            check(client.reply() == 554 and client.reply() == 0, "the session went on")
    text = gateway.ctl("show service-policy inspect esmtp")
    form = re.sub(r"esmtp \S+, ", "esmtp NAME, ", re.sub(r"(packet|drop|count) \d+", r"\1 N", text))
    check(form == BLOCK, "another block: " + text)
    check("header line length gt 998\n          drop-connection log, packet 41\n" in text, "not 41: " + text)
    matches = gateway.show("service-policy")["policies"][0]["rules"][-1]["matches"]
    check([m["packets"] for m in matches][3] == 41, "JSON: %s" % matches)
    check(gateway.log().count("108004: ESMTP Classification: Dropped connection for ESMTP Request from "
                              "outside:127.0.0.1/") == 41, "108004 is not there 41 times")
    check("; matched Class 4: header line length gt 998" in gateway.log(), "no class in 108004")
    gateway.check_nothing_left()


def refused_midway(world, server, count):
    """Refusals in DATA and in BDAT, before and after something was forwarded; then mail that is good."""
    world.server = server.address
    gateway = world.gate()
    use_map(gateway, "strict", "match header line length gt 200", 'reject 552 5.3.4 "header" log', "exit",
            "match body line length gt 300", 'reject 554 5.6.0 "body" log')
    chunking = "CHUNKING" in ehlo_of(world.listen)
    early = b"Subject: refused\r\nX: " + b"x" * 300 + b"\r\n\r\nbody\r\n"
    late = b"Subject: refused\r\n\r\n" + b"line\r\n" * 20000 + b"y" * 400 + b"\r\nend\r\n"
    for content, code in ((early, 552), (late, 554)):
        client = Client(world.listen)
        with client.socket:
            envelope(client)
            say(client, (b"DATA", 354))
            client.send([content + b".\r\n"])
            check(client.reply() == code, "DATA was not refused")
            check(client.say(b"QUIT") == 221, "no 221")
        if chunking:
            refused_chunk(world.listen, content, code)
    good = Client(world.listen)
    with good.socket:
        envelope(good)
        say(good, (b"DATA", 354))
        good.send([b"Subject: good\r\n\r\nbody\r\n.\r\n"])
        check(good.reply() == 250 and good.say(b"QUIT") == 221, "good mail was refused")
    wanted = count + chunking * 2
    wait_until(lambda: len(server.messages()) >= wanted, "%d messages are delivered" % wanted, 40, 0.2)
    texts = [server.content(n) for n in server.messages()] if hasattr(server, "content") else server.contents()
    check(len(texts) == wanted and not any(b"refused" in text for text in texts), "a refused message arrived")
    gateway.check_nothing_left()


def ehlo_of(listen):
    host, port = listen.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 20) as connection:
        connection.recv(4096)
        connection.sendall(b"EHLO client.test\r\n")
        return connection.recv(4096).decode()


def refused_chunk(listen, content, code):
    """The whole in one last chunk; the same session then gives a good message."""
    client = Client(listen)
    with client.socket:
        envelope(client)
        client.send([b"BDAT %d LAST\r\n" % len(content) + content])
        check(client.reply() == code, "BDAT was not refused")
        transaction(client)
        text = b"Subject: good\r\n\r\nlines that\nend in LF\n.\n"
        client.send([b"BDAT 9\r\n" + text[:9] + b"BDAT %d LAST\r\n" % (len(text) - 9) + text[9:]])
        check(client.reply() == 250 and client.reply() == 250, "good chunks were refused")
        check(client.say(b"QUIT") == 221, "no 221")


@scenario
def refused_midway_postfix(world):
    """Content refused in mid-DATA and mid-BDAT: Postfix queues nothing of it."""
    server = world.keep(Postfix(world.folder))
    refused_midway(world, server, 1)


@scenario
def refused_midway_exim(world):
    """The same with Exim."""
    refused_midway(world, world.keep(Exim(world.folder)).wait(), 1)


@scenario
def refused_midway_opensmtpd(world):
    """The same with OpenSMTPD, which offers no CHUNKING."""
    refused_midway(world, world.keep(Opensmtpd(world.folder)).wait(), 1)


@scenario
def held_back_is_shown(world):
    """A header that waits to be judged: `show conn` says how much is held, and what follows content."""
    world.sink()
    gateway = world.gate()
    use_map(gateway, "strict", "match MIME filename length gt 100", 'reject 554 5.6.1 "name"')
    client = Client(world.listen)
    head = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n"
    with client.socket:
        envelope(client)
        say(client, (b"DATA", 354))
        client.send([head])

        def traffic():
            return gateway.show("conn")["sessions"][0]["traffic"]
        wait_until(lambda: traffic()["held_to_server"] == len(head), "the header is held")
        check("%d octets are held until the message is judged" % len(head) in gateway.ctl(
            "show conn " + gateway.show("conn")["sessions"][0]["id"]), "the text does not say so")
        client.send([b"\r\nbody\r\n"])
        wait_until(lambda: traffic()["held_to_server"] == 0, "nothing is held")
        check(traffic()["content_state"] > 0, "the boundary is not remembered")
        client.send([b".\r\n"])
        check(client.reply() == 250 and client.say(b"QUIT") == 221, "it was refused")


@scenario
def greeting_held_back(world):
    """greeting-delay: the greeting waits, also at another worker; who does not wait gets 554."""
    world.sink()
    gateway = world.gate()
    use_map(gateway, "patient", "parameters", "greeting-delay 2000")
    began = time.monotonic()
    client = Client(world.listen)
    with client.socket:
        wait_until(lambda: len(gateway.show("conn")["sessions"]) == 1, "the session is there")
        for pid in gateway.workers().values():
            os.kill(pid, signal.SIGKILL)
        envelope(client)
        waited = time.monotonic() - began
        check(waited >= 2.0, "the greeting came after %.3f s" % waited)
        check(client.say(b"QUIT") == 221, "no 221")
    check(gateway.counters()["early_talkers"] == 0, "it is no early talker")
    use_map(gateway, "strict", "parameters", "greeting-delay 60000")
    client = Client(world.listen)
    with client.socket:
        check(client.say(b"EHLO client.test") == 554 and client.reply() == 0, "an early talker went on")
    wait_until(lambda: gateway.counters()["early_talkers"] == 1, "the early talker is counted")
    check("109009: Client outside:127.0.0.1/" in gateway.log(), "no event")
    gateway.check_nothing_left()


@scenario
def compatibility_map(world):
    """_compat_asa in use: the warning, asterisks for the client, X for the server's verbs."""
    world.sink()
    gateway = world.gate()
    said = gateway.ctl("configure terminal", "policy-map global_policy", "class inspection_default",
                       "inspect esmtp _compat_asa", "end")
    check("harmful" in said, "no warning: " + said)
    host, port = world.listen.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 20) as connection:
        greeting = connection.recv(4096)
        check(re.fullmatch(rb"220 [*20]+\r\n", greeting), "the greeting is %r" % greeting)
    gateway.check_nothing_left()
