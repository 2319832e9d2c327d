# SPDX-License-Identifier: Apache-2.0
"""The issuer's HTTPS server: versions and ciphers of TLS, client certificates, new certificates while it serves."""

import contextlib
import json
import socket
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from https_world import PATIENCE_S, Authority, Client, HttpsServer, wait_until

KEY = {"Authorization": "Bearer sesame"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = HttpsServer(tmp_path_factory.mktemp("tls") / "s", workers=2)
    yield server
    assert server.stop() == 0


def s_client(port, *options, said=""):
    """What openssl's client says of a connection."""
    run = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-ign_eof", *options],
                         input=said, capture_output=True, text=True, timeout=PATIENCE_S)
    return run.stdout + run.stderr


HELLO = "GET /open HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(server, version):
    said = s_client(server.public_port, version, "-cipher", "DEFAULT@SECLEVEL=0", said=HELLO)
    assert "alert protocol version" in said and "HTTP/1.1" not in said


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_new_versions_are_taken(server, version):
    said = s_client(server.public_port, version, said=HELLO)
    assert "HTTP/1.1 200 OK" in said
    # A resumed session would carry a verdict about a client certificate over a reload.
    assert "TLS session ticket:" not in said and "Post-Handshake New Session Ticket" not in said


def test_a_downgrade_is_noticed(server):
    """A client that was pushed back to TLS 1.2 says so (RFC 7507)."""
    said = s_client(server.public_port, "-tls1_2", "-fallback_scsv", said=HELLO)
    assert "inappropriate fallback" in said and "HTTP/1.1" not in said


@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA256", "NULL", "ADH-AES128-SHA"])
def test_weak_ciphers_are_refused(server, cipher):
    said = s_client(server.public_port, "-tls1_2", "-cipher", cipher + "@SECLEVEL=0", said=HELLO)
    assert "handshake failure" in said and "HTTP/1.1" not in said


def test_no_renegotiation(server):
    with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{server.public_port}", "-tls1_2"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
        client.stdin.write("R\n")
        client.stdin.flush()
        said = client.stdout.read().lower()  # it ends by itself, refused
    assert "renegotiating" in said and "no renegotiation" in said


@pytest.mark.parametrize("protocols, works", [("http/1.1", True), ("h2,http/1.1", True), ("h2", False), ("acme-tls/1", False)])
def test_protocols(server, protocols, works):
    said = s_client(server.public_port, "-alpn", protocols, said=HELLO)
    assert ("ALPN protocol: http/1.1" in said) == works
    assert ("no application protocol" in said) == (not works)


def test_what_is_not_tls_is_not_answered(server):
    for octets in (HELLO.encode(), b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"a" * 70000):
        with socket.create_connection(("127.0.0.1", server.public_port), timeout=20) as tcp:
            said = b""
            try:
                tcp.sendall(octets)  # it may be refused before all is out
                while more := tcp.recv(4096):
                    said += more
            except ConnectionError:
                pass
            assert b"HTTP/1" not in said


# Who may come in at the internal door, and how far: (certificate, /v1/events, /v1/admin). None: not even TLS.
MATRIX = {
    "feed": (200, 403),
    "admin": (403, 200),
    "nobody": (403, 403),
    "none": None,
    "another-ca": None,
    "self-signed": None,
    "expired": None,
    "for-servers": None,
    "of-the-public-ca": None,
    "two-names": (403, 403),
    "name-in-organization": (403, 403),
    "name-with-blank": (403, 403),
    "name-in-capitals": (403, 403),
    "name-with-nul": (403, 403),
    "long-name": (403, 403),
}


