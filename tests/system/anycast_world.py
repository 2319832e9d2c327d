# SPDX-License-Identifier: Apache-2.0
"""Two sites that announce the same service addresses to a router, each in a network namespace of its own: a real edge,
a routing daemon of others with the sample configuration that we ship, and statim-shed:

    client up0 ─── router ═╤═ site 0: BIRD or ExaBGP, edge, agent
                           └═ site 1: BIRD, edge, agent

The router is BIRD, too; it takes the best route, or both where they are equally good."""

import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import threading
import time
import urllib.parse

import pytest

import ocsp_oracle
from network import Namespace
from routing_daemons import (BIRD, BIRDC, EXABGP, SITE_AS, Daemon, router_bird_text, site_bird_text, start_bird,
                             start_exabgp)
from shed_world import SHED
from site_under_test import BUILD, STATIM, run, wait_for

BENCH = str(BUILD / "bench" / "statim-bench")
SERVICE_V4, SERVICE_V6, PORT, ADMIN_PORT = "192.0.2.53", "2001:db8:53::53", 80, 9080
# Edges share their processors with other tests here: a look that is too short finds them dead.
POLL_MS = 300
STALE_S = 6
# The client's addresses: shedding chooses among them.
SOURCES = [f"10.79.9.{host}" for host in range(10, 26)]
PATIENCE_S = 0.5
# What an agent is given beside what a test is about.
CONTROLLER = {"poll_ms": POLL_MS, "sites": 2, "min_sites": 1, "recover_s": 2, "recover_max_s": 4,
              "stale_deprefer_s": STALE_S}


