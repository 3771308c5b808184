"""What a takeover cuts in two is inspected as if it were whole: rules, ends of data, and their counts."""

import fcntl
import os
import struct
import termios

from eod_matrix import ROWS, Client, accepted, begin, end, halves, legal_ends, stream
from harness import check, wait_until
from inspection import envelope, say, use_map
from registry import scenario
from takeover import PORT, served

RULES = (
    ("cmd line length gt 100", 'reject 500 5.5.2 "line"'), ("cmd RCPT count gt 3", 'reject 452 4.5.3 "recipients"'),
    ("body line length gt 300", "log"), ("header line length gt 200", 'reject 552 5.3.4 "header"'),
    ("sender-address length gt 60", 'reject 501 5.1.7 "sender"'),
    ("MIME filename length gt 50", 'reject 554 5.6.1 "name"'))
LINE, RECIPIENTS, BODY, HEADER, SENDER, NAME = range(len(RULES))
RECIPIENT = b"RCPT TO:<you@example.org>\r\n"
DISPOSITION = b"Content-Type: text/plain\r\nContent-Disposition: attachment;"

# (name, behind EHLO: E, behind RCPT: R, or within DATA: D; before the loss, after it, the reply, the rule)
CASES = (
    ("header line", "D", b"Subject: a\r\nX-Long: " + b"x" * 150, b"x" * 150 + b"\r\n\r\nbody\r\n.\r\n", 552, HEADER),
    ("header line, its folds are lines", "D", b"Subject: a\r\nX-Long: " + b"x" * 150 + b"\r",
     b"\n " + b"x" * 150 + b"\r\n\r\nbody\r\n.\r\n", 250, None),
    ("command line", "E", b"NOOP " + b"x" * 60, b"x" * 60 + b"\r\n", 500, LINE),
    ("command line, in its end", "E", b"NOOP " + b"x" * 120 + b"\r", b"\n", 500, LINE),
    ("command line, short enough", "E", b"NOOP " + b"x" * 50, b"x" * 30 + b"\r\n", 250, None),
    ("recipients", "R", RECIPIENT * 2, RECIPIENT, 452, RECIPIENTS),
    ("recipients, few enough", "R", RECIPIENT, RECIPIENT, 250, None),
    ("sender", "E", b"MAIL FROM:<" + b"a" * 40, b"a" * 20 + b"@client.test>\r\n", 501, SENDER),
    ("filename", "D", DISPOSITION + b' filename="' + b"n" * 30, b"n" * 30 + b'.txt"\r\n\r\nbody\r\n.\r\n', 554, NAME),
    ("filename, in parts", "D", DISPOSITION + b" filename*0=" + b"n" * 30 + b";\r\n",
     b" filename*1=" + b"n" * 30 + b"\r\n\r\nbody\r\n.\r\n", 554, NAME),
    ("filename, short enough", "D", DISPOSITION + b' filename="' + b"n" * 10,
     b"n" * 10 + b'.txt"\r\n\r\nbody\r\n.\r\n', 250, None),
    ("body line", "D", b"Subject: a\r\n\r\n" + b"y" * 200, b"y" * 200 + b"\r\n.\r\n", 250, BODY),
    # It has held before the loss: the other host has counted it.
    ("body line, told before", "D", b"Subject: a\r\n\r\n" + b"y" * 400 + b"\r\n", b"end\r\n.\r\n", 250, None),
)
TOLD_BEFORE = {BODY: 1}


def is_out(client):
    """The host has acknowledged all that was sent, and so the standby has it."""
    return struct.unpack("I", fcntl.ioctl(client.socket, termios.TIOCOUTQ, b"\0" * 4))[0] == 0


class Half:
    """A session, and what it still has to say."""

    def __init__(self, place, name, behind, before, after):
        self.name, self.after = name, after
        with place.wire.inside():
            self.client = place.world.keep(Closing(place.at(place.floating, PORT)))
        if behind == "D":
            begin(self.client)
        elif behind == "R":
            envelope(self.client)
        else:
            check(self.client.reply() == 220, "no greeting")
            say(self.client, (b"EHLO client.test", 250))
        self.client.send([before])
        if behind == "R":
            for _ in range(before.count(b"RCPT")):
                check(self.client.reply() == 250, name + ": a recipient was refused before")

    def finish(self):
        self.client.send([self.after])


class Closing(Client):
    def __exit__(self, *_):
        self.socket.close()


