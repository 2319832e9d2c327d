# SPDX-License-Identifier: Apache-2.0
"""An edge whose first origin is a relay that lies: each lie is counted, and the next origin has the truth."""

import hashlib
import http.server
import os
import shutil
import threading
import time

import pytest

from site_under_test import STATIM, Site, run, wait_for
from test_crl import use_crls
from test_relay import REVOKED, answer, crl


class Liar:
    """Serves a folder, ranges to the end of a file included, and spoils what it sends of some paths."""

    def __init__(self, folder):
        self.spoil = lambda path, content: content
        self.requests = []
        liar = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                liar.requests.append(self.path)
                self.close_connection = True
                path = folder / self.path.lstrip("/")
                content = liar.spoil(self.path, path.read_bytes() if path.is_file() else None)
                if content is None:
                    self.send_error(404)
                elif callable(content):
                    try:
                        content(self)
                    except OSError:
                        pass
                elif "Range" in self.headers:
                    first = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
                    self.send(content[first:], len(content) - first, 206)
                else:
                    self.send(content, len(content))

            def send(self, content, length, status=200):
                self.send_response(status)
                if length is not None:
                    self.send_header("Content-Length", str(length))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self):
        self.server.shutdown()
        self.thread.join(10)
        self.server.server_close()


def flipped(content):
    half = len(content) // 2
    return content[:half] + bytes([content[half] ^ 0x10]) + content[half + 1:]


def endless(_):
    def send(handler):
        handler.send(b"", None)
        while True:
            handler.wfile.write(bytes(65536))
    return send


def dripping(content):
    def send(handler):
        handler.send(b"", len(content))
        for octet in content:
            handler.wfile.write(bytes([octet]))
            time.sleep(0.2)
    return send


