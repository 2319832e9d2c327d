# SPDX-License-Identifier: Apache-2.0
"""An issuer's feed played over mTLS (docs/formats.md, "Feed"), with every fault a real one might have."""

import datetime
import hashlib
import http.server
import ipaddress
import json
import socket
import ssl
import threading
import time
import urllib.parse
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from site_under_test import NOT_AFTER_S, free_port

EPOCH = datetime.timedelta(days=1)


def issuer_id(ca_path):
    """lib/template.h: of the subject's Name and the content of the key's BIT STRING."""
    certificate = x509.load_pem_x509_certificate(Path(ca_path).read_bytes())
    key = certificate.public_key().public_bytes(serialization.Encoding.X962,
                                                serialization.PublicFormat.UncompressedPoint)
    return hashlib.sha256(certificate.subject.public_bytes() + key).hexdigest()[:16]


class Pki:
    """A CA of the internal network, and certificates of it in PEM files."""

    def __init__(self, folder, name="internal"):
        self.dir, self.name = Path(folder), name
        self.dir.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} CA")])
        self.certificate = self.sign(self.subject, self.key.public_key(), [
            (x509.BasicConstraints(ca=True, path_length=0), True)])
        self.ca = self.dir / f"{name}-ca.pem"
        self.ca.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def sign(self, subject, key, extensions):
        now = datetime.datetime.utcnow()
        builder = x509.CertificateBuilder(issuer_name=self.subject, subject_name=subject, public_key=key,
                                          serial_number=x509.random_serial_number(), not_valid_before=now - EPOCH,
                                          not_valid_after=now + 30 * EPOCH)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name, usage=ExtendedKeyUsageOID.CLIENT_AUTH, address="127.0.0.1"):
        """Certificate and key in files; their paths."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        certificate = self.sign(subject, key.public_key(), [(alternative, False),
                                                            (x509.ExtendedKeyUsage([usage]), False)])
        paths = self.dir / f"{self.name}-{name}.pem", self.dir / f"{self.name}-{name}-key.pem"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
        return paths


def event_line(seq, serial, revoked=None, shard="", not_after=NOT_AFTER_S, at=None):
    """In the canonical form; revoked: (time, reason)."""
    at = int(time.time()) if at is None else at
    event = {"seq": seq, "type": "revoked" if revoked else "issued", "serial": serial, "not_after": not_after,
             "shard": shard}
    if revoked:
        event |= {"revoked_at": revoked[0], "reason": revoked[1]}
    return json.dumps(event | {"time": at}, separators=(",", ":")).encode()


class Issuer:
    """Serves events of one or more CAs."""

    def __init__(self, folder, *cas, wait_max_s=60):
        self.pki = Pki(folder)
        self.port = free_port()
        self.client = self.pki.issue("presigner")
        self.certificate = self.pki.issue("issuer", ExtendedKeyUsageOID.SERVER_AUTH)
        self.events = {ca: [] for ca in cas}  # lines; that at place n has seq n + 1
        self.published = {ca: 0 for ca in cas}
        self.signed = {ca: [] for ca in cas}  # what was told of, in its order
        self.asked = []  # the query of each question
        self.news = threading.Condition()
        self.wait_max_s = wait_max_s
        self.crl_url = None  # of the last shard that certificates name
        self.answer = None  # if set: (events, query) → (status, body), or None for the usual answer
        self.server = None

    def add(self, ca, serial, **how):
        with self.news:
            self.events[ca].append(event_line(len(self.events[ca]) + 1, serial, **how))
            self.news.notify_all()
            return len(self.events[ca])

    def revoke(self, ca, serial, reason="keyCompromise", **how):
        return self.add(ca, serial, revoked=(int(time.time()), reason), **how)

    # HTTP

    def start(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 90

            def do_GET(self):  # pylint: disable=invalid-name
                self.send(*issuer.get(self.path))

            def do_POST(self):  # pylint: disable=invalid-name
                self.send(*issuer.post(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

            def send(self, status, media_type, body, size=None):
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                if issuer.crl_url is not None:
                    self.send_header("Link", f'<{issuer.crl_url}>; rel="urn:statim:crl"')
                self.send_header("Content-Length", str(len(body) if size is None else size))
                self.end_headers()
                self.wfile.write(body)
                if size is not None:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64
            connections = []

            def finish_request(self, request, client_address):
                # The handshake in the connection's own thread: a bad one holds nobody up.
                try:
                    request.settimeout(90)
                    request.do_handshake()
                    super().finish_request(request, client_address)
                except (OSError, ssl.SSLError):
                    pass

            def get_request(self):
                request, address = super().get_request()
                self.connections.append(request)
                return request, address

            def handle_error(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate)
        context.load_verify_locations(self.pki.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        self.server = Server(("127.0.0.1", self.port), Handler, bind_and_activate=False)
        self.server.allow_reuse_address = True
        self.server.socket = context.wrap_socket(socket.socket(), server_side=True, do_handshake_on_connect=False)
        self.server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.server_bind()
        self.server.server_activate()
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        """Also every connection that lives."""
        if self.server is None:
            return
        self.server.shutdown()
        self.server.server_close()
        for connection in self.server.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.server = None
        with self.news:
            self.news.notify_all()

    def problem(self, word, status):
        return status, "application/problem+json", json.dumps({"type": f"urn:statim:problem:{word}"}).encode()

    def get(self, path):
        url = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.asked.append(query)
        if url.path != "/v1/events" or query["ca"] not in self.events:
            return self.problem("not-found", 404)
        events, after = self.events[query["ca"]], int(query["after"])
        if self.answer is not None:
            answer = self.answer(events, query)
            if answer is not None:
                return answer
        if after > len(events):
            return self.problem("bad-position", 409)
        if "hash" in query and hashlib.sha256(events[after - 1]).hexdigest() != query["hash"]:
            return self.problem("bad-position", 409)
        with self.news:
            self.news.wait_for(lambda: len(events) > after or self.server is None,
                               min(int(query["wait"]), self.wait_max_s))
            lines = events[after:after + int(query["limit"])]
        return 200, "application/x-ndjson", b"".join(line + b"\n" for line in lines)

    def post(self, path, body):
        said = json.loads(body)
        ca = said["ca"]
        if path != "/v1/events/published" or ca not in self.events:
            return self.problem("not-found", 404)
        if said["seq"] > len(self.events[ca]):
            return self.problem("bad-position", 409)
        assert ("hash" in said) == (said["seq"] > 0)
        if said["seq"] > 0 and hashlib.sha256(self.events[ca][said["seq"] - 1]).hexdigest() != said["hash"]:
            return self.problem("bad-position", 409)
        with self.news:
            assert len(body) <= 50000
            self.published[ca] = max(self.published[ca], said["seq"])
            self.signed[ca] += said.get("signed", [])
            self.news.notify_all()
        return 200, "application/json", b"{}"

    def wait_published(self, ca, seq, deadline_s=60):
        with self.news:
            if not self.news.wait_for(lambda: self.published[ca] >= seq, deadline_s):
                raise AssertionError(f"event {seq} not published within {deadline_s} s: {self.published[ca]}")


def use_feed(site, issuer=None, name=None, port=None, **keys):
    """Gives the (named, or only) issuer of presigner.yaml a feed: of an issuer played here, or at a port."""
    values = {"url": f"https://localhost:{port}"}
    if issuer is not None:
        values = {"url": f"https://127.0.0.1:{issuer.port}", "server_ca": issuer.pki.ca, "certificate": issuer.client[0],
                  "key": issuer.client[1]}
    text = "".join(f"      {key}: {value}\n" for key, value in (values | keys).items())
    which = "" if name is None else f" {name}$"
    site.edit("presigner.yaml", rf"^(  - name:{which or '.*$'})", r"\1\n    feed:\n" + text.rstrip("\n"))
