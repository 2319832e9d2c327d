# SPDX-License-Identifier: Apache-2.0
"""Edges that relay the publication to others: a chain of three, and what breaks in it. Relays that lie:
test_relay_lies.py."""

import collections
import contextlib
import hashlib
import http.client
import os
import shutil
import signal
import threading

import pytest

import ocsp_oracle
from site_under_test import STATIM, free_port, run, wait_for
from test_crl import newest, use_crls
from test_replication import Origin

CRL_PATH = "/7/1/0.crl"
IMMUTABLE = "public, max-age=31536000, immutable"
REVOKED = ("REVOKED", "superseded")


def ask(port, path, method="GET", body=None, **fields):
    """Status, fields and body of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in fields.items()})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def answer(edge, name="good"):
    try:
        return ocsp_oracle.ask(edge.port, edge.certificates[name], edge.ca)
    except (ocsp_oracle.Refused, OSError, http.client.HTTPException):
        return None


def relay(edge):
    """Lets the edge relay; its address for others."""
    edge.relay_port = free_port()
    edge.append_edge(f"relay: true\nrelay_listen:\n  - 127.0.0.1:{edge.relay_port}\n")
    edge.relay_url = f"http://127.0.0.1:{edge.relay_port}"


def needed(site):
    """The paths that the newest head, its index and the log behind that make necessary."""
    head = {words[0]: words[1:] for words in
            (line.split() for line in (site.dir / "pub" / "head").read_text().splitlines()) if words}
    index_log, index = int(head["index"][0]), head["index"][2]
    paths = {"/head", f"/index/{index}"}
    paths |= {f"/log/{number}" for number in range(index_log + 1, int(head["log"][1]) + 1)}
    for line in (site.dir / "pub" / "index" / index).read_text().splitlines():
        words = line.split()
        if words[0] in ("range", "tail"):
            paths.add(f"/pack/{words[-1]}")
        if words[0] == "path":
            paths.add(f"/blob/{words[4]}")
    return paths


def all_files(site):
    return {"/head"} | {f"/{path.parent.name}/{path.name}" for folder in ("log", "index", "pack", "blob")
                        for path in (site.dir / "pub" / folder).iterdir() if "." not in path.name}


def has_all(site, port):
    """Whether a relay has the newest head and all that it makes necessary; all it has is the publication's."""
    try:
        if ask(port, "/head")[2] != (site.dir / "pub" / "head").read_bytes():
            return False
        there = {path: ask(port, path) for path in all_files(site)}
    except OSError:
        return False
    for path, (status, fields, body) in there.items():
        assert status in (200, 404), path
        if status == 404:
            assert path not in needed(site), path
            continue
        content = (site.dir / "pub" / path[1:]).read_bytes()
        assert body == content, path
        assert fields["ETag"] == f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        assert fields["Cache-Control"] == ("public, max-age=1" if path == "/head" else IMMUTABLE)
    return True


class Chain:
    """A publication with CRLs over HTTP, and edges in a row; only the first knows the origin."""

    def __init__(self, make_site, length=3):
        self.make_site = make_site
        self.site = make_site()
        self.site.init()
        use_crls(self.site, shards=1)  # every revocation is on the CRL at CRL_PATH
        self.site.issue_certificate("good")
        self.site.issue_certificate("other")
        self.site.import_certificates()
        self.site.presign_once()
        self.origin = Origin(self.site.dir / "pub")
        self.site.use_origin(self.origin.url)
        self.site.append_edge("poll_ms: 100\n")
        self.edges = [self.site]
        relay(self.site)
        for number in range(1, length):
            edge = self.another(f"edge{number}", self.edges[-1].relay_url)
            relay(edge)
            self.edges.append(edge)

    def another(self, name, *origins):
        edge = self.make_site(name)
        (edge.dir / "edge").mkdir(parents=True)
        for file in ("ca.pem", "publish-key.pub", "edge.yaml"):
            shutil.copy(self.site.dir / file, edge.dir)
        edge.edit("edge.yaml", rf"127\.0\.0\.1:{self.site.port}", f"127.0.0.1:{edge.port}")
        edge.edit("edge.yaml", rf"127\.0\.0\.1:{self.site.admin_port}", f"127.0.0.1:{edge.admin_port}")
        edge.edit("edge.yaml", r"^relay: true\nrelay_listen:\n  - .*\n", "")
        edge.use_origin(*origins)
        edge.certificates = self.site.certificates
        return edge

    def start(self):
        for edge in self.edges:
            edge.start_edge()

    def wait_whole(self, *edges):
        for edge in edges or self.edges:
            wait_for(lambda edge=edge: has_all(self.site, edge.relay_port), f"{edge.dir.name} whole", 90)

    def revoke(self, name):
        run(STATIM, "revoke", self.site.dir, self.site.serial(name), "--reason", "superseded")

    def log_text(self):
        return "".join(f"--- {edge.dir.name}\n{edge.edge_log()[-3000:]}" for edge in self.edges)


