"""Messages from one Postfix to another through a pair of which the active host is lost again and again, with
swaks and openssl beside them."""

import hashlib
import os
import random
import smtplib
import subprocess
import threading
import time

from failover import record
from floating import CLIENT, FLOATING
from harness import Failure, Workplace, check, wait_until
from hosts import SERVER, LanPair
from postfix import BOX, Postfix
from registry import swaks

SUBMITTERS = 4
BODY_SIZES = (200, 16000)
LARGE = 200, 1000000  # one of so many is so large
STALL_SECONDS = 60    # in which not one message has arrived
FLUSH_SECONDS = 10    # likewise: then either Postfix is told to look at its queue
BESIDE_SECONDS = 1    # until those beside are held by the server

# What the client of a blow waits for, so that the host is lost meanwhile.
SERVER_MAIN = BOX + """smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ slow@example.org = sleep 4 }} }}
smtpd_client_recipient_rate_limit = 0
"""
SLOW = "slow@example.org"

# What it accepts is held until it is told to let go; every third recipient is for a transport that insists on TLS.
SOURCE_MAIN = """smtpd_client_restrictions = check_client_access static:HOLD
relayhost = [{floating}]:25
transport_maps = inline:{{ tls@example.org=tls:[{floating}]:25}}
always_add_missing_headers = yes
minimal_backoff_time = 10s
""".replace("{floating}", FLOATING[0])
SOURCE_MASTER = """tls unix - - n - 60 smtp
 -o smtp_tls_security_level=encrypt
"""


def message(number, rng):
    """(recipient, text): the body tells the number, and is what its hash says."""
    size = LARGE[1] if number % LARGE[0] == LARGE[0] - 1 else rng.randrange(*BODY_SIZES)
    lines = ["number %d" % number]
    while size > 0:
        line = "." * rng.choice((0, 0, 0, 1, 2)) + "%x" % rng.getrandbits(rng.randrange(8, 1600))
        lines.append(line)
        size -= len(line) + 2
    text = "\r\n".join(lines) + "\r\n"
    return "tls@example.org" if number % 3 == 0 else "you@example.org", text


# What a Postfix complains of and a peer has no part in: its own processes on a busy machine, and the clock.
OWN_AFFAIRS = ("talking to service private/", "file system clock is", "resetting file time stamps")


