"""A real Exim behind the gateway."""

import os

from housed import Housed

CONFIGURATION = """primary_hostname = exim.test
spool_directory = {work}/spool
log_file_path = {work}/%slog
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
host_lookup =
rfc1413_hosts =
tls_advertise_hosts =
chunking_advertise_hosts = *
smtputf8_advertise_hosts = *
pipelining_advertise_hosts = *
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 0
acl_smtp_rcpt = accept
acl_smtp_data = accept
never_users =
qualify_domain = example.org
queue_run_max = 20
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  directory = {work}/box
  maildir_format
  create_directory
  user = nobody
  group = nogroup
  delivery_date_add
"""


class Exim(Housed):
    name = "exim"
    package = "exim4-daemon-light"
    libraries = ("libidn12", "libgnutls-dane0", "libgnutls30", "libidn2-0", "libnsl2", "libdb5.3", "libunbound8",
                 "libevent-2.1-7")

    def prepare(self):
        path = os.path.join(self.work, "exim.conf")
        with open(path, "w") as file:
            file.write(CONFIGURATION.format(work=self.work, port=self.port))
        os.makedirs(os.path.join(self.work, "spool"))
        return ("echo Debian-exim:x:29345:29345::/:/bin/false >>/etc/passwd\n"
                "echo Debian-exim:x:29345: >>/etc/group\n"
                "mkdir -p /etc/exim4; cp %s /etc/exim4/exim4.conf; chmod 644 /etc/exim4/exim4.conf\n"
                "chown 29345:29345 %s/spool %s" % (path, self.work, self.work))

    def command(self):
        return "/usr/sbin/exim4 -bdf -q1h"
