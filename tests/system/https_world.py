# SPDX-License-Identifier: Apache-2.0
"""The issuer's HTTPS server under test: certificates for both sides, the server, and clients that say exactly what a
test wants said."""

import datetime
import os
import pathlib
import re
import select
import signal
import socket
import ssl
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from site_under_test import wait_for

PATIENCE_S = 60
BUILD = pathlib.Path(os.environ.get("STATIM_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))


def wait_until(condition, patience_s=PATIENCE_S):
    """The first true value of condition()."""
    return wait_for(condition, "the condition", patience_s)


class Authority:
    """A root of a test's own that makes server and client certificates."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._build(self.name, self.key.public_key(), ca=True)
        self.pem = self.folder / f"{name}-root.pem"
        self.pem.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _build(self, subject, public_key, ca=False, usage=None, days=30):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public_key)
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=60))
                   .not_valid_after(now + datetime.timedelta(days=days))
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
        if usage == ExtendedKeyUsageOID.SERVER_AUTH:
            names = [x509.DNSName("localhost"), x509.DNSName("127.0.0.1")]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, stem, subject, usage, days=30):
        """stem.pem and stem.key; `subject` is a CN or a list of (oid, value)."""
        attributes = [(NameOID.COMMON_NAME, subject)] if isinstance(subject, str) else subject
        name = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._build(name, key.public_key(), usage=usage, days=days)
        (self.folder / f"{stem}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self.folder / f"{stem}.key").write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                              serialization.NoEncryption()))
        return certificate

    def server(self, stem, **options):
        return self.issue(stem, stem, ExtendedKeyUsageOID.SERVER_AUTH, **options)

    def client(self, stem, subject=None, usage=ExtendedKeyUsageOID.CLIENT_AUTH, **options):
        return self.issue(stem, subject or stem, usage, **options)


def client_context(authority, certificate=None, **versions):
    """`certificate` is the stem of a pair in the authority's folder (or in that of another one: a path)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.pem)
    context.check_hostname = False
    if certificate is not None:
        stem = pathlib.Path(authority.folder) / certificate
        context.load_cert_chain(f"{stem}.pem", f"{stem}.key")
    for name, value in versions.items():
        setattr(context, name, value)
    return context


class Answer:
    def __init__(self, head, body):
        lines = head.decode("ascii").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
        self.body = body

    @property
    def text(self):
        return self.body.decode()

    def __repr__(self):
        return f"<{self.status} {self.fields} {self.body[:200]!r}>"


class Client:
    """One TLS connection, on which octets are sent as they are."""

    def __init__(self, port, context, patience_s=PATIENCE_S):
        tcp = socket.create_connection(("127.0.0.1", port), timeout=patience_s)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.tls = context.wrap_socket(tcp)
        except Exception:
            tcp.close()
            raise
        self.unread = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.tls.close()

    def send(self, octets):
        self.tls.sendall(octets.encode("latin-1") if isinstance(octets, str) else octets)

    def more(self):
        """More of what the server says; b"" when it has closed."""
        try:
            octets = self.tls.recv(65536)
        except (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError):
            octets = b""
        self.unread += octets
        return octets

    def head(self):
        while b"\r\n\r\n" not in self.unread:
            if not self.more():
                return None
        head, self.unread = self.unread.split(b"\r\n\r\n", 1)
        return head

    def answer(self, to_head=False):
        """The next answer; None when the server closes instead. "100 Continue" is passed over."""
        head = self.head()
        while head is not None and b" 100 " in head.split(b"\r\n")[0]:
            head = self.head()
        if head is None:
            return None
        size = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        size = 0 if size is None or to_head else int(size[1])
        while len(self.unread) < size:
            assert self.more(), "the answer ends early"
        body, self.unread = self.unread[:size], self.unread[size:]
        return Answer(head, body)

    def request(self, method, target, body=None, **fields):
        if body is not None:
            body = body.encode() if isinstance(body, str) else body
            fields.setdefault("Content_Type", "application/json")
            fields["Content_Length"] = len(body)
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
        return self.answer(to_head=method == "HEAD")

    def is_answered(self, within_s):
        """Whether an answer, or the end, is there to be read; for a connection that has read nothing yet."""
        return bool(select.select([self.tls], [], [], within_s)[0])

    def closed(self):
        """Whether the server closes without saying more."""
        return not self.unread and self.more() == b""


def first_to_be_answered(clients):
    """Of clients that have sent a request; its answer is there to be read."""
    readable, _, _ = select.select([client.tls for client in clients], [], [], PATIENCE_S)
    return next(client for client in clients if client.tls is readable[0])


class HttpsServer:
    """build/tests/https-server in a folder with certificates of its own."""

    def __init__(self, folder, **numbers):
        self.folder = pathlib.Path(folder)
        self.authority = Authority(self.folder, "own")
        self.authority.server("public")
        self.authority.server("internal")
        self.clients = Authority(self.folder / "clients", "clients")
        for name in ("feed", "admin", "nobody"):
            self.clients.client(name)
        (self.folder / "clients.pem").write_bytes(self.clients.pem.read_bytes())
        arguments = [f"{name}={value}" for name, value in numbers.items()]
        self.process = subprocess.Popen([BUILD / "tests" / "https-server", self.folder, *arguments],
                                        stdout=subprocess.PIPE, text=True)
        self.public_port = int(self.process.stdout.readline())
        self.internal_port = int(self.process.stdout.readline())

    def public(self, **versions):
        return Client(self.public_port, client_context(self.authority, **versions))

    def internal(self, certificate="admin", **versions):
        return Client(self.internal_port, self.internal_context(self.clients.folder / certificate, **versions))

    def internal_context(self, certificate, **versions):
        return client_context(self.authority, certificate, **versions)

    def counters(self, client=None):
        """By that client of the internal listener, or one that comes and goes."""
        if client is None:
            with self.internal() as client:
                return self.counters(client)
        text = client.request("GET", "/counters").text
        return {name: int(value) for name, value in (line.split(" ") for line in text.splitlines())}

    def queued(self):
        """How many requests wait for a worker: asked without one."""
        self.process.send_signal(signal.SIGUSR2)
        return int(self.process.stdout.readline())

    def release(self):
        """Lets one request for /hold go on."""
        self.process.send_signal(signal.SIGUSR1)

    def reload(self):
        """What the server says of each listener."""
        self.process.send_signal(signal.SIGHUP)
        return [self.process.stdout.readline().strip() for _ in range(2)]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        return code