@pytest.fixture
def make_chain(make_site):
    chains = []

    def make(*arguments, **options):
        chain = Chain(make_site, *arguments, **options)
        chains.append(chain)
        return chain

    yield make
    for chain in chains:
        for edge in chain.edges:
            edge.stop()
        chain.origin.stop()


def crl(port):
    status, _, body = ask(port, CRL_PATH)
    return body if status == 200 else None


def index_count(site):
    return sum(1 for path in (site.dir / "pub" / "index").iterdir() if "." not in path.name)


@pytest.mark.long
def test_a_chain_of_three(make_chain):
    """What is published reaches the third edge octet for octet, and leaves the origin once."""
    chain = make_chain()
    site = chain.site
    chain.start()
    chain.wait_whole()
    third = chain.edges[2]
    assert answer(third) == ("GOOD", None)
    assert crl(third.port) == crl(site.port) == newest(site, CRL_PATH)
    site.edit("presigner.yaml", r"^publish_key", "index_interval_s: 3\npublish_key")
    site.start_presigner()
    before = crl(third.port)
    for name in ("good", "other"):
        indexes = index_count(site)
        chain.revoke(name)
        wait_for(lambda name=name: answer(third, name) == REVOKED, f"{name} revoked at the third", 60)
        wait_for(lambda indexes=indexes: index_count(site) > indexes, f"an index with {name}", 60)
    wait_for(lambda: crl(third.port) not in (None, before), "another CRL at the third", 60)
    site.stop_process(site.presigner)
    chain.wait_whole()
    wait_for(lambda: crl(third.port) == newest(site, CRL_PATH), "the newest CRL at the third", 60)
    fetched = collections.Counter(path for path in chain.origin.requests if path != "/head")
    assert fetched and set(fetched.values()) == {1}, fetched
    for edge in chain.edges:
        # Told when it is done, and then by one gauge after the other.
        wait_for(lambda edge=edge: edge.metrics()["statim_edge_sync_relay_log_number"] == site.head_log() ==
                 edge.metrics()["statim_edge_sync_log_number"], "the gauges at the head", 60)
        counted = edge.metrics()
        assert counted["statim_edge_sync_relay_failures_total"] == 0, chain.log_text()
        assert counted["statim_edge_sync_content_refused_total"] == 0
        assert counted["statim_edge_sync_relay_files_missing"] == 0
    assert site.metrics()["statim_edge_requests_relay_total"] > 0
    assert third.healthy()


def test_what_a_listener_answers(make_chain):
    """Relay listeners: files of the publication, with ranges and conditions, and nothing else. The others: none of
    those files."""
    chain = make_chain(length=1)
    site = chain.site
    chain.start()
    chain.wait_whole()
    port = site.relay_port
    request = ocsp_oracle.request_for_serial(ocsp_oracle.load(site.ca), int(site.serial("good"), 16),
                                             ocsp_oracle.HASHES["sha256"])
    assert ocsp_oracle.exchange(site.port, request, "POST")[0] == 200
    assert ask(port, "/", "POST", request, Content_Type="application/ocsp-request")[0] == 404
    assert crl(site.port) is not None and crl(port) is None
    for path in ("/", "/log", "/log/0", "/log/01", "/log/999999", "/head/", "/head?x", "//head", "/pack/" + "0" * 64,
                 "/pack/../head", "/metrics"):
        assert ask(port, path)[0] == 404, path
    for path in needed(site):
        status, fields, body = ask(site.port, path)
        assert fields["Content-Type"] in ("application/ocsp-response", "text/plain") and len(body) < 100, path
    path = max((path for path in needed(site) if path.startswith("/pack/")),
               key=lambda path: len(ask(port, path)[2]))
    content = (site.dir / "pub" / path[1:]).read_bytes()
    etag = ask(port, path)[1]["ETag"]
    assert ask(port, path, Range="bytes=5-20")[::2] == (206, content[5:21])
    assert ask(port, path, Range="bytes=7-")[1]["Content-Range"] == f"bytes 7-{len(content) - 1}/{len(content)}"
    assert ask(port, path, Range="bytes=5-20", If_Range=etag)[0] == 206
    assert ask(port, path, Range="bytes=5-20", If_Range='"x"')[::2] == (200, content)
    assert ask(port, path, Range=f"bytes={len(content)}-")[0] == 416
    assert ask(port, path, If_None_Match=etag)[::2] == (304, b"")
    assert ask(port, path, "HEAD")[1]["Content-Length"] == str(len(content))
    assert ask(port, path, "POST", b"x")[0] == 405


