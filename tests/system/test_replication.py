# SPDX-License-Identifier: Apache-2.0
"""The publication over HTTP, hurt on its way, and an edge that must not be fooled."""

import functools
import http.server
import os
import shutil
import threading

import pytest

import ocsp_oracle
from foreign_ca import ForeignCa
from site_under_test import IS_SANITIZED, STATIM, run, wait_for

# All of them also where a sanitizer watches how they are read.
FULL = IS_SANITIZED or os.environ.get("STATIM_FULL") == "1"


class Origin:
    """A static HTTP server over a publication that can spoil what it sends."""

    def __init__(self, folder):
        self.spoil = None  # a function (path, octets) -> octets, or None for not found
        self.requests = []
        origin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                origin.requests.append(self.path)
                path = folder / self.path.lstrip("/")
                content = path.read_bytes() if path.is_file() else None
                if content is not None and origin.spoil is not None:
                    content = origin.spoil(self.path, content)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=functools.partial(self.server.serve_forever, 0.05))
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self):
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()


@pytest.fixture
def origin(make_site):
    """A published site whose edge replicates over HTTP from an origin that the test can spoil."""
    site = make_site()
    site.init()
    site.issue_certificate("good")
    site.issue_certificate("other")
    site.import_certificates()
    site.presign_once()
    origin = Origin(site.dir / "pub")
    site.use_origin(origin.url)
    origin.site = site
    yield origin
    site.stop()
    origin.stop()


def answers(site, name="good"):
    try:
        return ocsp_oracle.ask(site.port, site.certificates[name], site.ca)
    except (ocsp_oracle.Refused, OSError):
        return None


def test_over_http(origin):
    site = origin.site
    site.start_edge()
    assert answers(site) == ("GOOD", None)
    run(STATIM, "revoke", site.dir, site.serial("good"), "--reason", "superseded")
    site.presign_once()
    wait_for(lambda: answers(site) == ("REVOKED", "superseded"), "the revocation at the edge")
    assert any(path.startswith("/log/") for path in origin.requests)


def flip(at_share):
    def spoil(path, content):
        content = bytearray(content)
        content[int(len(content) * at_share)] ^= 0x10
        return bytes(content)
    return spoil


