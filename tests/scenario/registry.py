"""What a scenario is given, and the list of them."""

import json
import os
import subprocess

from harness import Gateway, Sink, Source, check, compare_ledgers, free_port

_scenarios = []


class Skip(Exception):
    """The scenario cannot be run here; the text says why."""


def scenario(function):
    _scenarios.append((function.__name__, function))
    return function


def scenarios():
    return list(_scenarios)


class World:
    """A folder, and whatever a scenario starts; all of it is ended when the scenario is over."""

    def __init__(self, build, folder, full):
        self.build = build
        self.folder = folder
        self.full = full
        self.started = []
        self.gateways = []

    def close(self):
        for thing in self.started[::-1]:
            thing.__exit__(None, None, None)

    def traces(self):
        """The ends of the gateways' logs, for a report."""
        return "".join("\n    | " + "\n    | ".join(gateway.log().splitlines()[-12:])
                       for gateway in self.gateways if os.path.exists(gateway.log_path))

    def option(self, name):
        """Of the build."""
        with open(os.path.join(self.build, "meson-info/intro-buildoptions.json")) as file:
            return next(option["value"] for option in json.load(file) if option["name"] == name)

    def is_sanitized(self):
        return self.option("b_sanitize") != "none"

    def needs_failpoints(self):
        if not self.option("failpoints"):
            raise Skip("it takes a build with -Dfailpoints=true")

    def keep(self, thing):
        self.started.append(thing)
        return thing

    def sink(self, *profiles, host="127.0.0.1", save=None, port=None):
        """mailsink on a free port; more listeners by profile ("banner=hold")."""
        self.server = "%s:%d" % (host, port or free_port())
        listeners = [self.server]
        self.more_servers = []
        for profile in profiles:
            self.more_servers.append("%s:%d" % (host, free_port()))
            listeners.append(self.more_servers[-1] + "," + profile)
        return self.keep(Sink(self.build, self.folder, listeners, save=save))

    def source(self, *arguments):
        return self.keep(Source(self.build, self.folder, list(arguments)))

    def gateway(self, settings="", workers=2, libexec=None, build=None, name="gateway"):
        gateway = Gateway(build or self.build, self.folder, settings, workers, libexec, name)
        self.gateways.append(gateway)
        self.keep(gateway)
        gateway.start()
        return gateway

    def gate(self, host="127.0.0.1", **more):
        """A gateway with one static before self.server; its listen address is self.listen."""
        gateway = self.gateway(**more)
        self.listen = "%s:%d" % (host, free_port())
        gateway.configure(gateway.static(self.listen, self.server))
        return gateway

    def mail_exactly(self, sink, *arguments, most=None):
        """A run of mailsource through the gateway that must be exact to the byte."""
        source = self.source(*arguments, self.listen)
        figures = source.finish()
        check(figures["failed"] == 0, "sessions failed: " + source.errors(5))
        sink_figures = sink.command("figures")
        check(sink_figures["differs"] == 0 and sink_figures["violations"] == 0,
              "the sink complains: " + sink.errors(5))
        return source, figures

    def ledgers(self, sink, *sources):
        sink.stop()
        return compare_ledgers(self.build, [s.ledger for s in sources], sink.ledger)


def swaks(listen, *arguments, seconds=30):
    """(exit code, transcript)"""
    host, port = listen.rsplit(":", 1)
    words = ["swaks", "--server", host.strip("[]"), "--port", port, "--helo", "client.test",
             "--from", "me@example.net", "--to", "you@example.org"]
    words += ["-6"] if host.startswith("[") else []
    try:
        done = subprocess.run(words + list(arguments), capture_output=True, text=True,
                              timeout=seconds, errors="replace")
    except FileNotFoundError:
        raise Skip("swaks is not installed")
    return done.returncode, done.stdout + done.stderr
