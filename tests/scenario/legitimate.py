"""Good mail as it is on the Internet passes unaltered: the hash of its content before is that after."""

import hashlib
import os
import random
import re
from collections import namedtuple

from eod_matrix import Client
from harness import check, wait_until
from inspection import say, use_map
from postfix import Postfix
from real_postfix import body_of
from registry import scenario

# chunks: sizes of all chunks but the last, which has the rest; None: it comes after DATA.
Mail = namedtuple("Mail", "name content parameters sender recipients chunks")

TINY = (1, 1, 2, 3, 5, 8, 1, 1)


def lines(*text):
    return ("\r\n".join(text) + "\r\n").encode()


def mail(name, content, parameters=b" BODY=8BITMIME", sender=b"", recipients=(b"you@example.org",),
         chunks=None):
    return Mail(name, content, parameters, sender, recipients, chunks)


def tnef():
    """Exchange's winmail.dat: any octets, what would end DATA among them."""
    octets = b"\x78\x9f\x3e\x22" + random.Random(1).randbytes(40000) + b"\r\n.\r\nMAIL FROM:<>\r\n\0\r\n\n"
    return lines("Content-Type: multipart/mixed; boundary=\"=_t\"", "", "--=_t",
                 "Content-Type: application/ms-tnef; name=\"winmail.dat\"",
                 "Content-Disposition: attachment; filename=\"winmail.dat\"",
                 "Content-Transfer-Encoding: binary", "") + octets + lines("", "--=_t--")


SIGNATURE = "DKIM-Signature: v=1; a=rsa-sha256; d=example.net; h=From:To:\r\n Content-Type:Subject; b=" + "A" * 300
DKIM = lines("ARC-Seal: i=1; cv=none; b=" + "B" * 340, SIGNATURE, "From: a@example.net",
             "Content-Type: text/plain", "", "signed", ".dot", "..dots", "")
LONG_HEADER = lines(*["X-Header-%d: %s" % (i, "h" * 70) for i in range(520)], "", "body")
SMIME = lines("Content-Type: multipart/signed; boundary=\"=_b\"", "", "--=_b", "Content-Type: text/plain",
              "", "text", "--=_b", 'Content-Type: application/pkcs7-signature; name="smime.p7s"',
              "Content-Transfer-Encoding: base64", "", "MIIB" * 18, "--=_b--")
LF_TEXT = b"Subject: lines of M365\n\nbare line feeds\n.\n..\n" + b"text\n" * 5000

TEXTS = (
    mail("dkim-arc", DKIM),
    mail("long-header", LONG_HEADER),
    mail("folded-1001", lines("x-cr-hashedpuzzle: a", " " + "p" * 1000, "Subject: folded", "", "body")),
    mail("smime", SMIME),
    mail("utf8", "Subject: Grüße\r\n\r\nΚαλημέρα\r\n".encode()),
    mail("8bit-lines", b"Subject: 8bit\r\n\r\n" + bytes(range(128, 256)) + b"\r\n" + b"z" * 998 + b"\r\n"),
    mail("empty", b""),
    mail("postmaster", DKIM, recipients=(b"postmaster",)),
)

OTHERS = (
    mail("utf8-addresses", DKIM, b" BODY=8BITMIME SMTPUTF8", "jürgen@bücher.example".encode(),
         ("用户@例え.example".encode(),)),
    mail("recipients-100", DKIM, sender=b"list@example.net",
         recipients=[b"r%d@example.org" % i for i in range(100)]),
    mail("recipients-1000", DKIM, sender=b"list@example.net",
         recipients=[b"r%d@example.org" % i for i in range(1000)]),
    mail("tnef", tnef(), b" BODY=BINARYMIME", chunks=()),
    mail("tnef-parts", tnef(), b" BODY=BINARYMIME", chunks=(100, 16384, 4096)),
    mail("tnef-tiny", tnef(), b" BODY=BINARYMIME", chunks=TINY),
    mail("lf", LF_TEXT, chunks=(4000,)),
    mail("lf-tiny", LF_TEXT, chunks=TINY),
    mail("lf-last-0", LF_TEXT, chunks=(len(LF_TEXT),)),
    mail("dkim-chunks", DKIM, chunks=(17, 1)),
    mail("header-chunks", LONG_HEADER, chunks=(1000, 30000)),
    mail("empty-chunk", b"", chunks=()),
)


