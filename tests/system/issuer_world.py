# SPDX-License-Identifier: Apache-2.0
"""A statim-issuer under test: root and intermediate from a ceremony, audit log, registry, certificates of its listeners and
their clients, and what customers, operators and presigners ask of it."""

import functools
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from https_world import Authority, client_context
from site_under_test import BUILD, STATIM, free_port, run, wait_for

ISSUER = str(BUILD / "issuer" / "statim-issuer")
CUSTOMER, DOMAIN = "acme", "example.com"
CLIENTS = {"presigner": "feed", "alice": "operator", "bob": "operator", "root": "admin", "eve": "auditor"}
PATIENCE_S = 60
# It reads encrypted keys and its whole past; with a sanitizer on a busy machine that takes a while.
START_S = 120


class Refused(AssertionError):
    def __init__(self, status, problem):
        super().__init__(f"{status} {problem}")
        self.status, self.problem = status, problem


@functools.cache
def ceremony():
    """Root and intermediate, made once a process: encrypting keys takes its time. Copied, never used in place."""
    made = tempfile.TemporaryDirectory()
    folder = Path(made.name)
    (folder / "passphrase").write_text("correct horse battery\n")
    word = ("--passphrase-file", folder / "passphrase")
    urls = ("--crl-url", "http://crl.test/root.crl", "--ca-issuers-url", "http://ca.test/root.cer")
    root, inter = folder / "root", folder / "inter"
    run(STATIM, "ca", "root", root, "--subject", "C=GB,O=Example,CN=Root", "--key-type", "p256", *word, "--out",
        folder / "root.pem")
    run(STATIM, "ca", "intermediate", "csr", inter, "--subject", "C=GB,O=Example,CN=Inter", "--key-type", "p256", *word,
        "--out", folder / "inter.csr")
    run(STATIM, "ca", "intermediate", "sign", root, folder / "inter.csr", *urls, "--sign-ocsp", *word, "--yes", "--out",
        folder / "inter.pem")
    run(STATIM, "ca", "intermediate", "install", inter, folder / "inter.pem", "--issuer", folder / "root.pem", *word)
    return made


