"""A real Postfix behind the gateway."""

import hashlib
import os
import pwd
import shutil
import subprocess

from harness import check, end_process, free_port, wait_until
from peers import postfix_root
from registry import scenario, swaks

OWNER, GROUP = "daemon", "games"  # exist everywhere; nothing else of the test runs as these

MAIN = """compatibility_level = 3.6
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
myhostname = postfix.test
mydestination =
mynetworks = 127.0.0.0/8 [::1]/128
inet_protocols = all
virtual_mailbox_domains = example.org
virtual_mailbox_base = {work}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
virtual_minimum_uid = 100
virtual_mailbox_limit = 0
message_size_limit = 0
alias_maps =
alias_database =
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_cert_file = {work}/conf/tls.pem
smtpd_tls_key_file = {work}/conf/tls.pem
"""

MASTER = """127.0.0.1:{port} inet n - n - 60 smtpd
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
error unix - - n - - error
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
          "private", "trace", "saved")


class Postfix:
    """master and its children in a folder of their own; a context manager."""

    def __init__(self, folder):
        self.root, self.environment = postfix_root()
        self.work = os.path.join(folder, "postfix")
        self.port = free_port()
        self.address = "127.0.0.1:%d" % self.port
        self.box = os.path.join(self.work, "mail/box/new")
        for name in ("conf", "data", "mail", "queue"):
            os.makedirs(os.path.join(self.work, name))
        self.write()
        self.queue()
        with open(os.path.join(self.work, "output"), "w") as output:
            self.process = subprocess.Popen(
                [os.path.join(self.root, "usr/lib/postfix/sbin/master"), "-d", "-c",
                 os.path.join(self.work, "conf")],
                env=self.environment, stdout=output, stderr=output, cwd="/")

    def write(self):
        names = {"work": self.work, "root": self.root, "owner": OWNER, "group": GROUP,
                 "port": self.port, "nobody": pwd.getpwnam("nobody").pw_uid}
        for name, text in (("main.cf", MAIN), ("master.cf", MASTER)):
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

    def queue(self):
        queue = os.path.join(self.work, "queue")
        os.makedirs(os.path.join(queue, "pid"))
        for name in QUEUES + ("public", "maildrop"):
            path = os.path.join(queue, name)
            os.makedirs(path)
            shutil.chown(path, OWNER)
            os.chmod(path, 0o700)
        for name, mode in (("public", 0o710), ("maildrop", 0o730)):
            shutil.chown(os.path.join(queue, name), OWNER, GROUP)
            os.chmod(os.path.join(queue, name), mode)
        shutil.chown(os.path.join(self.work, "data"), OWNER)
        os.chmod(os.path.join(self.work, "data"), 0o700)
        shutil.chown(os.path.join(self.work, "mail"), "nobody")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_process(self.process)

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


def body_of(content):
    return content.split(b"\r\n\r\n", 1)[1]


def world_with_postfix(world):
    postfix = world.keep(Postfix(world.folder))
    world.server = postfix.address
    wait_until(lambda: "daemon started" in postfix.log(), "Postfix has started")
    return postfix, world.gate()


@scenario
def postfix_gets_its_mail(world):
    """swaks, plain and with TLS, to a real Postfix: the body's hash before is that after."""
    postfix, gateway = world_with_postfix(world)
    lines = ["line %d %s" % (i, "." * (i % 4) + "x" * (i * 7 % 900)) for i in range(400)]
    lines += [".", "..", ".dot", "", "end"]
    message = "Subject: hash\n\n" + "\n".join(lines) + "\n"
    path = os.path.join(world.folder, "message")
    with open(path, "w") as file:
        file.write(message)
    for count, how in enumerate((["--protocol", "ESMTP"], ["-tls"]), 1):
        code, text = swaks(world.listen, "--data", "@" + path, *how)
        check(code == 0 and "queued as" in text, "swaks %s: %s" % (how, text[-500:]))
        wait_until(lambda: len(postfix.messages()) == count, "Postfix has delivered: "
                   + postfix.log()[-300:])
    wanted = hashlib.sha256(body_of(message.replace("\n", "\r\n").encode())).hexdigest()
    for name in postfix.messages():
        got = body_of(postfix.content(name))
        check(hashlib.sha256(got.rstrip(b"\r\n") + b"\r\n").hexdigest() == wanted,
              "the body was changed (%d bytes)" % len(got))
    gateway.check_nothing_left()


@scenario
def postfix_under_load(world):
    """smtp-source to a real Postfix through the gateway: every message is delivered."""
    postfix, gateway = world_with_postfix(world)
    count = 1000 if world.full else 200
    program = os.path.join(postfix.root, "usr/sbin/smtp-source")
    done = subprocess.run([program, "-s", "20", "-m", str(count), "-l", "4096", "-f", "a@b.test",
                           "-t", "you@example.org", world.listen], capture_output=True, text=True,
                          env=postfix.environment, timeout=120)
    check(done.returncode == 0, "smtp-source: " + (done.stdout + done.stderr)[-300:])
    wait_until(lambda: len(postfix.messages()) == count, "all %d are delivered" % count, 60)
    check(gateway.counters()["messages_accepted"] == count, "messages_accepted differs")
    gateway.check_nothing_left()
