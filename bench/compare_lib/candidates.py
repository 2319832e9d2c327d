# SPDX-License-Identifier: Apache-2.0
"""The servers that are compared. Each is started once for a data set and stopped at its end."""

import base64
import contextlib
import http.client
import os
import shutil
import socket
from pathlib import Path

from . import ask, cpu
from .process import Failed, free_port, listening, run, wait_for
from .site import Serials, Site

FILES_MAX = 100000       # answers taken from the edge for nginx and cfssl
OPENSSL_CERTS = 1000


class Candidate:
    """One server. `serials`, `issuer` and `ca` say what it can be asked for."""
    name = ""
    methods = frozenset({"get", "post"})
    slow = False          # not in the count of who is the slowest
    transient = False     # runs only while it is asked
    answers = "all"       # what it answers, for the table
    is_constant = False   # answers the same to everything, so nobody looks into it
    is_ours = False

    def __init__(self, world, site=None):
        self.world = world
        self.site = site or world.site
        self.dir = world.folder / self.name.replace(" ", "-")
        self.dir.mkdir()
        self.log = self.dir / "log"
        self.port = free_port()
        self.close_port = self.port  # where one request a connection is asked
        self.process = None
        self.issuer, self.ca, self.serials = self.site.issuer, self.site.ca, self.site.serials

    def prepare(self):
        """What it needs before its first start."""

    def start(self):
        self.process = self.launch()
        wait_for(f"{self.name} to answer (see {self.log})", self.ready, self.process)
        self.roots = [self.process.pid]

    def stop(self):
        self.world.processes.stop(self.process)
        self.process = None

    def ready(self):
        return listening(self.port)

    def cpu_s(self):
        """Of everything that is the server."""
        return cpu.tree_s([pid for root in self.roots for pid in cpu.tree_of(root)])

    def can(self, case):
        return case.methods <= self.methods

    def restrict(self, serials):
        """Asks for these only, from now on."""
        path = self.dir / "serials.txt"
        path.write_text("\n".join(serials) + "\n")
        self.serials = Serials(path)
        if self.serials.count < self.site.certs:
            self.answers = f"{self.serials.count:,} of {self.site.certs:,}"