class Pop:
    """One site."""

    def __init__(self, world, number, site):
        self.world, self.number, self.site = world, number, site
        self.namespace = world.namespace()
        self.dir = world.dir / f"pop{number}"
        self.dir.mkdir(exist_ok=True)
        self.socket = self.dir / "control"
        self.config = self.dir / "shed.yaml"
        self.daemon = self.agent = None
        world.join(self.namespace, f"site{number}", number)
        for address in (f"{SERVICE_V4}/32", f"{SERVICE_V6}/128"):
            self.namespace.ip("address", "add", address, "dev", "lo")

    # The edge

    def start_edge(self):
        self.site.enter = self.namespace.enter
        self.site.start_edge(wait=False)
        wait_for(self.healthy, f"the edge of site {self.number}", 60, self.site.edge)

    def kill_edge(self):
        """The edge and all its children at once, as when the machine's service dies."""
        children = [int(line) for line in run("ps", "-o", "pid=", "--ppid", self.site.edge.pid).stdout.split()]
        self.site.edge.kill()
        for child in children:
            run("kill", "-KILL", child, check=False)
        self.site.edge.wait(10)

    def ask_edge(self, path):
        with self.namespace.inside():
            return self.site.admin(path)

    def healthy(self):
        try:
            return self.ask_edge("/healthz")[0] == 200
        except OSError:
            return False

    def gets(self):
        """How many GET requests it was asked; 0 of one that is dead."""
        if self.site.edge.poll() is not None:
            return 0
        with self.namespace.inside():
            return int(self.site.metrics()["statim_edge_requests_get_total"])

    # Its news

    @property
    def origin(self):
        return self.dir / "origin"

    def point_origin(self, folder):
        """Where the edge finds the publication, from now on."""
        link = self.dir / "next"
        link.symlink_to(folder)
        os.replace(link, self.origin)

    def freeze_news(self):
        """The publication that the edge sees stands still."""
        frozen = self.dir / "frozen"
        shutil.rmtree(frozen, ignore_errors=True)
        with self.world.publisher_stopped():
            shutil.copytree(self.world.publication, frozen)
        self.point_origin(frozen)

    def thaw_news(self):
        self.point_origin(self.world.publication)

    # The route

    def configure(self, route=None, **controller):
        route = route or {"through": "bird", "socket": str(self.dir / "bird" / "ctl"), "v4_normal": "statim_v4",
                          "v4_low": "statim_v4_low", "v6_normal": "statim_v6", "v6_low": "statim_v6_low"}
        self.config.write_text(json.dumps({
            "interfaces": ["up0"], "services": [f"{SERVICE_V4}:{PORT}", f"[{SERVICE_V6}]:{PORT}"],
            "pin_folder": str(self.world.pins / f"pop{self.number}"), "control_socket": str(self.socket),
            "v4_prefix_bits": 32, "edges": [f"127.0.0.1:{ADMIN_PORT}"], "controller": CONTROLLER | controller,
            "route": route}))

    def start_bird(self):
        self.daemon = start_bird(self.namespace, self.dir / "bird", site_bird_text(self.number))

    def start_exabgp(self):
        self.configure(route={"through": "exabgp", "prefixes": [f"{SERVICE_V4}/32", f"{SERVICE_V6}/128"],
                              "normal_attributes": "med 0",
                              "low_attributes":
                                  f"med 1000 community [65535:0] as-path [{SITE_AS} {SITE_AS} {SITE_AS}]"})
        self.daemon = start_exabgp(self.namespace, self.dir, self.number, SHED, self.config)
        wait_for(self.agent_answers, "the agent of ExaBGP", 30, self.daemon.process)

    def start_agent(self, **controller):
        self.configure(**controller)
        self.agent = Daemon(self.namespace, self.dir / "shed.log", SHED, self.config)
        wait_for(self.agent_answers, f"the agent of site {self.number}", 20, self.agent.process)

    def agent_answers(self):
        return run(STATIM, "shed", "level", "--socket", self.socket, check=False).returncode == 0

    def ask_agent(self, *words):
        return json.loads(run(STATIM, "shed", *words, "--json", "--socket", self.socket).stdout)

    def route(self):
        """(route, why) as the agent sees it."""
        stats = self.ask_agent("stats")
        return stats["route"], stats["reason"]

    def wait_route(self, *wanted):
        """What moves the traffic comes before the last word on it."""
        try:
            wait_for(lambda: self.route() == wanted, f"site {self.number}: {wanted}", 20)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.route()}\n{self.logs()}") from None

    def values(self):
        return self.ask_agent("stats")["values"]

    def wait_bird(self, deadline_s=20, **wanted):
        """Until these protocols are in these states."""
        wait_for(lambda: all(self.bird_state(protocol) == state for protocol, state in wanted.items()), str(wanted),
                 deadline_s)

    def bird_state(self, protocol):
        """Up or down."""
        text = run(BIRDC, "-s", self.dir / "bird" / "ctl", "show", "protocols", protocol).stdout
        return re.search(rf"^{protocol} +\S+ +\S+ +(\S+)", text, re.M)[1]

    def stop(self):
        for daemon in (self.agent, self.daemon):
            if daemon is not None:
                daemon.stop()

    def logs(self):
        text = ""
        for path in sorted(self.dir.rglob("*.log")):
            text += f"--- {path.name} of site {self.number}\n{path.read_text(errors='replace')[-3000:]}"
        return text


class Asking(threading.Thread):
    """Clients that ask one after the other by POST, each on a connection of its own, from addresses in turn."""

    def __init__(self, world, pause_s=0.02):
        super().__init__(daemon=True)
        self.world, self.pause_s = world, pause_s
        self.ends = threading.Event()
        self.seen = []  # (when it began, whether it was answered right)
        self.wrong = []
        self.start()

    def run(self):
        turn = 0
        while not self.ends.is_set():
            began = time.monotonic()
            try:
                self.seen.append((began, self.world.ask(SOURCES[turn % len(SOURCES)], PATIENCE_S)))
            except AssertionError as error:
                self.wrong.append(error)
            turn += 1
            self.ends.wait(self.pause_s)

    def stop(self):
        self.ends.set()
        self.join(PATIENCE_S + 10)
        assert not self.wrong, self.wrong[0]

    def failed(self, since=0.0):
        return [when for when, right in self.seen if not right and when >= since]


