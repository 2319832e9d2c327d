# SPDX-License-Identifier: Apache-2.0
"""HTTP as hostile and as odd clients speak it, to a real edge."""

import base64
import re
import resource
import select
import socket
import time
from pathlib import Path

import pytest

import ocsp_oracle
from site_under_test import IS_SANITIZED, Site, wait_for


def talk(port, octets, deadline_s=15, shut=False):
    """Sends octets as they are and returns all that comes until the peer closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=deadline_s) as connection:
        try:
            connection.sendall(octets)
            if shut:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                received += part
        except ConnectionResetError:
            pass
    return received


def status_of(reply):
    assert reply.startswith(b"HTTP/1.1 "), reply[:80]
    return int(reply[9:12])


@pytest.fixture
def good_path(served):
    certificate = ocsp_oracle.load(served.certificates["good"])
    der = ocsp_oracle.request_der(certificate, ocsp_oracle.load(served.ca))
    return "/" + base64.b64encode(der).decode().replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


REFUSED = [
    ("content-length-and-chunked", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    ("chunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {411}),
    ("two-content-lengths", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
     {400}),
    ("same-content-length-twice", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
     b"Content-Length: 3\r\n\r\nabc", {400}),
    ("content-length-list", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc", {400}),
    ("content-length-signed", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", {400}),
    ("content-length-huge", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
     {400, 413}),
    ("bare-lf", b"GET / HTTP/1.1\nHost: a\n\n", {400}),
    ("bare-lf-in-a-field", b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", {400}),
    ("bare-cr", b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", {400}),
    ("folded", b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", {400}),
    ("space-before-colon", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", {400}),
    ("no-host", b"GET / HTTP/1.1\r\n\r\n", {400}),
    ("two-hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {400}),
    ("nul", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", {400}),
    ("version-2", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", {505}),
    ("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
    ("long-target", b"GET /" + b"A" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", {414}),
    ("long-head", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"y" * 9000 + b"\r\n\r\n", {431}),
    ("many-fields", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n", {431}),
    ("large-body", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\n"
     b"Content-Length: 200000\r\n\r\n", {413}),
    ("other-method", b"DELETE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", {405}),
    ("other-path", b"GET /favicon.ico HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", {404}),
    ("other-media-type", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n"
     b"Connection: close\r\n\r\na", {415}),
]


@pytest.mark.parametrize("octets,statuses", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused_and_closed(served, octets, statuses):
    before = served.metrics()
    reply = talk(served.port, octets)
    assert status_of(reply) in statuses
    # One answer and no second one: nothing behind the refused head was taken for a request.
    assert reply.count(b"HTTP/1.1 ") == 1
    after = served.metrics()
    total = lambda m: sum(v for k, v in m.items() if k.startswith("statim_edge_outcome"))
    assert total(after) == total(before) + 1


def test_405_has_allow(served):
    reply = talk(served.port, b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    assert status_of(reply) == 405
    assert b"\r\nAllow: GET, HEAD, POST\r\n" in reply


def test_keep_alive_and_pipelining(served, good_path):
    one = f"GET {good_path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    last = f"GET {good_path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    reply = talk(served.port, one * 20 + last)
    assert reply.count(b"HTTP/1.1 200 OK\r\n") == 21


def test_http_1_0(served, good_path):
    reply = talk(served.port, f"GET {good_path} HTTP/1.0\r\n\r\n".encode())
    assert status_of(reply) == 200


def test_octet_by_octet(served, good_path):
    request = f"GET {good_path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", served.port), timeout=15) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in request:
            connection.sendall(bytes([octet]))
        reply = b""
        while part := connection.recv(65536):
            reply += part
    assert status_of(reply) == 200


def test_expect_continue(served):
    certificate = ocsp_oracle.load(served.certificates["good"])
    der = ocsp_oracle.request_der(certificate, ocsp_oracle.load(served.ca))
    with socket.create_connection(("127.0.0.1", served.port), timeout=15) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\n"
                           b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(der))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(der)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def closed(connection):
    """Whether the peer has closed, after taking what it sent."""
    poller = select.poll()
    poller.register(connection, select.POLLIN)
    if not poller.poll(0):
        return False
    try:
        return connection.recv(65536) == b""
    except ConnectionResetError:
        return True


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    """An edge with short timeouts and room for many connections from one address."""
    site = Site(tmp_path_factory.mktemp("impatient") / "site")
    site.init()
    site.issue_certificate("good")
    site.import_certificates()
    impatient_limits(site)
    site.start()
    yield site
    site.stop()


def impatient_limits(site):
    site.append_edge("header_timeout_s: 2\nbody_timeout_s: 2\nidle_timeout_s: 600\n"
                     "connections_max: 12000\nconnections_per_source_max: 12000\n")


def test_slowloris(impatient):
    """A head that drips is cut off at the header timeout, counted from its first octet."""
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=15) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        reply = b""
        while time.monotonic() - begin < 12:
            try:
                connection.sendall(b"X: y\r\n")
            except (BrokenPipeError, ConnectionResetError):
                break
            readable, _, _ = select.select([connection], [], [], 0.2)
            if readable:
                try:
                    part = connection.recv(65536)
                except ConnectionResetError:
                    break
                reply += part
                if not part:
                    break
    assert 1 <= time.monotonic() - begin < 10
    assert status_of(reply) == 408


def test_slow_body(impatient):
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=15) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\n"
                           b"Content-Length: 50\r\n\r\nabc")
        assert status_of(connection.recv(65536)) == 408


def test_the_table_of_descriptors_is_made_before_the_threads(served):
    """To let it grow when connections come costs 16 ms each time, in which the worker stands still."""
    status = Path(f"/proc/{served.child('serve')}/status").read_text(encoding="ascii")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = 20000  # connections_max unless configured, of one worker
    assert int(re.search(r"^FDSize:\s+(\d+)$", status, re.M)[1]) >= (
        wanted if hard == resource.RLIM_INFINITY else min(wanted, hard))


@pytest.mark.skipif(IS_SANITIZED, reason="the sanitizer's shadow of 10,000 buffers is not what is tested")
def test_ten_thousand_idle_connections(impatient):
    """They stay, cost little, and others are answered meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 11000:
        pytest.skip(f"RLIMIT_NOFILE allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (11000, hard))
    idle = []
    try:
        for number in range(10000):
            # From several loopback addresses: one has only so many ports.
            idle.append(socket.create_connection(("127.0.0.1", impatient.port), timeout=15,
                                                 source_address=(f"127.0.1.{1 + number % 50}", 0)))
        wait_for(lambda: impatient.metrics().get("statim_edge_connections_open", 0) >= 10000,
                 "10,000 connections held")
        assert ocsp_oracle.ask(impatient.port, impatient.certificates["good"],
                               impatient.ca) == ("GOOD", None)
        assert not any(closed(connection) for connection in idle[::100])
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_for(lambda: impatient.metrics()["statim_edge_connections_open"] < 100, "the connections gone")
