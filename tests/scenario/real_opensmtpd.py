"""A real OpenSMTPD behind the gateway."""

import os

from housed import Housed

CONFIGURATION = """smtp max-message-size 100M
listen on 127.0.0.1 port {port} hostname opensmtpd.test
action "box" maildir "{work}/box" virtual {{ "@" = nobody }}
match from any for any action "box"
"""


class Opensmtpd(Housed):
    name = "opensmtpd"
    package = "opensmtpd"
    libraries = ("libevent-2.1-7",)

    def prepare(self):
        path = os.path.join(self.work, "smtpd.conf")
        with open(path, "w") as file:
            file.write(CONFIGURATION.format(work=self.work, port=self.port))
        os.chmod(path, 0o600)
        return ("echo opensmtpd:x:29346:29346::/var/lib/opensmtpd/empty:/bin/false >>/etc/passwd\n"
                "echo opensmtpq:x:29347:29347::/var/lib/opensmtpd/empty:/bin/false >>/etc/passwd\n"
                "echo opensmtpd:x:29346: >>/etc/group; echo opensmtpq:x:29347: >>/etc/group\n"
                "mkdir -p /var/lib/opensmtpd/empty /var/spool; chmod 755 /var/lib/opensmtpd/empty\n"
                "mkdir -m 711 /var/spool/smtpd\n"
                "echo opensmtpd.test >/etc/mailname")

    def command(self):
        return "/usr/sbin/smtpd -d -f %s/smtpd.conf" % self.work