class AnycastWorld:
    def __init__(self, folder, make_site):
        self.dir = folder
        self.namespaces, self.pops, self.askings, self.loads = [], [], [], []
        self.router_bird = None
        self.pins = folder / "bpf"
        self.mounted = False
        self.make_site = make_site
        try:
            self.pins.mkdir()
            done = run("mount", "-t", "bpf", "bpf", self.pins, check=False)
            if done.returncode != 0:
                pytest.skip(f"no bpf file system here: {done.stderr.strip()}")
            self.mounted = True
            self.make_router()
            self.make_publication()
            for number in range(2):
                self.pops.append(Pop(self, number, self.edge_site(number)))
                self.pops[-1].thaw_news()
        except BaseException:
            self.remove()
            raise

    # Making

    def namespace(self):
        try:
            self.namespaces.append(Namespace())
        except OSError as error:
            pytest.skip(str(error))
        return self.namespaces[-1]

    def join(self, namespace, outer, number):
        """A cable to the router, which is .1 of network `number`; the other end is .2 and has it for everything."""
        done = run("ip", "link", "add", outer, "netns", self.router.holder.pid, "type", "veth", "peer", "name", "up0",
                   "netns", namespace.holder.pid, check=False)
        if done.returncode != 0:
            pytest.skip(f"no veth here: {done.stderr.strip()}")
        for end, device, host in ((self.router, outer, 1), (namespace, "up0", 2)):
            end.ip("address", "add", f"10.79.{number}.{host}/24", "dev", device)
            end.ip("address", "add", f"fd79:1{number}::{host}/64", "dev", device, "nodad")
            end.ip("link", "set", device, "up")
        namespace.ip("route", "add", "default", "via", f"10.79.{number}.1")
        namespace.ip("route", "add", "default", "via", f"fd79:1{number}::1")

    def make_router(self):
        self.router, self.client = self.namespace(), self.namespace()
        for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv4/fib_multipath_hash_policy"):
            run(*self.router.enter, "sh", "-c", f"echo 1 >/proc/sys/net/{name}")
        self.join(self.client, "client", 9)
        for source in SOURCES:
            self.client.ip("address", "add", f"{source}/24", "dev", "up0")

    def start_router(self):
        self.router_bird = start_bird(self.router, self.dir / "router", router_bird_text(site_count=2))

    def make_publication(self):
        """A real one, whose head is signed anew every second."""
        self.source = self.make_site("source")
        self.source.init()
        self.source.edit("presigner.yaml", r"\Z", "head_refresh_s: 1\n")
        self.source.issue_certificate("good")
        self.source.import_certificates()
        self.source.start_presigner()
        self.publication = self.source.dir / "pub"
        wait_for((self.publication / "head").exists, "the publication", 30, self.source.presigner)
        self.issuer = ocsp_oracle.load(self.source.ca)
        self.certificate = ocsp_oracle.load(self.source.certificates["good"])
        self.request = ocsp_oracle.request_der(self.certificate, self.issuer)

    @contextlib.contextmanager
    def publisher_stopped(self):
        """It writes its head anew every second, through a file that comes and goes."""
        self.source.presigner.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.source.presigner.send_signal(signal.SIGCONT)

    def edge_site(self, number):
        """An edge that serves the service addresses, and has its admin listener where only its own site is."""
        site = self.make_site(f"edge{number}")
        (site.dir / "edge").mkdir(parents=True)
        for name in ("ca.pem", "publish-key.pub", "edge.yaml"):
            shutil.copy(self.source.dir / name, site.dir)
        site.port, site.admin_port = PORT, ADMIN_PORT
        site.edit("edge.yaml", rf"'127\.0\.0\.1:{self.source.port}'",
                  f"'{SERVICE_V4}:{PORT}'\n  - '[{SERVICE_V6}]:{PORT}'")
        site.edit("edge.yaml", rf"127\.0\.0\.1:{self.source.admin_port}", f"127.0.0.1:{ADMIN_PORT}")
        site.use_origin(self.dir / f"pop{number}" / "origin")
        site.append_edge("poll_ms: 200\nworkers: 1\ndrain_timeout_s: 1\n")
        return site

    def start(self, exabgp=False, controllers=({}, {})):
        """Everything, until the router has both routes, and the agents want them."""
        self.start_router()
        for pop, controller in zip(self.pops, controllers):
            pop.start_edge()
            if exabgp and pop.number == 0:
                pop.start_exabgp()
            else:
                pop.start_bird()
                pop.start_agent(**controller)
        self.wait_via({0, 1}, "both sites", 60)
        wait_for(lambda: self.via(6) == {0, 1}, "both sites in IPv6", 60)
        for pop in self.pops:
            wait_for(lambda p=pop: p.route()[0] == "announce", f"the agent of site {pop.number} sure", 60)

    # Looking

    def via(self, version=4):
        """Through which sites the router's kernel sends."""
        address, pattern = (SERVICE_V4, r"via 10\.79\.(\d)\.2") if version == 4 else (SERVICE_V6, r"via fd79:1(\d)::2")
        return {int(number) for number in re.findall(pattern, self.router.ip(f"-{version}", "route", "show", address))}

    def wait_via(self, sites, what, deadline_s=20):
        """Until traffic goes there; how long it took, in seconds."""
        began = time.monotonic()
        try:
            wait_for(lambda: self.via() == sites, what, deadline_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; now via {self.via()}\n{self.logs()}") from None
        return time.monotonic() - began

    def ask(self, source, patience_s=10, get=False):
        """Whether a client at that address got the right answer in time. A wrong one is the end of the test."""
        path = "/" + urllib.parse.quote(base64.b64encode(self.request), safe="") if get else "/"
        try:
            with self.client.inside():
                connection = http.client.HTTPConnection(SERVICE_V4, PORT, timeout=patience_s,
                                                        source_address=(source, 0))
                try:
                    if get:
                        connection.request("GET", path)
                    else:
                        connection.request("POST", "/", self.request, {"Content-Type": "application/ocsp-request"})
                    response = connection.getresponse()
                    status, body = response.status, response.read()
                finally:
                    connection.close()
        except (OSError, http.client.HTTPException):
            return False
        assert status == 200, status
        assert ocsp_oracle.judge(body, self.issuer, self.certificate.serial_number) == ("GOOD", None)
        return True

    def asking(self, **options):
        self.askings.append(Asking(self, **options))
        return self.askings[-1]

    def load(self, seconds, rate=4000):
        """Clients that keep their connections, half of them with each site, and ask by POST. It ends by itself, or by
        stop()."""
        serials = self.dir / "serials.txt"
        serials.write_text(f"{self.certificate.serial_number:x}\n")
        self.loads.append(Daemon(self.client, self.dir / "load.log", BENCH, f"http://{SERVICE_V4}:{PORT}", "--issuer",
                                 self.source.ca, "--serials", serials, "--rate", rate, "--connections", 32, "--method",
                                 "post", "--verify", "none", "--timeout", 1, "--duration", seconds, "--warmup", 0,
                                 "--quiet"))
        return self.loads[-1]

    def spread(self, count=40):
        """How many of so many new connections each site answers; all are answered right. They ask by GET, and nobody
        else does: what others have asked and a site has not read yet is not among them."""
        before = [pop.gets() for pop in self.pops]
        for turn in range(count):
            assert self.ask(SOURCES[turn % len(SOURCES)], get=True), f"request {turn}: no answer\n{self.logs()}"
        spread = [pop.gets() - old for pop, old in zip(self.pops, before)]
        assert sum(spread) == count
        return spread

    def logs(self):
        return "".join(pop.logs() for pop in self.pops)

    def remove(self):
        for one in (*self.askings, *self.loads):
            one.stop()
        for pop in self.pops:
            pop.stop()
        if self.router_bird is not None:
            self.router_bird.stop()
        for pop in self.pops:
            pop.site.stop()
        for namespace in self.namespaces:
            namespace.remove()
        if self.mounted:
            run("umount", "-l", self.pins, check=False)


def skip_reason(exabgp=False):
    """Why it cannot be shown here, or None."""
    if not os.path.exists(SHED):
        return "statim-shed is not built: it needs libbpf, clang and bpftool"
    if os.geteuid() != 0:
        return "network namespaces and XDP need root"
    if BIRD is None or BIRDC is None:
        return "no BIRD"
    return "no ExaBGP" if exabgp and EXABGP is None else None