HURT = {
    "truncated": lambda path, content: content[:len(content) // 2],
    "empty": lambda path, content: b"",
    "flipped-early": flip(0.05),
    "flipped-middle": flip(0.5),
    "flipped-late": flip(0.99),
    "trailing": lambda path, content: content + b"x",
    "oversized": lambda path, content: content + bytes(5 << 20),
    "gone": lambda path, content: None,
}


# A log entry that is gone is no harm: the edge starts over from the index, in a test of its own.
PLACES = [(what, how) for what in ("/head", "/index/", "/pack/", "/log/") for how in HURT
          if (what, how) != ("/log/", "gone") and (FULL or how in ("truncated", "flipped-middle", "gone"))]


@pytest.mark.parametrize("what,how", PLACES)
def test_hurt_on_the_way(origin, what, how):
    """The edge refuses it, stays as it was, and recovers when the origin is whole again."""
    site = origin.site
    if what == "/log/":
        site.start_edge()
        run(STATIM, "revoke", site.dir, site.serial("good"), "--reason", "superseded")
    origin.spoil = lambda path, content: HURT[how](path, content) if path.startswith(what) else content
    asked = len(origin.requests)
    if what == "/log/":
        site.presign_once()
    else:
        site.start_edge(wait=False)
    wait_for(lambda: sum(path.startswith(what) for path in origin.requests[asked:]) >= 2,
             "the edge trying again", 30)
    assert answers(site) == (("GOOD", None) if what == "/log/" else None)
    if what != "/log/":
        assert not site.healthy()
    origin.spoil = None
    site.wait_healthy()
    wanted = ("REVOKED", "superseded") if what == "/log/" else ("GOOD", None)
    wait_for(lambda: answers(site) == wanted, "the edge recovered", 60)


def test_a_log_entry_that_is_gone_is_no_harm(origin):
    """The edge takes the index instead and has the revocation from there."""
    site = origin.site
    site.start_edge()
    resyncs = site.metrics()["statim_edge_sync_resyncs_done_total"]
    asked = len(origin.requests)
    origin.spoil = lambda path, content: None if path.startswith("/log/") else content
    run(STATIM, "revoke", site.dir, site.serial("good"), "--reason", "superseded")
    site.presign_once()
    wait_for(lambda: answers(site) == ("REVOKED", "superseded"), "the revocation by the index")
    assert any(path.startswith("/log/") for path in origin.requests[asked:])
    wait_for(lambda: site.metrics()["statim_edge_sync_resyncs_done_total"] > resyncs, "the resync counted", 20)
    assert site.healthy()


def test_a_replayed_publication_is_refused(origin):
    """An older head, properly signed: the edge keeps what it has."""
    site = origin.site
    old = site.dir / "pub-old"
    shutil.copytree(site.dir / "pub", old)
    site.start_edge()
    run(STATIM, "revoke", site.dir, site.serial("good"), "--reason", "superseded")
    site.presign_once()
    wait_for(lambda: answers(site) == ("REVOKED", "superseded"), "the revocation at the edge")
    origin.spoil = lambda path, content: (old / path.lstrip("/")).read_bytes() \
        if (old / path.lstrip("/")).is_file() else None
    asked = len(origin.requests)
    wait_for(lambda: len(origin.requests) >= asked + 4, "the edge polling the old publication")
    assert answers(site) == ("REVOKED", "superseded")


def test_another_publisher_is_refused(origin, make_site):
    """A whole, well-made publication under another key."""
    other = make_site("other")
    other.init()
    other.issue_certificate("good")
    other.import_certificates()
    other.presign_once()
    origin.spoil = lambda path, content: (other.dir / "pub" / path.lstrip("/")).read_bytes() \
        if (other.dir / "pub" / path.lstrip("/")).is_file() else None
    site = origin.site
    site.start_edge(wait=False)
    wait_for(lambda: len(origin.requests) >= 3, "the edge polling")
    assert not site.healthy() and answers(site) is None
    assert set(path for path in origin.requests if not path.startswith("/head")) == set()


def test_the_second_origin_serves_when_the_first_is_gone(origin):
    site = origin.site
    site.use_origin("http://127.0.0.1:9", origin.url)
    site.start_edge()
    assert answers(site) == ("GOOD", None)


def test_a_retired_issuer(make_site, tmp_path):
    """It goes at an edge that follows and at one that starts; the other issuer stays."""
    site = make_site()
    site.init()
    site.issue_certificate("good")
    site.import_certificates()
    foreign = ForeignCa(tmp_path / "foreign", "p256")
    gone = foreign.issue("gone")
    config = site.dir / "presigner.yaml"
    with open(config, "a", encoding="utf-8") as file:
        file.write(f"  - name: gone\n    ca_certificate: {foreign.certificate}\n"
                   f"    key:\n      file: {foreign.key}\n")
    site.edit("edge.yaml", r"^ca_certificates:", f"ca_certificates:\n  - {foreign.certificate}")
    site.statim("import", site.dir, foreign.dir / "index.txt", "--issuer", "gone")
    site.presign_once()
    site.start_edge()

    def answer():
        try:
            return ocsp_oracle.ask(site.port, gone, foreign.certificate)
        except ocsp_oracle.Refused as error:
            return str(error)

    assert answer() == ("GOOD", None)
    text = config.read_text()
    config.write_text(text[:text.index("  - name: gone")])
    site.presign_once()
    assert "published but not configured" in site.presign_once().stderr
    polls = site.metrics()["statim_edge_sync_polls_total"]
    wait_for(lambda: site.metrics()["statim_edge_sync_polls_total"] >= polls + 2, "what was published seen", 20)
    assert answer() == ("GOOD", None)
    with open(config, "a", encoding="utf-8") as file:
        file.write(f"retired_issuers:\n  - {foreign.certificate}\n")
    site.presign_once()
    wait_for(lambda: "UNAUTHORIZED" in answer(), "the statements gone", 20)
    assert site.answer() == ("GOOD", None)
    site.stop_process(site.edge)
    shutil.rmtree(site.dir / "edge" / "store")
    site.start_edge()
    assert "UNAUTHORIZED" in answer() and site.answer() == ("GOOD", None)
    assert site.metrics()["statim_edge_sync_content_refused_total"] == 0
