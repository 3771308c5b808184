"""Who is exempt from inspection: by access-list, class-map and class, and by fixup, as people type it."""

import os
import socket
import threading

from eod_matrix import Client
from harness import Sink, check, free_port
from registry import scenario

RELAYED = b"220 sink.test"
INSPECTED = b"220 smtpguard"
RECIPE = ("access-list ironport_esa_internal extended permit ip any 127.0.0.2",
          "access-list ironport_esa_internal extended permit ip 127.0.0.2 any",
          "class-map ironport_esa", "match address ironport_esa_internal",
          "policy-map global_policy", "class ironport_esa", "no inspect esmtp")


def greeted(listen, source=None):
    """A session from that address, and its greeting."""
    client = Client(listen, source)
    client.lines(1)
    return client, client.text


def expect_greeting(listen, source, greeting):
    client, text = greeted(listen, source)
    with client.socket:
        check(text.startswith(greeting), "%s from %s is greeted %r" % (listen, source, text))
        check(client.reply() == 220 and client.say(b"QUIT") == 221, "no 221")


def ehlo(client):
    """The first line of the answer to EHLO."""
    client.text = b""
    client.socket.sendall(b"EHLO client.test\r\n")
    client.lines(1)
    text = client.text
    check(client.reply() == 250, "EHLO got %r" % text)
    return text.split(b"\r\n")[0]


def session_from(gateway, source):
    found = [s for s in gateway.show("conn")["sessions"] if s["client"]["address"] == source]
    check(len(found) == 1, "not one session of %s: %s" % (source, found))
    return found[0]


@scenario
def exempt_recipe(world):
    """The recipe of the appliance's makers: the host is exempt as client and as server, nobody else is."""
    host = world.keep(Sink(world.build, world.folder,
                           ["127.0.0.1:%d" % free_port(), "127.0.0.2:%d" % free_port()]))
    plain, esa = ("127.0.0.1:%d" % free_port(), "127.0.0.1:%d" % free_port())
    gateway = world.gateway()
    gateway.configure(gateway.static(plain, host.listeners[0]), gateway.static(esa, host.listeners[1]))
    before, text = greeted(plain, "127.0.0.2")
    check(text.startswith(INSPECTED), "not inspected before: %r" % text)
    said = gateway.configure(*RECIPE)
    check("WARNING: mail of class ironport_esa is relayed" in said, "no warning: " + said)
    expect_greeting(plain, "127.0.0.2", RELAYED)
    expect_greeting(plain, "127.0.0.1", INSPECTED)
    expect_greeting(plain, "127.0.0.3", INSPECTED)
    expect_greeting(esa, "127.0.0.1", RELAYED)
    check(ehlo(before).startswith(b"250-smtpguard"), "the session from before is not inspected any more")
    before.socket.close()
    exempt, _ = greeted(plain, "127.0.0.2")
    with exempt.socket:
        shown = session_from(gateway, "127.0.0.2")
        check((shown["mode"], shown["class"]) == ("relay", "ironport_esa"), "shown as %s" % shown)
        gateway.configure("policy-map global_policy", "no class ironport_esa")
        expect_greeting(plain, "127.0.0.2", INSPECTED)
        check(exempt.reply() == 220, "no greeting")
        check(ehlo(exempt).startswith(b"250-sink.test"), "the exempt session is inspected now")
    gateway.check_nothing_left()


@scenario
def exempt_again_after_restart(world):
    """write memory, a restart: the same lines, the same exemption."""
    world.sink()
    gateway = world.gate()
    gateway.configure(*RECIPE)
    gateway.ctl("write memory")
    lines = gateway.ctl("show running-config")
    check(gateway.stop() == 0, "the gateway did not end well")
    gateway.start()
    check(gateway.ctl("show running-config") == lines, "another configuration after the restart")
    expect_greeting(world.listen, "127.0.0.2", RELAYED)
    expect_greeting(world.listen, "127.0.0.1", INSPECTED)


@scenario
def exempt_classes_in_order(world):
    """Denials, a class with a map of its own, and what is asked first."""
    world.sink()
    gateway = world.gate()
    gateway.configure("policy-map type inspect esmtp strict", "parameters", 'mask-banner text "for partners"',
                      "access-list partners deny ip host 127.0.9.9 any",
                      "access-list partners permit ip 127.0.9.0 255.255.255.0 any",
                      "access-list exempt permit ip 127.0.0.0 255.255.0.0 any",
                      "class-map partners", "match access-list partners",
                      "class-map exempt", "match access-list exempt", "policy-map global_policy",
                      "class partners", "inspect esmtp strict", "class exempt", "no inspect esmtp")
    for source, greeting in (("127.0.9.1", b"220 for partners"), ("127.0.9.9", RELAYED),
                             ("127.0.8.1", RELAYED), ("127.1.0.1", INSPECTED)):
        expect_greeting(world.listen, source, greeting)
    gateway.configure("no access-list partners deny ip host 127.0.9.9 any")
    expect_greeting(world.listen, "127.0.9.9", b"220 for partners")
    text = gateway.ctl("show service-policy")
    at = [text.find(part) for part in ("Class-map: partners", "Inspect: esmtp strict, packet", "Class-map: exempt",
                                       "no inspect esmtp\n", "Class-map: inspection_default")]
    check(-1 not in at and at == sorted(at), "the classes are not shown in order: " + text)
    code, said = gateway.ctl("configure terminal", "no access-list exempt", fails=None)
    check(code != 0 and "in use by class-map exempt" in said, "a list in use was removed: " + said)