def lose(place, lost, by, sessions):
    """When the standby has all that was said; all sessions are taken over."""
    wait_until(lambda: all(is_out(session.client) for session in sessions), "all is acknowledged", 20)
    place.lose(lost)
    place.move(by)
    by.says("109067: ")
    shown = by.show("failover")["takeover"]
    check((shown["taken_over"], shown["lost"]) == (len(sessions), 0), "taken over: %s" % shown)


def matches(host):
    """How often each rule has held."""
    return [match["packets"] for match in host.show("service-policy")["policies"][0]["rules"][-1]["matches"]]


def cut_in_two(world, family):
    place, mx1, mx2 = served(world, family)
    lines = []
    for match, action in RULES:
        lines += ["match " + match, action, "exit"]
    use_map(mx1, "strict", *lines)
    sessions = [Half(place, *case[:4]) for case in CASES]
    before = [TOLD_BEFORE.get(rule, 0) for rule in range(len(RULES))]
    wait_until(lambda: matches(mx1) == before, "what has held before: %s" % matches(mx1))
    lose(place, mx1, mx2, sessions)
    check(matches(mx2) == [0] * len(RULES), "the takeover has counted: %s" % matches(mx2))
    for session, (name, *_, code, _) in zip(sessions, CASES):
        session.finish()
        got = session.client.reply()
        check(got == code, "%s got %d" % (name, got))
        if code in (250, 452, 500, 501):
            check(session.client.say(b"QUIT") == 221, name + " did not go on")
    after = [sum(case[-1] == rule for case in CASES) for rule in range(len(RULES))]
    wait_until(lambda: matches(mx2) == after, "each has held once: %s, wanted %s" % (matches(mx2), after))
    text = mx2.ctl("show service-policy inspect esmtp")
    check("match header line length gt 200\n          reject" in text and "packet %d\n" % after[HEADER] in text, text)


@scenario
def takeover_inspected(world):
    """Violations that begin before the active host is lost and end after it are found, and counted once."""
    cut_in_two(world, 4)


@scenario
def takeover_inspected_ipv6(world):
    """Likewise, over IPv6."""
    cut_in_two(world, 6)


def saved(folder):
    texts = []
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            texts.append(file.read())
    return texts


class EndOfData(Half):
    """A row of the matrix, cut at one place."""

    def __init__(self, place, row, number, pieces):
        self.row = row
        self.token = b"cut-%s-%d" % (row.replace(" ", "").encode(), number)
        pieces = [piece.replace(b"TOKEN", self.token) for piece in pieces]
        self.ends = legal_ends(b"".join(pieces))
        super().__init__(place, self.token.decode(), "D", *pieces)

    def told(self):
        self.finish()
        return end(self.client, self.ends)


def ends_of_data(world, *parameters):
    folder = os.path.join(world.folder, "saved")
    os.makedirs(folder)
    place, mx1, mx2 = served(world, 4, folder)
    if parameters:
        use_map(mx1, "strict", "parameters", *parameters)
    whole = {}
    for row in ROWS:
        octets = stream(row, b"whole-" + row.replace(" ", "").encode())
        with place.wire.inside():
            whole[row] = accepted(place.at(place.floating, PORT), [octets], legal_ends(octets))
    check(whole["01"] == 2, "what is legal was refused: %s" % whole)
    wait_until(lambda: mx1.counters()["slots_in_use"] == 0, "the whole ones are over", 20)
    sessions = [EndOfData(place, row, number, pieces) for row in ROWS
                for number, pieces in enumerate(halves(row, stream(row, b"TOKEN")))]
    lose(place, mx1, mx2, sessions)
    told = {session: session.told() for session in sessions}
    for session, count in told.items():
        check(count == whole[session.row], "%s: %d messages are accepted, %d when it is not cut" % (
            session.name, count, whole[session.row]))
    wanted = sum(told.values()) + sum(whole.values())
    wait_until(lambda: len(saved(folder)) >= wanted, "%d messages are delivered" % wanted, 20, 0.2)
    figures = place.sink.command("figures")
    check(figures["messages"] == wanted and figures["violations"] == 0, "the server: %s" % figures)
    smuggled = [text for text in saved(folder) if b" smuggled\r\n" in text.split(b"\r\n\r\n", 1)[0] + b"\r\n"]
    legal = sum(count == 2 for count in [*told.values(), *whole.values()])
    check(len(smuggled) == legal, "%d second messages, %d of them legal" % (len(smuggled), legal))


@scenario
def takeover_end_of_data(world):
    """Whatever could be taken for an end of data, cut by the loss of the active host: nothing is smuggled."""
    ends_of_data(world)


@scenario
def takeover_end_of_data_strict(world):
    """Likewise where line ends other than CRLF are refused."""
    ends_of_data(world, "line-endings reject")