def cut(content):
    return lambda handler: handler.send(content[:len(content) // 2], len(content))


def cut_and_flipped(content):
    return cut(bytes(octet ^ 1 for octet in content[:9]) + content[9:])


HOW = {"flipped": flipped, "cut": cut, "gone": lambda _: None, "endless": endless, "dripping": dripping,
       "cut-and-flipped": cut_and_flipped, "longer": lambda content: content + b"x"}
LIES = [(what, "flipped") for what in ("/head", "/log/", "/index/", "/pack/", "/blob/")] + [
    ("/pack/", "gone"), ("/pack/", "cut"), ("/pack/", "cut-and-flipped"), ("/pack/", "endless"), ("/blob/", "gone"),
    ("/blob/", "cut-and-flipped"), ("/index/", "gone"), ("/index/", "cut"), ("/log/", "gone"), ("/log/", "cut"),
    ("/log/", "dripping"), ("/log/", "endless"), ("/head", "gone"), ("/head", "dripping"), ("/head", "longer")]
COUNTER = {"/head": {"flipped": "heads_refused_signature", "longer": "heads_refused_malformed",
                     None: "poll_failures"},
           None: {"flipped": "content_refused", None: "fetch_failures"}}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A publication with a pack and a CRL of more than a mebibyte, which are fetched in parts."""
    site = Site(tmp_path_factory.mktemp("published") / "site")
    site.init()
    use_crls(site, shards=1)
    site.issue_certificate("good")
    site.issue_certificate("other")
    for number in range(36000):
        site.add_row(f"4{hashlib.sha256(str(number).encode()).hexdigest()[:31]}", ("superseded", 1700000000))
    site.import_certificates()
    site.presign_once()
    site.start_edge()
    assert max(path.stat().st_size for path in (site.dir / "pub" / "pack").iterdir()) > 1 << 20
    assert max(path.stat().st_size for path in (site.dir / "pub" / "blob").iterdir()) > 1 << 20
    yield site
    site.stop()


@pytest.fixture
def lied_to(published, make_site, tmp_path):
    """An edge that asks the liar first and an honest origin then. The edge of `published` stays as it is."""
    pub = tmp_path / "pub"
    shutil.copytree(published.dir / "pub", pub)
    liar = Liar(pub)
    honest = Liar(published.dir / "pub")
    edge = make_site("lied-to")
    (edge.dir / "edge").mkdir(parents=True)
    for file in ("ca.pem", "publish-key.pub", "edge.yaml"):
        shutil.copy(published.dir / file, edge.dir)
    edge.edit("edge.yaml", rf"127\.0\.0\.1:{published.port}", f"127.0.0.1:{edge.port}")
    edge.edit("edge.yaml", rf"127\.0\.0\.1:{published.admin_port}", f"127.0.0.1:{edge.admin_port}")
    edge.append_edge("poll_ms: 100\n")
    edge.use_origin(liar.url, honest.url)
    edge.certificates = published.certificates
    edge.liar, edge.honest, edge.liar_pub = liar, honest, pub
    yield edge
    edge.stop()
    liar.stop()
    honest.stop()


def revoke_once(site, name):
    """The revocation of a certificate of its own, published."""
    site.issue_certificate(name)
    site.import_certificates()
    site.presign_once()
    run(STATIM, "revoke", site.dir, site.serial(name), "--reason", "superseded")
    site.presign_once()


@pytest.mark.parametrize("what,how", LIES)
def test_a_lie_is_skipped(published, lied_to, what, how):
    """The edge counts it, takes the file of the next origin, and answers as it should."""
    edge = lied_to
    if how == "dripping":
        edge.append_edge("stall_timeout_s: 2\n")

    def spoil(path, content):
        path = edge.liar_pub.joinpath(path.lstrip("/"))
        content = path.read_bytes() if path.is_file() else None
        return HOW[how](content) if content is not None and f"/{path.relative_to(edge.liar_pub)}".startswith(what) \
            else content

    if what == "/log/":
        edge.start_edge()
    edge.liar.spoil = spoil
    name = f"after-{what.strip('/')}-{how}"
    if what == "/log/":
        revoke_once(published, name)
        for folder in ("blob", "pack", "index", "log"):
            shutil.copytree(published.dir / "pub" / folder, edge.liar_pub / folder, dirs_exist_ok=True)
        # In one stroke: a head that is half there is refused, and the liar would not be asked for more.
        shutil.copy(published.dir / "pub" / "head", edge.liar_pub / "head.new")
        os.replace(edge.liar_pub / "head.new", edge.liar_pub / "head")
        wait_for(lambda: answer(edge, name) == REVOKED, "the revocation", 60)
    else:
        edge.start_edge()
        assert answer(edge) == ("GOOD", None)
        wait_for(lambda: crl(edge.port) == crl(published.port) is not None, "the CRL", 60)
    assert any(path.startswith(what) for path in edge.liar.requests)
    assert any(path.startswith(what) for path in edge.honest.requests)
    row = COUNTER.get(what, COUNTER[None])
    assert edge.metrics()[f"statim_edge_sync_{row.get(how, row[None])}_total"] >= 1


def test_an_old_head_is_refused(published, lied_to):
    """One that the edge has been beyond, replayed by the first origin."""
    edge = lied_to
    edge.use_origin(edge.honest.url, edge.liar.url)
    revoke_once(published, "beyond")
    edge.start_edge()
    assert answer(edge, "beyond") == REVOKED
    edge.use_origin(edge.liar.url, edge.honest.url)
    edge.reload_edge()
    wait_for(lambda: edge.metrics()["statim_edge_sync_heads_refused_replay_total"] >= 1, "the refusal", 60)
    revoke_once(published, "beyond-too")
    wait_for(lambda: answer(edge, "beyond-too") == REVOKED, "the news by the other origin", 60)


def test_a_frozen_relay_is_left(published, lied_to):
    """Its head is genuine and no older than what the edge has, but does not move any more."""
    edge = lied_to
    edge.append_edge("head_age_max_s: 6\n")
    edge.start_edge(wait=False)
    wait_for(lambda: answer(edge) == ("GOOD", None), "the edge serving", 60)
    revoke_once(published, "thawed")
    wait_for(lambda: answer(edge, "thawed") == REVOKED, "the news by the other origin", 60)
    assert edge.metrics()["statim_edge_sync_heads_old_total"] >= 1
