"""What the bench sends mail through: each a context manager with a port and its processes."""

import os
import subprocess

from harness import Failure, Gateway, end_process, free_port, wait_until
from peers import postfix_root, unpack

MULTIARCH = "usr/lib/x86_64-linux-gnu"


def listens(port):
    """Somebody listens on 127.0.0.1:port; nobody is disturbed by the question."""
    wanted = "0100007F:%04X" % port
    with open("/proc/net/tcp") as table:
        return any(line.split()[1] == wanted and line.split()[3] == "0A" for line in list(table)[1:])


def descendants(pid):
    found, pending = [], [pid]
    while pending:
        pid = pending.pop()
        found.append(pid)
        try:
            with open("/proc/%d/task/%d/children" % (pid, pid)) as children:
                pending += [int(child) for child in children.read().split()]
        except OSError:
            pass
    return found


class Near:
    """It is reached on loopback, by programs that are started as they are."""

    address = "127.0.0.1"
    reach = []


class Program(Near):
    """One process that listens on self.port, with whatever it starts."""

    def __init__(self, world):
        self.folder = os.path.join(world.folder, self.name.replace(" ", "-"))
        os.makedirs(self.folder)
        self.port = free_port()
        self.server = world.server
        self.world = world
        self.process = None

    def __enter__(self):
        with open(os.path.join(self.folder, "output"), "w") as output:
            self.process = subprocess.Popen(self.command(), stdout=output, stderr=output, cwd="/",
                                            stdin=subprocess.DEVNULL, env=self.environment())
        wait_until(self.listens, "%s listens" % self.name)
        return self

    def listens(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.folder, "output")) as output:
                raise Failure("%s has ended: %s" % (self.name, output.read()[-500:]))
        return listens(self.port)

    def __exit__(self, *_):
        end_process(self.process)

    def environment(self):
        return dict(os.environ)

    def pids(self):
        return descendants(self.process.pid)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path


class Direct(Near):
    """No gateway at all: the sink's own port."""

    name = "direct"

    def __init__(self, world):
        self.port = world.server

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def pids(self):
        return []


class Floor(Program):
    name = "floor relay"

    def command(self):
        return [os.path.join(self.world.build, "tests/bench/floor_relay"), str(self.port),
                str(self.server)]


class Smtpguard(Near):
    """smtpguard with one worker, its default map, inspecting."""

    name = "smtpguard"

    def __init__(self, world):
        self.gateway = Gateway(world.build, world.folder, workers=1)
        self.port = free_port()
        self.server = world.server

    def __enter__(self):
        self.gateway.start()
        self.gateway.configure(self.gateway.static("127.0.0.1:%d" % self.port,
                                                   "127.0.0.1:%d" % self.server))
        wait_until(lambda: listens(self.port), "smtpguard listens")
        return self

    def __exit__(self, *_):
        self.gateway.kill()

    def pids(self):
        return self.gateway.processes()

    def messages(self):
        return self.gateway.counters()["messages_accepted"]


class Haproxy(Program):
    name = "HAProxy"
    tuning = ""

    def command(self):
        self.root = unpack("haproxy", ("liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1"))
        path = self.write("haproxy.cfg", """global
    nbthread 1
    maxconn 4096
    %s
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend in
    bind 127.0.0.1:%d
    default_backend out
backend out
    server one 127.0.0.1:%d
""" % (self.tuning, self.port, self.server))
        return [os.path.join(self.root, "usr/sbin/haproxy"), "-db", "-f", path]

    def environment(self):
        return {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": os.path.join(self.root, MULTIARCH)}


class HaproxyTuned(Haproxy):
    name = "HAProxy 64k"
    tuning = "tune.bufsize 65536"


class Nginx(Program):
    name = "nginx"
    tuning = ""

    def command(self):
        root = unpack("nginx", ("libnginx-mod-stream",))
        os.makedirs(os.path.join(self.folder, "var"))
        path = self.write("nginx.conf", """load_module %s/usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 1;
user nobody nogroup;
pid %s/pid;
error_log %s/error.log;
events { worker_connections 4096; }
stream {
    server {
        listen 127.0.0.1:%d backlog=4096;
        proxy_pass 127.0.0.1:%d;
        %s
    }
}
""" % (root, self.folder, self.folder, self.port, self.server, self.tuning))
        return [os.path.join(root, "usr/sbin/nginx"), "-p", self.folder, "-c", path]


class NginxTuned(Nginx):
    name = "nginx 64k"
    tuning = "proxy_buffer_size 64k;"


class PostfixFilter(Program):
    """smtpd with smtpd_proxy_filter: the nearest thing that inspects too."""

    name = "Postfix filter"

    def command(self):
        from postfix import GROUP, OWNER, PLACES, make_folders

        self.root, self.peer_environment = postfix_root()
        make_folders(self.folder)
        self.write("conf/main.cf", (PLACES + """myhostname = filter.test
mydestination =
mynetworks = 127.0.0.0/8
relay_domains = example.org localhost
inet_protocols = ipv4
message_size_limit = 0
alias_maps =
alias_database =
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_recipient_restrictions = permit_mynetworks, reject
""").format(work=self.folder, root=self.root, owner=OWNER, group=GROUP))
        self.write("conf/master.cf", """127.0.0.1:{port} inet n - n - 60 smtpd
 -o smtpd_proxy_filter=127.0.0.1:{server}
 -o smtpd_authorized_xforward_hosts=127.0.0.0/8
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
""".format(port=self.port, server=self.server))
        return [os.path.join(self.root, "usr/lib/postfix/sbin/master"), "-d", "-c", os.path.join(self.folder, "conf")]

    def environment(self):
        return self.peer_environment


GATEWAYS = (Direct, Floor, Smtpguard, Haproxy, HaproxyTuned, Nginx, NginxTuned, PostfixFilter)
LAYER_4 = ("HAProxy", "HAProxy 64k", "nginx", "nginx 64k")