class Edge(Candidate):
    name = "statim-edge"
    is_ours = True

    def __init__(self, world, workers=1, origin="pub", name=None, site=None, build=None):
        self.name = name or self.name
        super().__init__(world, site)
        self.workers, self.origin, self.build = workers, origin, build or world.build
        self.admin_port = free_port()

    def launch(self, cpus=frozenset({0})):
        config = self.site.edge_config(self.dir.name, self.port, self.admin_port, self.workers, self.origin)
        return self.world.processes.start(self.log, self.build / "edge/statim-edge", config, cpus=cpus)

    def ready(self):
        with contextlib.suppress(OSError):
            return self.admin("/healthz")[0] == 200 and self.metrics().get("statim_edge_snapshot_complete")
        return False

    def admin(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def metrics(self):
        pairs = (line.rsplit(" ", 1) for line in self.admin("/metrics")[1].splitlines() if line[:1] not in ("#", ""))
        return {name: float(value) for name, value in pairs}

    def serve_pid(self):
        """The process that answers."""
        for pid in cpu.tree_of(self.process.pid):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == "edge-serve":
                    return pid
        raise Failed("the edge has no serving process")


class Floor(Candidate):
    """Two of them: one keeps connections, one closes each."""
    name = "floor"
    answers = "one constant"
    is_constant = True

    def launch(self):
        binary = self.world.build / "bench/statim-floor"
        head = len(f"HTTP/1.1 200 OK\r\nContent-Length: {self.world.answer_bytes}\r\n\r\n")
        body = self.world.answer_bytes - head
        self.close_port = free_port()
        self.closing = self.world.processes.start(self.log, binary, self.close_port, body, "close")
        wait_for("the closing floor", lambda: listening(self.close_port), self.closing)
        return self.world.processes.start(self.log, binary, self.port, body)

    def start(self):
        super().start()
        self.roots.append(self.closing.pid)


NGINX = """daemon off; master_process on; worker_processes 1; worker_rlimit_nofile 200000; pid {dir}/nginx.pid;
{user}
error_log stderr crit;
events {{ worker_connections 60000; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; tcp_nodelay on; merge_slashes off;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
  uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    default_type application/ocsp-response;
    {location}
  }}
}}
"""


class NginxReturn(Candidate):
    """The cheapest answer nginx has, of as many octets as the edge's."""
    name = "nginx return"
    answers = "one constant"
    is_constant = True

    def location(self):
        body = "x" * (self.world.answer_bytes - self.world.nginx_head_bytes)
        return f'location / {{ return 200 "{body}"; }}'

    def launch(self):
        config = self.dir / "nginx.conf"
        config.write_text(NGINX.format(dir=self.dir, user="user root;" if os.geteuid() == 0 else "", port=self.port,
                                       location=self.location()))
        return self.world.processes.start(self.log, "nginx", "-p", self.dir, "-c", config, "-e", "stderr")


class NginxStatic(NginxReturn):
    """One file a certificate, as a CDN or an RFC 5019 responder would lay them out."""
    name = "nginx static"
    methods = frozenset({"get"})
    answers = "all"
    is_constant = False

    def location(self):
        return f"root {self.dir}/www; etag on; sendfile on; {self.cache()}"

    def cache(self):
        return ""

    def prepare(self):
        (self.dir / "www").symlink_to(self.world.files())
        self.restrict(self.world.file_serials())


class NginxStaticCached(NginxStatic):
    """The same, and nginx keeps files open."""
    name = "nginx static, open_file_cache"

    def cache(self):
        return f"open_file_cache max={FILES_MAX} inactive=3600s; open_file_cache_valid 3600s;"


class Cfssl(Candidate):
    """`cfssl ocspserve` with ready answers. Debian's release answers no GET, and takes only responses with
    one SingleResponse: those of a data set of its own."""
    name = "cfssl ocspserve"
    methods = frozenset({"post"})
    slow = True

    def prepare(self):
        site = Site(self.world.build, self.dir / "site", min(self.site.certs, FILES_MAX), "--certids", "sha1")
        self.issuer, self.ca, self.serials = site.issuer, site.ca, site.serials
        serials = site.serials.some(FILES_MAX)
        edge = Edge(self.world, name="edge for cfssl", site=site)
        edge.start()
        with open(self.dir / "responses", "wb") as file:
            for body in self.world.bodies(edge, serials):
                file.write(base64.b64encode(body) + b"\n")
        edge.stop()
        self.answers = f"{len(serials):,}, with one CertID"

    def launch(self):
        return self.world.processes.start(self.log, "cfssl", "ocspserve", "-loglevel", "5", "-address", "127.0.0.1",
                                          "-port", self.port, "-responses", self.dir / "responses")


class OpensslOcsp(Candidate):
    """`openssl ocsp`: signs each answer, one connection and one request at a time. Of a CA of its own,
    because it needs the key. It has been seen to spin on closed sockets, so it runs only when asked."""
    name = "openssl ocsp"
    slow = True
    transient = True

    def prepare(self):
        self.ca = self.dir / "ca.pem"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            self.dir / "ca.key", "-subj", "/CN=Compared", "-days", "90", "-out", self.ca)
        self.issuer = ask.issuer_of(self.ca)
        serials = self.site.serials.some(OPENSSL_CERTS)
        (self.dir / "index.txt").write_text("".join(f"V\t401231235959Z\t\t{serial.upper()}\tunknown\t/CN={n}\n"
                                                    for n, serial in enumerate(serials)))
        self.restrict(serials)
        self.answers = f"{len(serials):,}, of its own CA"

    def launch(self):
        return self.world.processes.start(self.log, "openssl", "ocsp", "-index", self.dir / "index.txt", "-CA", self.ca,
                                          "-rsigner", self.ca, "-rkey", self.dir / "ca.key", "-port", self.port,
                                          "-nmin", "600", "-ignore_err")

    def ready(self):
        """Without connecting: a connection that asks nothing makes it wait."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError:
                return True
        return False


NAMES = {"floor": Floor, "edge": Edge, "nginx": NginxReturn, "static": NginxStatic, "static-cached": NginxStaticCached,
         "cfssl": Cfssl, "openssl": OpensslOcsp}
QUICK = ("floor", "edge", "nginx")
NEEDS = {"nginx": "nginx", "static": "nginx", "static-cached": "nginx", "cfssl": "cfssl", "openssl": "openssl"}


def present(name):
    return name not in NEEDS or shutil.which(NEEDS[name]) is not None
