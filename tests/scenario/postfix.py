"""A Postfix of the distribution, in a folder of its own."""

import os
import pwd
import shutil
import subprocess

from harness import check, end_process, free_port, wait_until
from peers import postfix_root

OWNER, GROUP = "daemon", "games"  # exist everywhere; nothing else of the test runs as these

# Of any Postfix that is not installed: where all of it lies.
PLACES = """compatibility_level = 3.6
queue_directory = {work}/queue
data_directory = {work}/data
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
meta_directory = {work}/conf
shlib_directory = {root}/usr/lib/postfix
sendmail_path = {root}/usr/sbin/sendmail
newaliases_path = {root}/usr/sbin/sendmail
mailq_path = {root}/usr/sbin/sendmail
mail_owner = {owner}
setgid_group = {group}
import_environment = LD_LIBRARY_PATH MAIL_CONFIG LANG=C
export_environment = LD_LIBRARY_PATH MAIL_CONFIG LANG
maillog_file = {work}/maillog
maillog_file_prefixes = {work}
"""

MAIN = PLACES + """myhostname = {name}.test
mydestination =
mynetworks = 127.0.0.0/8 192.0.2.0/24 [::1]/128
inet_protocols = all
message_size_limit = 0
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_cert_file = {work}/conf/tls.pem
smtpd_tls_key_file = {work}/conf/tls.pem
smtp_dns_support_level = disabled
default_destination_concurrency_limit = 40
initial_destination_concurrency = 40
"""

BOX = """virtual_mailbox_domains = example.org
virtual_mailbox_base = {work}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
virtual_minimum_uid = 100
virtual_mailbox_limit = 0
"""

MASTER = """{address} inet n - n - 200 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
smtp unix - - n - 60 smtp
scache unix - - n - 1 scache
retry unix - - n - - error
error unix - - n - - error
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
          "private", "trace", "saved")


def make_folders(work):
    """Those that PLACES names."""
    queue, data = os.path.join(work, "queue"), os.path.join(work, "data")
    for path in (os.path.join(work, "conf"), os.path.join(queue, "pid"), data):
        os.makedirs(path)
    for name, mode, group in [(name, 0o700, None) for name in QUEUES] + [
            ("public", 0o710, GROUP), ("maildrop", 0o730, GROUP)]:
        path = os.path.join(queue, name)
        os.makedirs(path)
        shutil.chown(path, OWNER, group)
        os.chmod(path, mode)
    shutil.chown(data, OWNER)
    os.chmod(data, 0o700)


class Postfix:
    """master and its children in a folder of their own; a context manager.  By BOX it
    delivers what is for example.org into a box."""

    def __init__(self, folder, address=None, name="postfix", main=BOX, master="", prefix=()):
        """address: where it listens, a free port of loopback; main, master: more lines of these files; prefix: what starts a program in its place."""
        self.root, self.environment = postfix_root()
        self.work = os.path.join(folder, name)
        self.address = address or "127.0.0.1:%d" % free_port()
        self.prefix = list(prefix)
        self.box = os.path.join(self.work, "mail/box/new")
        make_folders(self.work)
        os.makedirs(os.path.join(self.work, "mail"))
        shutil.chown(os.path.join(self.work, "mail"), "nobody")
        self.write(main, master)
        with open(os.path.join(self.work, "output"), "w") as output:
            self.process = subprocess.Popen(
                self.prefix + [os.path.join(self.root, "usr/lib/postfix/sbin/master"), "-d", "-c",
                               os.path.join(self.work, "conf")],
                env=self.environment, stdout=output, stderr=output, cwd="/")
        try:
            wait_until(lambda: "daemon started" in self.log(), "Postfix has started")
        except BaseException:
            end_process(self.process)
            raise

    def write(self, main, master):
        names = {"name": os.path.basename(self.work), "work": self.work, "root": self.root, "owner": OWNER,
                 "group": GROUP, "address": self.address, "nobody": pwd.getpwnam("nobody").pw_uid}
        for name, text in (("main.cf", MAIN + main), ("master.cf", MASTER + master)):
            with open(os.path.join(self.work, "conf", name), "w") as file:
                file.write(text.format(**names))
        pem = os.path.join(self.work, "conf/tls.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=postfix.test", "-keyout", pem + ".key", "-out", pem],
                       check=True, capture_output=True)
        with open(pem, "a") as both, open(pem + ".key") as key:
            both.write(key.read())
        os.remove(pem + ".key")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_process(self.process)

    def run(self, program, *words, given=None):
        """Of its own programs."""
        done = subprocess.run(
            self.prefix + [os.path.join(self.root, "usr/sbin", program), "-c",
                           os.path.join(self.work, "conf"), *words],
            env=self.environment, input=given, capture_output=True, text=True, timeout=120)
        check(done.returncode == 0, "%s: %s" % (program, (done.stdout + done.stderr)[-300:]))

    def log(self):
        try:
            with open(os.path.join(self.work, "maillog"), errors="replace") as log:
                return log.read()
        except OSError:
            return ""

    def messages(self):
        return os.listdir(self.box) if os.path.isdir(self.box) else []

    def forget(self, name):
        os.remove(os.path.join(self.box, name))

    def content(self, name):
        """The content as delivered, with CRLF, without what Postfix put before it."""
        with open(os.path.join(self.box, name), "rb") as file:
            return file.read().replace(b"\n", b"\r\n")