@scenario
def exempt_ipv6(world):
    """The same on IPv6: one client of ::1 by its address, then one port only."""
    world.sink(host="[::1]")
    gateway = world.gate(host="[::1]")
    other = "[::1]:%d" % free_port(socket.AF_INET6)
    gateway.configure(gateway.static(other, world.server))
    gateway.configure("access-list six permit ip 2001:db8::/32 any", "class-map six", "match access-list six",
                      "policy-map global_policy", "class six", "no inspect esmtp")
    expect_greeting(world.listen, "::1", INSPECTED)
    gateway.configure("access-list six permit tcp any6 host ::1 eq " + other.rsplit(":", 1)[1])
    expect_greeting(world.listen, "::1", INSPECTED)
    expect_greeting(other, "::1", RELAYED)
    gateway.configure("access-list six permit ip ::1/128 any")
    expect_greeting(world.listen, "::1", RELAYED)
    gateway.check_nothing_left()


class Echo:
    """A server that speaks no SMTP: half a line to begin with, then every byte comes back."""

    GREETING = b"\xff\x00 half a line"

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def __exit__(self, *_):
        self.socket.close()

    def serve(self):
        try:
            while True:
                connection, _ = self.socket.accept()
                with connection:
                    connection.sendall(self.GREETING)
                    while data := connection.recv(4096):
                        connection.sendall(data)
        except OSError:
            return


@scenario
def exempt_raw(world):
    """no inspect esmtp raw: bytes pass as they come, whatever they are."""
    world.server = world.keep(Echo()).address
    gateway = world.gate()
    gateway.configure("access-list a permit ip host 127.0.0.2 any", "class-map bytes", "match access-list a",
                      "policy-map global_policy", "class bytes", "no inspect esmtp raw")
    client = Client(world.listen, "127.0.0.2")
    with client.socket:
        client.octets(len(Echo.GREETING))
        check(client.text == Echo.GREETING, "the greeting is %r" % client.text)
        client.text = b""
        client.socket.sendall(b"\x00no\nline\rend")
        client.octets(12)
        check(client.text == b"\x00no\nline\rend", "what came back is %r" % client.text)
        shown = session_from(gateway, "127.0.0.2")
        check((shown["mode"], shown["class"]) == ("raw", "bytes"), "shown as %s" % shown)
    gateway.check_nothing_left()


def own_loopback():
    """An address that no other test listens on."""
    return "127.25.%d.%d" % (os.getpid() >> 8 & 0xff, os.getpid() & 0xff or 1)


@scenario
def fixup_recipe(world):
    """no fixup protocol smtp 25, as the article types it, and what undoes it."""
    world.sink()
    gateway = world.gateway()
    listen = own_loopback() + ":25"
    gateway.configure(gateway.static(listen, world.server))
    expect_greeting(listen, "127.0.0.1", INSPECTED)
    said = gateway.ctl("enable", "configure terminal", "no fixup protocol smtp 25", "write memory")
    check("relayed without inspection" in said and "[OK]" in said, "said: " + said)
    expect_greeting(listen, "127.0.0.1", RELAYED)
    check(gateway.stop() == 0, "the gateway did not end well")
    gateway.start()
    check(gateway.ctl("show fixup") == "no fixup protocol smtp 25\n", "another fixup: " + gateway.ctl("show fixup"))
    expect_greeting(listen, "127.0.0.1", RELAYED)
    said = gateway.configure("fixup protocol smtp 25")
    check("harmful" in said, "no warning: " + said)
    client, text = greeted(listen)
    with client.socket:
        check(text.startswith(b"220 **"), "the greeting is %r" % text)
        check(client.reply() == 220 and ehlo(client).startswith(b"250 "), "ESMTP is offered")
    gateway.configure("clear configure fixup")
    check(gateway.ctl("show fixup").startswith("No fixup"), "a fixup is left")
    expect_greeting(listen, "127.0.0.1", INSPECTED)
    gateway.check_nothing_left()
