"""Mail, one at a time: what a client and a server see of the gateway."""

import hashlib
import os

from harness import check, wait_until
from registry import scenario, swaks


def saved(folder):
    """What the sink has saved, as hashes of the content."""
    return sorted(hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest()
                  for name in os.listdir(folder))


@scenario
def swaks_accepted(world):
    """swaks through the gateway: accepted, content unchanged, and the shows tell of it."""
    save = os.path.join(world.folder, "saved")
    os.makedirs(save)
    sink = world.sink(save=save)
    gateway = world.gate()
    message = "Subject: one\r\nFrom: <me@example.net>\r\n\r\nline\r\n.\r\n..dots\r\nend\r\n"
    code, text = swaks(world.listen, "--data", message.replace("\r\n", "\\n"))
    check(code == 0, "swaks: " + text[-600:])
    check("250 2.0.0 Taken" in text, "the server's own reply did not come: " + text[-400:])
    wait_until(lambda: sink.command("figures")["messages"] == 1, "the sink has the message")
    content = open(os.path.join(save, os.listdir(save)[0]), "rb").read().decode()
    check(content.rstrip("\r\n") == message.rstrip("\r\n"), "content was changed: %r" % content)
    wait_until(lambda: gateway.counters()["sessions_closed"] == 1, "the session is closed")
    counters = gateway.counters()
    check(counters["messages_accepted"] == 1, "messages_accepted is not 1: %s" % counters)
    events = gateway.ctl("show events")
    for number in ("302013", "302014", "109100"):
        check(number in events, "event %s is not shown: %s" % (number, events[-600:]))
    policy = gateway.ctl("show service-policy")
    check("inspect: esmtp" in policy.lower(), "no inspection in: " + policy)
    gateway.check_nothing_left()


@scenario
def banner_is_masked(world):
    """The server's own greeting is not seen; the host name of the gateway is."""
    world.sink()
    gateway = world.gate()
    gateway.configure("hostname mx-guard")
    _, text = swaks(world.listen, "--quit-after", "EHLO")
    check("220 mx-guard ESMTP" in text, "no neutral banner: " + text[:400])
    check("sink.test" not in text, "the server's name shows: " + text)
    check("STARTTLS" in text and "PIPELINING" in text and "8BITMIME" in text,
          "safe extensions are missing: " + text)


@scenario
def starttls_passes(world):
    """STARTTLS, and mail inside of it."""
    sink = world.sink()
    gateway = world.gate()
    _, figures = world.mail_exactly(
        sink, "--messages", 200, "--connections", 10, "--per-connection", 4, "--tls")
    check(figures["given"] == 200, "not all were accepted: %s" % figures)
    started = gateway.counters()["tls_started"]
    check(started == figures["sessions"], "tls_started is %d of %d" % (
        started, figures["sessions"]))
    gateway.check_nothing_left()


@scenario
def ipv6(world):
    """A static on IPv6: client and server leg over ::1."""
    sink = world.sink(host="[::1]")
    gateway = world.gate(host="[::1]")
    source, figures = world.mail_exactly(sink, "--messages", 100, "--connections", 10)
    check(figures["given"] == 100, "not all were accepted: %s" % figures)
    gateway.check_nothing_left()
    world.ledgers(sink, source)


@scenario
def byte_by_byte(world):
    """Everything one byte at a time, slow readers, slow writers, no pipelining."""
    sink = world.sink()
    gateway = world.gate()
    sources = [world.mail_exactly(sink, "--seed", seed, "--connections", 20, "--messages", 40,
                                  "--recipients", 3, *how)[0] for seed, how in enumerate((
                                      ("--chop", 1, "--sizes", "300-1500", "--bdat", 50),
                                      ("--chop", 7, "--sizes", "1k-3k", "--no-pipelining",
                                       "--bdat", 50),
                                      ("--slow-read", 2000, "--sizes", "1k-2k"),
                                      ("--slow-write", 100000, "--sizes", "16k-64k")))]
    gateway.check_nothing_left()
    world.ledgers(sink, *sources)


@scenario
def broken_off(world):
    """Clients that leave anywhere, by FIN or RST: nothing is left, nothing half is delivered."""
    sink = world.sink()
    gateway = world.gate()
    source, figures = world.mail_exactly(
        sink, "--messages", 3000 if world.full else 600, "--connections", 40,
        "--per-connection", 2, "--abrupt", 500, "--sizes", "1k-64k", "--bdat", 50)
    check(figures["broken_off"] > 50, "too few broke off: %s" % figures)
    gateway.check_nothing_left()
    world.ledgers(sink, source)


@scenario
def server_refuses(world):
    """A refusal by the server reaches the client as it is."""
    world.sink()
    world.gate()
    code, text = swaks(world.listen, "--to", "you+reject@example.org")
    check(code != 0 and "554 5.6.0 Refused as asked" in text, "swaks: " + text[-400:])


@scenario
def server_is_down(world):
    """No server: 421 (as a greeting it bears no enhanced code, RFC 2034 4), and on it goes."""
    sink = world.sink()
    sink.stop()
    gateway = world.gate()
    _, text = swaks(world.listen)
    check("421 " in text and "not reachable" in text, "not told 421: " + text[-400:])
    gateway.check_nothing_left()