class Issuer:
    """Everything is in `folder`; `registry` and `extra` are lines of its YAML, `options` of the CA."""

    def __init__(self, folder, registry="sqlite: registry.db", extra="", profiles="", url_base="http://127.0.0.1:1",
                 shards=4):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.public_port, self.internal_port, self.admin_port = free_port(), free_port(), free_port()
        self.url_base, self.shards = url_base, shards
        self.process, self.key, self.log = None, None, self.folder / "issuer.log"
        self.make_ca()
        self.make_tls()
        run(STATIM, "audit", "init", self.folder / "audit", "--key", self.folder / "audit-key.pem", "--origin", "audit.test")
        self.write(registry, extra, profiles)

    # Making

    def make_ca(self):
        shutil.copytree(ceremony().name, self.folder, dirs_exist_ok=True)

    def make_tls(self):
        self.servers = Authority(self.folder / "tls", "servers")
        self.clients = Authority(self.folder / "clients", "clients")
        self.servers.server("localhost")
        for name in CLIENTS:
            self.clients.client(name)

    def write(self, registry, extra, profiles):
        clients = "".join(f"  - {{name: {name}, common_name: {name}, roles: [{role}]}}\n" for name, role in CLIENTS.items())
        (self.folder / "issuer.yaml").write_text(f"""
state_dir: state
registry: {{{registry}}}
audit: {{folder: audit, key: audit-key.pem}}
public:
  listen: "127.0.0.1:{self.public_port}"
  certificate: tls/localhost.pem
  key: tls/localhost.key
internal:
  listen: "127.0.0.1:{self.internal_port}"
  certificate: tls/localhost.pem
  key: tls/localhost.key
  client_ca: clients/clients-root.pem
admin: "127.0.0.1:{self.admin_port}"
clients:
{clients}
profiles:
  - {{name: dv, kind: dv}}
  - {{name: ov, kind: ov}}
  - {{name: ev, kind: ev}}
  - {{name: short, kind: dv, short_lived: true, validity_days: 6}}
{profiles}
authorities:
  - name: i1
    certificate: inter.pem
    chain: [root.pem]
    key: {{file: inter/ca-key.pem, passphrase_file: passphrase}}
    ocsp_url: {self.url_base}/
    ca_issuers_url: {self.url_base}/crl/ca.crt
    crl_url_base: {self.url_base}/crl
    crl_shards: {self.shards}
    profiles: [dv, ov, ev, short]
{extra}
""")

    # Running

    def start(self, program=ISSUER, wait=True, **environment):
        with open(self.log, "ab") as log:
            at = log.tell()
            self.process = subprocess.Popen([program, str(self.folder / "issuer.yaml")], stdout=log, stderr=log,
                                            env={**os.environ, **environment})
        if wait:
            self.wait_ready(at)
        return self

    def wait_ready(self, at):
        try:
            wait_for(lambda: ": ready\n" in self.said(at), "the issuer is ready", START_S, self.process)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said(at)[-6000:]}") from None

    def said(self, at=0):
        with open(self.log, "rb") as log:
            log.seek(at)
            return log.read().decode(errors="replace")

    def stop(self, number=signal.SIGTERM):
        """Ends it and returns its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(timeout=PATIENCE_S)
        self.process = None
        return status

    def kill(self):
        return self.stop(signal.SIGKILL)

    # Asking

    def ask(self, method, path, body=None, client=None, key=None, timeout=PATIENCE_S):
        """(status, body as JSON or text, fields). With a `client`, on the internal listener."""
        port = self.public_port if client is None else self.internal_port
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout,
                                                 context=client_context(self.servers, client and self.clients.folder / client))
        fields = {} if key is None else {"Authorization": f"Bearer {key}"}
        if body is not None:
            fields["Content-Type"] = "application/json"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), fields)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        kind = answer.headers.get("Content-Type", "")
        is_json = text and kind in ("application/json", "application/problem+json")
        return answer.status, json.loads(text) if is_json else text, answer.headers

    def must(self, *words, **options):
        status, body, _ = self.ask(*words, **options)
        if status not in (200, 201, 204):
            raise Refused(status, body)
        return body

    def customer(self, name=CUSTOMER, role="customer"):
        """An API key."""
        return self.must("POST", "/v1/admin/api-key", {"customer": name, "role": role}, client="root")["key"]

    def prepare(self, domain=DOMAIN):
        """A customer with a validated domain: `key` is its API key."""
        self.key = self.customer()
        self.validate(domain)
        return self

    def validate(self, domain, customer=CUSTOMER):
        self.must("POST", "/v1/dcv", {"customer": customer, "domain": domain, "method": "3.2.2.4.7", "valid_for_s": 86400,
                                      "wildcard": True, "evidence": "a test"}, client="alice")

    def order(self, names, order_id, csr=None, profile="dv", key=None, **fields):
        """The answer to an order, whatever it is."""
        body = {"csr_pem": csr or make_csr(names), "order_id": order_id, "profile": profile, **fields}
        return self.ask("POST", "/v1/certificate", body, key=key or self.key)

    def issue(self, names, order_id, **options):
        status, body, _ = self.order(names, order_id, **options)
        if status not in (200, 201):
            raise Refused(status, body)
        return body

    def revoke(self, certificate_id, reason="superseded", key=None):
        return self.must("POST", f"/v1/certificate/{certificate_id}/revoke", {"reason": reason}, key=key or self.key)

    def events(self, after=0, limit=1000, wait=0, client="presigner"):
        text = self.must("GET", f"/v1/events?ca={self.ca_id()}&after={after}&limit={limit}&wait={wait}", client=client)
        return [json.loads(line) for line in text.splitlines()]

    def ca_id(self):
        return self.must("GET", "/v1/ca", client="eve")["authorities"][0]["ca"]

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=PATIENCE_S)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))

    # The audit log

    def leaves(self):
        """Its entries, verified; the issuer has to be stopped, or its checkpoint awaited."""
        folder = self.folder / "audit"
        run(STATIM, "audit", "verify", folder)
        return [json.loads(line)["entry"] for line in run(STATIM, "audit", "export", folder).stdout.splitlines()]


def read_events(issuer):
    """All that its feed has: numbered without a gap."""
    events = []
    while page := issuer.events(after=len(events)):
        events += page
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    return events


def make_key():
    return ec.generate_private_key(ec.SECP256R1())


def make_csr(names, key=None):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    names = [names] if isinstance(names, str) else names
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    return builder.sign(key or make_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