@pytest.mark.long
def test_links_break(make_chain):
    """The origin goes: what was published is still to be had. A relay goes: whoever has no other way waits."""
    chain = make_chain()
    site, second, third = chain.edges
    chain.start()
    chain.wait_whole()
    chain.origin.stop()
    third.stop_process(third.edge)
    shutil.rmtree(third.dir / "edge" / "store")
    third.start_edge()
    assert answer(third) == ("GOOD", None)
    chain.wait_whole()
    chain.origin = Origin(site.dir / "pub")
    site.use_origin(chain.origin.url)
    site.reload_edge()
    chain.revoke("good")
    site.presign_once()
    wait_for(lambda: answer(third) == REVOKED, "the revocation at the third", 90)
    # The relay in the middle is killed, and is back with what it had.
    second.stop_process(second.edge, signal.SIGKILL)
    chain.revoke("other")
    site.presign_once()
    wait_for(lambda: answer(site, "other") == REVOKED, "the revocation at the first", 90)
    assert answer(third, "other") == ("GOOD", None)
    second.start_edge()
    wait_for(lambda: answer(third, "other") == REVOKED, "the revocation at the third", 90)
    # Its sync process alone: the supervisor starts another one.
    os.kill(second.child("sync"), signal.SIGKILL)
    site.issue_certificate("late")
    site.import_certificates()
    site.presign_once()
    wait_for(lambda: answer(third, "late") == ("GOOD", None), "the new certificate at the third", 90)
    chain.wait_whole()


@contextlib.contextmanager
def client_of(site):
    """Asks all the time; gives the list of what it was answered wrongly."""
    stop, wrong = threading.Event(), []

    def client():
        while not stop.is_set():
            if (got := answer(site)) != ("GOOD", None):
                wrong.append(got)

    thread = threading.Thread(target=client)
    thread.start()
    try:
        yield wrong
    finally:  # also for who waited in vain
        stop.set()
        thread.join()


def test_switched_on_and_off(make_chain):
    """Over a store that was filled without it; clients notice neither."""
    chain = make_chain(length=1)
    site = chain.site
    with_relay = (site.dir / "edge.yaml").read_text()
    site.edit("edge.yaml", r"^relay: true\nrelay_listen:\n  - .*\n", "")
    chain.start()
    for name in ("good", "late", "later"):
        if name != "good":
            site.issue_certificate(name)
            site.import_certificates()
            site.start_presigner()
            wait_for(lambda name=name: answer(site, name) == ("GOOD", None), f"{name} at the edge", 90)
            site.stop_process(site.presigner)
    assert site.metrics()["statim_edge_sync_relay_log_number"] == 0
    with client_of(site) as wrong:
        (site.dir / "edge.yaml").write_text(with_relay)
        site.reload_edge()
        chain.wait_whole()
        resyncs = site.metrics()["statim_edge_sync_resyncs_total"]
        facts = run(STATIM, "inspect", "--verify", site.dir / "edge" / "store").stdout
        assert "relay files" in facts and "relay files                0\n" not in facts, facts
        site.edit("edge.yaml", r"^relay: true\nrelay_listen:\n  - .*\n", "")
        site.reload_edge()
        site.wait_handed_over()
        with pytest.raises(OSError):
            ask(site.relay_port, "/head")
        wait_for(lambda: "relay_files\": 0" in run(STATIM, "inspect", "--json", site.dir / "edge" / "store").stdout,
                 "the copy gone", 60)
    assert not wrong
    assert resyncs == 1