def envelope(client, one):
    check(client.reply() == 220, "no greeting")
    say(client, (b"EHLO client.test", 250), (b"MAIL FROM:<" + one.sender + b">" + one.parameters, 250))
    client.send([b"".join(b"RCPT TO:<" + r + b">\r\n" for r in one.recipients)])
    check(all(client.reply() == 250 for _ in one.recipients), one.name + ": a recipient was refused")


def deliver(listen, one):
    client = Client(listen)
    with client.socket:
        envelope(client, one)
        if one.chunks is None:
            say(client, (b"DATA", 354))
            client.send([re.sub(rb"(^|\r\n)\.", rb"\1..", one.content) + b".\r\n"])
            check(client.reply() == 250, one.name + " was refused")
        else:
            send_chunks(client, one)
        check(client.say(b"QUIT") == 221, "no 221")


def send_chunks(client, one):
    """As Exchange does: without waiting for the replies."""
    at, pieces = 0, []
    for size in one.chunks:
        pieces.append(b"BDAT %d\r\n" % size + one.content[at:at + size])
        at += size
    client.send(pieces + [b"BDAT %d LAST\r\n" % (len(one.content) - at) + one.content[at:]])
    for _ in range(len(one.chunks) + 1):
        check(client.reply() == 250, one.name + ": a chunk was refused")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def arrived(save):
    """The one file that the sink has saved, which is taken away."""
    names = os.listdir(save)
    check(len(names) == 1, "%d messages have arrived" % len(names))
    path = os.path.join(save, names[0])
    with open(path, "rb") as file:
        content = file.read()
    os.remove(path)
    return content


def all_by_hash(world, *rules):
    save = os.path.join(world.folder, "saved")
    os.makedirs(save)
    sink = world.sink(save=save)
    gateway = world.gate()
    if rules:
        use_map(gateway, "rules", *rules)
    for one in TEXTS + OTHERS:
        deliver(world.listen, one)
        check(sha256(arrived(save)) == sha256(one.content), one.name + ": other content arrived")
    check(sink.command("figures")["violations"] == 0, "the sink complains: " + sink.errors())
    gateway.check_nothing_left()


@scenario
def legitimate_mail_by_hash(world):
    """Signed, long, binary, by chunks, to many: each octet of it passes the default map."""
    check(len(LONG_HEADER) > 40 * 1024, "the long header is too short")
    all_by_hash(world)


@scenario
def legitimate_mail_under_rules(world):
    """The same under a map that follows all content and holds it back until it is judged."""
    all_by_hash(world, "match header line length gt 2000", 'reject 552 5.3.4 "header"', "exit",
                "match body line length gt 50000", 'reject 554 5.6.0 "body"', "exit",
                "match MIME filename length gt 100", 'reject 554 5.6.1 "name"')


@scenario
def legitimate_mail_to_postfix(world):
    """What is text arrives at a real Postfix as it was sent."""
    server = world.keep(Postfix(world.folder))
    world.server = server.address
    gateway = world.gate()
    for one in TEXTS:
        if not one.content or b"@" not in one.recipients[0]:
            continue  # Postfix rewrites both
        deliver(world.listen, one)
        wait_until(lambda: len(server.messages()) == 1, one.name + " is delivered", 20, 0.05)
        delivered = server.content(server.messages()[0])
        server.forget(server.messages()[0])
        check(body_of(delivered).rstrip(b"\r\n") == body_of(one.content).rstrip(b"\r\n"),
              one.name + ": another body")
        check(one.content.split(b"\r\n\r\n", 1)[0] in delivered, one.name + ": another header")
    gateway.check_nothing_left()