class Mail:
    """Both Postfixes, what was submitted and what has arrived."""

    def __init__(self, pair, folder, seed):
        self.wire, self.seed = pair.lan.wire, seed
        prefix = self.wire.prefix()
        self.server = pair.world.keep(Postfix(folder, SERVER + ":25", "server", SERVER_MAIN, prefix=prefix))
        self.source = pair.world.keep(Postfix(
            folder, CLIENT[0] + ":2525", "source", SOURCE_MAIN, SOURCE_MASTER, prefix))
        self.hashes = {}
        self.gone = 0  # those that were let go

    def submit(self, first, count):
        with self.wire.inside():
            link = smtplib.SMTP(CLIENT[0], 2525, timeout=60)
        for number in range(first, count, SUBMITTERS):
            recipient, text = message(number, random.Random(self.seed * 1000003 + number))
            self.hashes[number] = hashlib.sha256(text.encode()).hexdigest()
            link.sendmail("sender@example.net", [recipient], "Subject: %d\r\n\r\n%s" % (number, text))
        link.quit()

    def submit_all(self, count):
        threads = [threading.Thread(target=self.submit, args=(i, count)) for i in range(SUBMITTERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check(len(self.hashes) == count, "only %d messages were submitted" % len(self.hashes))

    def let_go(self, count):
        """So many of those that are held."""
        held = os.listdir(os.path.join(self.source.work, "queue/hold"))[:count]
        self.source.run("postsuper", "-H", "-", given="".join(name + "\n" for name in held))
        self.source.run("postqueue", "-f")
        self.gone += len(held)

    def arrived(self):
        return len(self.server.messages())

    def wait_arrived(self, beside):
        """All that were let go, and so many others.  Progress is what is waited for, not a time."""
        have, since, count = self.arrived(), time.monotonic(), self.gone + beside
        flushed = since
        while have < count:
            time.sleep(0.05)
            now = self.arrived()
            if now > have:
                have, since = now, time.monotonic()
            if time.monotonic() - max(since, flushed) >= FLUSH_SECONDS:
                self.flush()
                flushed = time.monotonic()
            check(time.monotonic() - since < STALL_SECONDS, "nothing arrives any more, %d of %d" % (have, count))

    def flush(self):
        """What no Postfix is working at it may have passed over: then it looks again only minutes later."""
        self.tell_waiting()
        for postfix in (self.source, self.server):
            postfix.run("postqueue", "-f")

    def tell_waiting(self):
        """What either Postfix still has to deliver, with all that it said of it."""
        for postfix in (self.source, self.server):
            log = postfix.log().splitlines()
            for queue in ("maildrop", "incoming", "active", "deferred"):
                for _, _, files in os.walk(os.path.join(postfix.work, "queue", queue)):
                    for file in files:
                        print("%s has in %s: %s\n  %s" % (
                            postfix.work, queue, file, "\n  ".join(line for line in log if file in line)))
        for line in self.complaints():
            print("complaint: " + line)

    def compare(self, beside):
        """Every message is there once, to the byte; beside: so many others are."""
        seen = {}
        for name in self.server.messages():
            body = self.server.content(name).split(b"\r\n\r\n", 1)[1]
            first = body.split(b"\r\n", 1)[0]
            if not first.startswith(b"number "):
                beside -= 1
                continue
            number = int(first.split()[1])
            check(number not in seen, "message %d has arrived twice" % number)
            check(hashlib.sha256(body).hexdigest() == self.hashes[number], "message %d was changed" % number)
            seen[number] = True
        check(len(seen) == len(self.hashes), "%d messages are missing" % (len(self.hashes) - len(seen)))
        check(beside == 0, "of the messages beside them %d are missing" % beside)

    def complaints(self):
        """No client of a pair that has lost a host knows of it."""
        words = ("status=deferred", "status=bounced", "lost connection", "timed out", "SSL_", "TLS library",
                 "warning:", "timeout after")
        return [line for log in (self.source.log(), self.server.log()) for line in log.splitlines()
                if any(word in line for word in words) and not any(word in line for word in OWN_AFFAIRS)]


class Beside:
    """One session of swaks and one of openssl, held by the server while the host is lost."""

    def __init__(self, wire):
        self.wire = wire
        self.result = None
        self.thread = threading.Thread(target=self._swaks, daemon=True)
        self.thread.start()
        self.openssl = subprocess.Popen(
            wire.prefix() + ["openssl", "s_client", "-connect", FLOATING[0] + ":25", "-starttls", "smtp", "-quiet",
                             "-crlf"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        self._say("EHLO client.test", "MAIL FROM:<me@example.net>", "RCPT TO:<%s>" % SLOW)

    def _say(self, *lines):
        self.openssl.stdin.write("".join(line + "\n" for line in lines))
        self.openssl.stdin.flush()

    def _swaks(self):
        with self.wire.inside():
            self.result = swaks(FLOATING[0] + ":25", "--to", SLOW, seconds=60)

    def finish(self):
        self._say("DATA", "Subject: beside", "", "openssl", ".", "QUIT")
        said, errors = self.openssl.communicate(timeout=60)
        self.thread.join()
        check(self.result is not None and self.result[0] == 0, "swaks: %s" % (self.result,))
        check("queued as" in said and "221 " in said, "openssl: " + said + errors)


def blows(pair, mail, count, messages):
    """Losses while the messages are under way; sessions taken over."""
    taken = 0
    for number in range(1, count + 1):
        beside = Beside(pair.lan.wire)
        time.sleep(BESIDE_SECONDS)
        mail.let_go(messages // count)
        wait_until(lambda: mail.arrived() > 2 * (number - 1) + mail.gone - messages // count, "some have arrived")
        check(mail.arrived() < mail.gone, "nothing is under way at loss %d" % number)
        before = pair.lose_active()
        pair.wait_taken(before)
        sessions, lost, words = pair.counted()
        pair.bring_back()
        pair.wait_whole()
        beside.finish()
        mail.wait_arrived(2 * number)
        taken += sessions
        print("%4d %s serves: %s; %d messages have arrived" % (
            number, pair.active.name, words.split(", in ")[0], mail.arrived()), flush=True)
        check(lost == 0, "sessions were lost: " + words)
    return taken


def carry(pair, folder, arguments):
    count, messages = arguments.count, arguments.messages
    mail = Mail(pair, folder, arguments.seed)
    pair.begin()
    mail.submit_all(messages)
    taken = blows(pair, mail, count, messages)
    mail.let_go(messages)
    mail.wait_arrived(2 * count)
    wrong = mail.complaints()
    check(not wrong, "%d complaints of the Postfixes, such as: %s" % (len(wrong), "\n".join(wrong[:5])))
    mail.compare(2 * count)
    pair.check_rest()
    return taken


def run(build, arguments):
    print("torture postfix: seed %d, %d losses, %d messages, %s" % (
        arguments.seed, arguments.count, arguments.messages, build), flush=True)
    began = time.monotonic()
    with Workplace(arguments.keep) as workplace, LanPair(build, workplace) as pair:
        try:
            taken = carry(pair, workplace, arguments)
        except Failure as failure:
            pair.tell_logs()
            for one in (pair.active, pair.standby):
                pair.tell_sessions(one)
            print("verdict: postfix: FAILED: %s" % failure)
            return 1
    line = ("seed %d, %d messages through %d losses in %d s: %d sessions taken over; each arrived once, to the byte, no "
            "Postfix, swaks or openssl noticed" % (
                arguments.seed, arguments.messages, arguments.count, time.monotonic() - began, taken))
    print("verdict: postfix: " + line)
    if arguments.record:
        record("postfix", line)
    return 0
