# SPDX-License-Identifier: Apache-2.0
"""Files of an edge's store over HTTP: ranges, conditions, swaps in mid-transfer, slow readers."""

import email.utils
import http.client
import os
import socket
import time

import pytest

from site_under_test import BUILD, Site, run, wait_for

STORE_FILE = BUILD / "tests" / "store-file"
CRL = "application/pkix-crl"
LARGE = 8 << 20


def put(site, path, octets, media=CRL, modified=-100, until=3600, expires=7200):
    """Serves the octets at the path, with times relative to now."""
    source = site.dir / "blob"
    source.write_bytes(octets)
    now = int(time.time())
    run(STORE_FILE, site.dir / "edge" / "store", "put", path, source, media, now + modified, now + until,
        now + expires)
    want = None if expires <= 0 else len(octets)
    wait_for(lambda: ask(site, path, "HEAD")[1].get("Content-Length") == str(want) if want else
             ask(site, path)[0] == 503, f"{path} served")


def ask(site, path, method="GET", **fields):
    """Status, fields and body of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in fields.items()})
    response = connection.getresponse()
    result = response.status, response.headers, response.read()
    connection.close()
    return result


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("files") / "site")
    site.init()
    site.append_edge("send_timeout_s: 120\n")  # readers wait here for what the tests do meanwhile
    site.issue_certificate("good")
    site.import_certificates()
    site.start()
    yield site
    site.stop()


@pytest.fixture(scope="module")
def large(files):
    octets = os.urandom(LARGE)
    put(files, "/crl/1/1.crl", octets)
    return octets


def test_whole(files, large):
    status, fields, body = ask(files, "/crl/1/1.crl")
    assert (status, body) == (200, large)
    assert fields["Content-Type"] == CRL
    assert fields["Accept-Ranges"] == "bytes"
    assert fields["Cache-Tag"] == "pkix-crl,crl"
    assert fields["Cache-Control"].startswith("public, max-age=3")
    status, fields, body = ask(files, "/crl/1/1.crl", "HEAD")
    assert (status, body, fields["Content-Length"]) == (200, b"", str(LARGE))


@pytest.mark.parametrize("first,last", [(0, 0), (1, 5000), (5, 70000), (LARGE - 1, LARGE + 9), (4095, LARGE - 2)])
def test_range(files, large, first, last):
    status, fields, body = ask(files, "/crl/1/1.crl", Range=f"bytes={first}-{last}")
    end = min(last + 1, LARGE)
    assert (status, body) == (206, large[first:end])
    assert fields["Content-Range"] == f"bytes {first}-{end - 1}/{LARGE}"
    assert fields["Content-Length"] == str(end - first)


def test_other_ranges(files, large):
    assert ask(files, "/crl/1/1.crl", Range="bytes=-70001")[2] == large[-70001:]
    status, fields, _ = ask(files, "/crl/1/1.crl", Range=f"bytes={LARGE}-")
    assert (status, fields["Content-Range"]) == (416, f"bytes */{LARGE}")
    for value in ("bytes=0-1,5-6", "lines=0-1", "bytes=6-5"):
        assert ask(files, "/crl/1/1.crl", Range=value)[::2] == (200, large)


def test_conditions(files, large):
    _, fields, _ = ask(files, "/crl/1/1.crl", "HEAD")
    etag, modified = fields["ETag"], fields["Last-Modified"]
    assert ask(files, "/crl/1/1.crl", If_None_Match=etag)[::2] == (304, b"")
    assert ask(files, "/crl/1/1.crl", If_Modified_Since=modified)[::2] == (304, b"")
    assert ask(files, "/crl/1/1.crl", If_None_Match='"x"', If_Modified_Since=modified)[0] == 200
    for value, part in ((etag, True), (modified, False), ('"x"', False), ("W/" + etag, False),
                        (email.utils.formatdate(0, usegmt=True), False)):
        status, _, body = ask(files, "/crl/1/1.crl", Range="bytes=7-9", If_Range=value)
        assert (status, body) == ((206, large[7:10]) if part else (200, large))


def test_resumed_by_curl(files, large, tmp_path):
    out = tmp_path / "part"
    out.write_bytes(large[:1234567])
    run("curl", "-sf", "-C", "-", "-o", out, f"{files.url}/crl/1/1.crl")
    assert out.read_bytes() == large


def test_methods_and_expired(files, large):
    status, fields, _ = ask(files, "/crl/1/1.crl", "POST")
    assert (status, fields["Allow"]) == (405, "GET, HEAD")
    assert ask(files, "/crl/1/1.crl?x")[0] == 404
    put(files, "/old.crl", b"old", until=-50, expires=-1)
    status, fields, _ = ask(files, "/old.crl")
    assert (status, fields["Retry-After"]) == (503, "60")
    assert "no-store" in fields["Cache-Control"]


def test_certificate(files):
    put(files, "/ca/r1.crt", b"\x30\x03\x02\x01\x05", media="application/pkix-cert")
    status, fields, body = ask(files, "/ca/r1.crt")
    assert (status, body, fields["Content-Type"]) == (200, b"\x30\x03\x02\x01\x05", "application/pkix-cert")


def ended(site, how):
    """How many connections have ended so."""
    return sum(value for name, value in site.metrics().items() if f'"{how}"' in name)


def begin(site, path):
    """A client that has asked and reads little at a time."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    client.settimeout(30)
    client.connect(("127.0.0.1", site.port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    return client, client.recv(1000)


def rest(client, received):
    while octets := client.recv(1 << 20):
        received += octets
    return received.split(b"\r\n\r\n", 1)[1]


def test_swap_in_transfer(files):
    old, new = os.urandom(LARGE), os.urandom(LARGE + 1)
    put(files, "/swap.crl", old)
    client, received = begin(files, "/swap.crl")
    with client:
        put(files, "/swap.crl", new)
        assert rest(client, received) == old
    assert ask(files, "/swap.crl")[2] == new


def test_gone_in_transfer(files):
    old = os.urandom(LARGE)
    put(files, "/gone.crl", old)
    before = ended(files, "file_gone")
    client, received = begin(files, "/gone.crl")
    with client:
        run(STORE_FILE, files.dir / "edge" / "store", "withdraw", "/gone.crl")
        run(STORE_FILE, files.dir / "edge" / "store", "collect")
        wait_for(lambda: ask(files, "/gone.crl", "HEAD")[0] == 404, "gone")
        for i in range(3):
            put(files, "/other.crl", bytes([i]) * LARGE)
        try:
            body = rest(client, received)
        except ConnectionResetError:
            body = b""
        assert len(body) < LARGE and old.startswith(body)
    assert ended(files, "file_gone") == before + 1


@pytest.fixture
def impatient(files):
    """The same site, with less patience for who does not read."""
    for old, new in ((120, 2), (2, 120)):
        files.edit("edge.yaml", f"^send_timeout_s: {old}$", f"send_timeout_s: {new}")
        files.reload_edge()
        files.wait_handed_over()
        if new == 2:
            yield files


def test_slow_reader_is_ended(impatient, large):
    before = ended(impatient, "send_timeout")
    began = time.monotonic()
    client, received = begin(impatient, "/crl/1/1.crl")
    with client:
        wait_for(lambda: ended(impatient, "send_timeout") > before, "the end of a slow reader")
        assert time.monotonic() - began > 1
        try:
            body = rest(client, received)
        except ConnectionResetError:
            body = b""
        assert len(body) < LARGE and large.startswith(body)


def test_keep_alive_and_pipelined(files, large):
    with socket.create_connection(("127.0.0.1", files.port), timeout=30) as client:
        request = b"GET /crl/1/1.crl HTTP/1.1\r\nHost: a\r\n\r\n"
        client.sendall(request * 2 + b"GET /no.ne HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received = b""
        while octets := client.recv(1 << 20):
            received += octets
    assert received.count(large) == 2
    assert b"HTTP/1.1 404" in received[-1000:]
