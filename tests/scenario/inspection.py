"""The rules of a map at a running gateway: what is refused, what is counted, what passes unharmed."""

import re
import socket

from eod_matrix import Client
from harness import check, wait_until
from real_exim import Exim
from real_opensmtpd import Opensmtpd
from real_postfix import Postfix, body_of
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
    wait_until(lambda: "daemon started" in server.log(), "Postfix has started")
    refused_midway(world, server, 1)


@scenario
def refused_midway_exim(world):
    """The same with Exim."""
    refused_midway(world, world.keep(Exim(world.folder)).wait(), 1)


@scenario
def refused_midway_opensmtpd(world):
    """The same with OpenSMTPD, which offers no CHUNKING."""
    refused_midway(world, world.keep(Opensmtpd(world.folder)).wait(), 1)


def legitimate():
    """Messages as they are on the Internet, each a pair of name and content with CRLF."""
    def lines(*text):
        return ("\r\n".join(text) + "\r\n").encode()
    signature = "DKIM-Signature: v=1; a=rsa-sha256; d=example.net; h=From:To:\r\n Content-Type:Subject; b=" + "A" * 300
    yield "dkim-arc", lines("ARC-Seal: i=1; cv=none; b=" + "B" * 340, signature, "From: a@example.net",
                            "Content-Type: text/plain", "", "signed", ".dot", "..dots", "")
    yield "long-header", lines(*["X-Header-%d: %s" % (i, "h" * 70) for i in range(520)], "", "body")
    yield "folded-1001", lines("x-cr-hashedpuzzle: a", " " + "p" * 1000, "Subject: folded", "", "body")
    yield "smime", lines("Content-Type: multipart/signed; boundary=\"=_b\"", "", "--=_b", "Content-Type: text/plain",
                         "", "text", "--=_b", 'Content-Type: application/pkcs7-signature; name="smime.p7s"',
                         "Content-Transfer-Encoding: base64", "", "MIIB" * 18, "--=_b--")
    yield "utf8", "Subject: Grüße\r\n\r\nΚαλημέρα\r\n".encode()
    yield "8bit-lines", b"Subject: 8bit\r\n\r\n" + bytes(range(128, 256)) + b"\r\n" + b"z" * 998 + b"\r\n"


@scenario
def legitimate_mail_is_unaltered(world):
    """What is good mail passes the default map octet for octet, to a real Postfix."""
    server = world.keep(Postfix(world.folder))
    wait_until(lambda: "daemon started" in server.log(), "Postfix has started")
    world.server = server.address
    gateway = world.gate()
    for name, content in legitimate():
        client = Client(world.listen)
        with client.socket:
            check(client.reply() == 220, "no greeting")
            say(client, (b"EHLO client.test", 250), (b"MAIL FROM:<> BODY=8BITMIME", 250),
                (b"RCPT TO:<you@example.org>", 250), (b"DATA", 354))
            client.send([re.sub(rb"(^|\r\n)\.", rb"\1..", content) + b".\r\n"])
            check(client.reply() == 250, name + " was refused")
            check(client.say(b"QUIT") == 221, "no 221")
        wait_until(lambda: len(server.messages()) == 1, name + " is delivered", 20, 0.05)
        delivered = server.content(server.messages()[0])
        server.forget(server.messages()[0])
        check(body_of(delivered).rstrip(b"\r\n") == body_of(content).rstrip(b"\r\n"), name + ": another body")
        head = content.split(b"\r\n\r\n", 1)[0]
        check(head in delivered, name + ": another header")
    gateway.check_nothing_left()


@scenario
def many_recipients(world):
    """100 and 1,000 recipients of one message, pipelined, and the null sender's postmaster."""
    sink = world.sink()
    gateway = world.gate()
    for count in (100, 1000):
        client = Client(world.listen)
        with client.socket:
            check(client.reply() == 220, "no greeting")
            say(client, (b"EHLO client.test", 250), (b"MAIL FROM:<>", 250), (b"RCPT TO:<postmaster>", 250))
            client.send([b"RCPT TO:<r%d@example.org>\r\n" % i for i in range(count - 1)])
            check(all(client.reply() == 250 for _ in range(count - 1)), "a recipient was refused")
            say(client, (b"DATA", 354))
            client.send([b".\r\n"])
            check(client.reply() == 250 and client.say(b"QUIT") == 221, "the message was refused")
    check(sink.command("figures")["violations"] == 0, "the sink complains")
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