def certificate_of(server, name, folder):
    """A client certificate of that kind, by its path without .pem; None for none."""
    clients, cn = server.clients, NameOID.COMMON_NAME
    if name == "none":
        return None
    if name in ("feed", "admin", "nobody"):
        return clients.folder / name
    if name == "another-ca":
        other = Authority(folder / name, "clients")
        other.client("admin")
        return other.folder / "admin"
    if name == "of-the-public-ca":
        server.authority.client("admin")
        return server.authority.folder / "admin"
    if name == "self-signed":
        other = Authority(folder / name, "admin")
        (other.folder / "admin.pem").write_bytes(other.pem.read_bytes())
        (other.folder / "admin.key").write_bytes(other.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return other.folder / "admin"
    subjects = {"two-names": [(cn, "admin"), (cn, "admin")],
                "name-in-organization": [(NameOID.ORGANIZATION_NAME, "admin")],
                "name-with-blank": [(cn, "admin ")], "name-in-capitals": [(cn, "ADMIN")],
                "name-with-nul": [(cn, "admin\0.example")], "long-name": [(cn, "a" * 64)]}
    options = {"expired": {"days": -1}, "for-servers": {"usage": ExtendedKeyUsageOID.SERVER_AUTH}}.get(name, {})
    clients.client(name, subjects.get(name, "admin"), **options)
    return clients.folder / name


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", MATRIX)
def test_who_comes_in(server, tmp_path, name, version):
    certificate = certificate_of(server, name, tmp_path)
    context = server.internal_context(certificate, minimum_version=version, maximum_version=version)
    expected = MATRIX[name]
    if expected is None:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            with Client(server.internal_port, context) as client:
                assert client.request("GET", "/v1/events") is None
                raise ConnectionError("closed without an answer")
        return
    with Client(server.internal_port, context) as client:
        events = client.request("GET", "/v1/events")
        admin = client.request("POST", "/v1/admin", "{}")
        assert (events.status, admin.status) == expected
        for answer in (events, admin):
            if answer.status == 403:
                assert json.loads(answer.body)["type"] == "urn:statim:problem:forbidden"
        # An API key opens nothing here.
        assert client.request("GET", "/v1/events", **KEY).status == expected[0]
        assert client.request("GET", "/v1/show", **KEY).status == 404


def brief_client(server):
    """One that has got an answer, and whose certificate is about to end."""
    for life_s in (3, 10, 30):  # on a busy machine it may be over before it was of use
        server.clients.client("brief", "admin", days=life_s / 86400)
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            client = Client(server.internal_port, server.internal_context(server.clients.folder / "brief"))
            answer = client.request("POST", "/v1/admin", "{}")
            if answer is not None and answer.status == 200:
                return client
            client.close()
    raise AssertionError("no certificate lives long enough")


def test_a_connection_does_not_outlive_its_certificate(server):
    with brief_client(server) as client:
        refused = wait_until(lambda: (answer := client.request("POST", "/v1/admin", "{}")).status != 200 and answer)
        assert refused.status == 403 and "expired" in refused.text
        assert refused.fields["connection"] == "close" and client.answer() is None


def test_a_client_certificate_opens_nothing_at_the_public_door(server):
    context = server.internal_context(server.clients.folder / "admin")
    with Client(server.public_port, context) as client:
        answer = client.request("GET", "/v1/show")
        assert answer.status == 401
        assert "cn=\n" in client.request("GET", "/open").text
        assert client.request("GET", "/v1/events").status == 404


def presented(client):
    return x509.load_der_x509_certificate(client.tls.getpeercert(True)).serial_number


def test_certificates_are_read_again(server):
    """Connections that live keep theirs, also one that is in the middle of a request; a broken file changes nothing."""
    folder = server.folder
    old = server.public()
    serial = presented(old)
    old.send("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAuthorization: Bearer sesame\r\n"
             "Content-Length: 4\r\n\r\ntr")
    renewed = server.authority.server("public")
    assert server.reload() == ["reloaded", "reloaded"]
    with server.public() as fresh:
        assert presented(fresh) == renewed.serial_number != serial
        assert fresh.request("GET", "/open").status == 200
    old.send("ue")
    assert old.answer().text == "true"
    assert old.request("GET", "/open").status == 200 and presented(old) == serial
    old.close()

    good = (folder / "public.pem").read_bytes()
    for broken in (b"", b"nonsense", (folder / "internal.pem").read_bytes()):
        (folder / "public.pem").write_bytes(broken)
        said = server.reload()
        assert said[0] != "reloaded" and "public." in said[0] and said[1] == "reloaded"
        with server.public() as client:
            assert presented(client) == renewed.serial_number
    (folder / "public.pem").write_bytes(good)
    (folder / "public.key").rename(folder / "away")
    assert "public.key" in server.reload()[0]
    (folder / "away").rename(folder / "public.key")
    assert server.reload() == ["reloaded", "reloaded"]


def test_reloading_under_load(server):
    """No connection and no request is lost."""
    with server.public() as kept:
        for _ in range(20):
            server.authority.server("public")
            assert server.reload() == ["reloaded", "reloaded"]
            with server.public() as client:
                assert client.request("GET", "/open").status == 200
            assert kept.request("GET", "/open").status == 200


def test_a_client_ca_that_is_taken_away_keeps_its_clients_out(tmp_path):
    server = HttpsServer(tmp_path / "s")
    try:
        other = Authority(tmp_path / "other", "other clients")
        other.client("admin")
        pem = server.folder / "clients.pem"
        pem.write_bytes(pem.read_bytes() + other.pem.read_bytes())
        assert server.reload() == ["reloaded", "reloaded"]
        # Connections of before: idle, in the middle of a request, in the middle of a handshake.
        idle, half = server.internal("admin"), server.internal("admin")
        assert idle.request("POST", "/v1/admin", "{}").status == 200
        half.send("POST /v1/admin HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{")
        kept = Client(server.internal_port, server.internal_context(other.folder / "admin"))
        assert kept.request("POST", "/v1/admin", "{}").status == 200
        late = socket.create_connection(("127.0.0.1", server.internal_port), timeout=PATIENCE_S)
        # Counted by one that stays: another one's end might come after the reload, which counts it, too.
        wait_until(lambda: server.counters(kept)["https_connections"] == 4)
        pem.write_bytes(other.pem.read_bytes())
        assert server.reload() == ["reloaded", "reloaded"]
        assert idle.closed() and half.closed()
        assert kept.request("POST", "/v1/admin", "{}").status == 200
        with pytest.raises((ssl.SSLError, ConnectionError)):
            late = server.internal_context(server.clients.folder / "admin").wrap_socket(late)
            late.sendall(b"POST /v1/admin HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            assert late.recv(100) == b""
            raise ConnectionError("closed without an answer")
        late.close()
        counters = server.counters(kept)
        assert (counters["https_distrusted"], counters["https_handshake_failures"]) == (2, 1)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            with server.internal("admin") as client:
                assert client.request("POST", "/v1/admin", "{}") is None
                raise ConnectionError("closed without an answer")
        with Client(server.internal_port, server.internal_context(other.folder / "admin")) as client:
            assert client.request("POST", "/v1/admin", "{}").status == 200
    finally:
        assert server.stop() == 0


def test_a_server_without_usable_files_does_not_start(tmp_path):
    server = HttpsServer(tmp_path / "s")
    assert server.stop() == 0
    (server.folder / "public.key").write_text("nonsense")
    run = subprocess.run([server.process.args[0], server.folder], capture_output=True, text=True, timeout=PATIENCE_S)
    assert run.returncode == 1 and "public.key" in run.stderr


def test_handshakes_are_counted(server):
    before = server.counters()["https_handshake_failures"]
    s_client(server.public_port, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    wait_until(lambda: server.counters()["https_handshake_failures"] == before + 1)
    assert server.counters()["https_handshakes"] > 0
