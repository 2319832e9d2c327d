# SPDX-License-Identifier: Apache-2.0
"""statim-issuer as a program: what it refuses to start with, keys on a token, a registry from a backup, changed policies."""

import base64
import datetime
import http.server
import json
import os
import re
import shutil
import signal
import socketserver
import ssl
import subprocess
import tempfile
import threading
import urllib.parse
from pathlib import Path

import pytest
from cryptography import x509

from issuer_world import ISSUER, START_S, Issuer, make_csr
from pg_world import make_postgresql  # noqa: F401
from site_under_test import ROOT, STATIM, run, wait_for

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
NO_WAIT = "publish_wait_ms: 0\n"
PASSPHRASE = "correct horse battery"


@pytest.fixture
def issuer(tmp_path):
    made = Issuer(tmp_path / "issuer", extra=NO_WAIT)
    yield made
    made.kill()


def change(issuer, pattern, replacement):
    path = issuer.folder / "issuer.yaml"
    text, count = re.subn(pattern, replacement, path.read_text(), flags=re.M)
    assert count > 0, pattern
    path.write_text(text)


def check(issuer):
    """What --check says: (whether it would start, its lines)."""
    done = run(ISSUER, issuer.folder / "issuer.yaml", "--check", check=False)
    return done.returncode == 0, done.stdout + done.stderr


def refuses(issuer, pattern, replacement, message):
    before = (issuer.folder / "issuer.yaml").read_text()
    change(issuer, pattern, replacement)
    good, said = check(issuer)
    (issuer.folder / "issuer.yaml").write_text(before)
    assert not good and message in said, said


def test_check(issuer):
    assert check(issuer) == (True, "")
    # It was only looked at.
    assert not (issuer.folder / "registry.db").exists() and not (issuer.folder / "state").exists()
    refuses(issuer, r"^    certificate: inter.pem\n    chain: .*$", "    certificate: root.pem", "self-signed")
    refuses(issuer, r"chain: \[root.pem\]", "chain: [inter.pem]", "does not certify")
    refuses(issuer, r"certificate: inter.pem", "certificate: none.pem", "none.pem")
    refuses(issuer, r"certificate: inter.pem", "certificate: tls/localhost.pem", "tls/localhost.pem")
    refuses(issuer, r"inter/ca-key.pem", "audit-key.pem", "authority i1: its key cannot be used")
    refuses(issuer, r"^    ca_issuers_url: .*$", "", "profile dv: the CA has no ca_issuers_url")
    (issuer.folder / "other").write_text("another phrase\n")
    refuses(issuer, r"passphrase_file: passphrase", "passphrase_file: other", "does not open")
    refuses(issuer, r"^log_level|^state_dir", "blocked_keys: root.pem\nstate_dir", "blocked_keys")
    refuses(issuer, r"^state_dir", "public_suffix: none\nstate_dir", "none")


def test_one_at_a_time(issuer):
    issuer.start()
    second = run(ISSUER, issuer.folder / "issuer.yaml", check=False)
    assert second.returncode == 1 and f"{issuer.process.pid}" in second.stderr
    # Nor with one of the audit log and the registry.
    pid, config = issuer.process.pid, issuer.folder / "second.yaml"
    text = (issuer.folder / "issuer.yaml").read_text().replace("state_dir: state", "state_dir: state2")
    config.write_text(text)
    second = run(ISSUER, config, check=False)
    assert second.returncode == 1 and f"another writer of the audit log (process {pid}) works in this folder" in second.stderr
    run(STATIM, "audit", "init", issuer.folder / "audit2", "--key", issuer.folder / "audit-key.pem", "--origin", "audit.test")
    config.write_text(text.replace("folder: audit,", "folder: audit2,"))
    second = run(ISSUER, config, check=False)
    assert second.returncode == 1 and f"another statim-issuer (process {pid}) works with this registry" in second.stderr
    issuer.stop(signal.SIGKILL)
    issuer.start()
    assert issuer.stop() == 0


OWNERS = "FROM pg_stat_activity WHERE application_name LIKE 'statim-issuer %'"
TAKE = """SELECT pg_advisory_lock((1937006964::bigint << 32) | oid::bigint) FROM pg_namespace
          WHERE nspname = current_schema()"""


def test_who_has_lost_the_registry_ends(tmp_path, make_postgresql):
    """The session that keeps other issuers out is lost, and another one is faster."""
    server = make_postgresql()
    issuer = Issuer(tmp_path / "issuer", registry=f'postgresql: "{server.conninfo}"', extra=NO_WAIT).start()
    try:
        with server.session(TAKE) as faster:
            wait_for(lambda: server.sql("SELECT pid FROM pg_locks WHERE NOT granted"), "it waits", process=faster)
            server.sql(f"SELECT pg_terminate_backend(pid) {OWNERS}")
            assert issuer.process.wait(START_S) == 1
        assert "another issuer has taken the registry" in issuer.said() and ": stopping" in issuer.said()
    finally:
        issuer.kill()


def test_metrics_are_those_of_the_manual(issuer):
    """Each name in docs/operations.md is one of /metrics, and the other way round."""
    issuer.start().prepare()
    issuer.issue("www.example.com", "one")
    manual = (ROOT / "docs" / "operations.md").read_text().split("\n## Metrics of the issuer\n")[1].split("\n## ")[0]
    told = {name if name.startswith("tls_") else f"statim_issuer_{name}"
            for row in re.findall(r"^\| (.*?) \|", manual, flags=re.M) for name in re.findall(r"`([a-z_]{5,})`", row)
            if f"(by `{name}`" not in row}
    shown = {re.sub(r"_(bucket|sum|count)$", "", re.split(r"[{ ]", key)[0]) for key in issuer.metrics()}
    assert told == shown


def test_ends_in_good_order(issuer):
    issuer.start().prepare()
    issuer.issue("www.example.com", "one")
    assert issuer.stop() == 0
    changes = [leaf["change"] for leaf in issuer.leaves() if leaf["type"] == "admin.action" and "change" in leaf]
    assert changes[0] == "started" and changes[-1] == "stopped"


def test_changed_policies_are_in_the_log(issuer):
    issuer.start().stop()
    change(issuer, r"\{name: dv, kind: dv\}", "{name: dv, kind: dv, validity_days: 47}")
    change(issuer, r"^  - \{name: eve, .*\n", "")
    issuer.start().stop()
    at_first = next(n for n, leaf in enumerate(issuer.leaves()) if leaf.get("change") == "stopped")
    changes = {leaf["policy"]: leaf for leaf in issuer.leaves()[at_first:] if leaf["type"] == "policy.changed"}
    assert set(changes) == {"profile dv", "client eve"}
    assert '"validity_s":4060800' in changes["profile dv"]["new"] and '"validity_s":7776000' in changes["profile dv"]["old"]
    assert changes["client eve"]["new"] == ""
    count = len(issuer.leaves())
    issuer.start().stop()
    assert len(issuer.leaves()) == count + 2  # started, stopped


def test_registry_of_another_time_is_refused(issuer):
    issuer.start().prepare()
    issuer.stop()
    shutil.copy(issuer.folder / "registry.db", issuer.folder / "backup.db")
    issuer.start()
    lost = issuer.issue("www.example.com", "one")
    issuer.stop()
    shutil.copy(issuer.folder / "backup.db", issuer.folder / "registry.db")
    issuer.start(wait=False)
    assert issuer.process.wait(START_S) == 1
    assert "it is older than the log" in issuer.said()
    # The log says what is missing.
    assert lost["id"] in {leaf.get("certificate") for leaf in issuer.leaves()}
    (issuer.folder / "state" / "registry-restored").touch()
    issuer.start()
    assert not (issuer.folder / "state" / "registry-restored").exists()
    second = issuer.issue("www.example.com", "two")
    issuer.stop()
    assert "says that it is revoked" not in issuer.said()
    # Behind the last issuance nothing proves that it is older. A revocation that is missing is told of.
    shutil.copy(issuer.folder / "registry.db", issuer.folder / "backup.db")
    issuer.start().revoke(second["id"], "superseded")
    issuer.stop()
    shutil.copy(issuer.folder / "backup.db", issuer.folder / "registry.db")
    issuer.start()
    assert f"serial {second['serial']} of CA {second['ca']}: the audit log says that it is revoked" in issuer.said()


def test_audit_log_of_another_time_is_refused(issuer):
    issuer.start().prepare()
    issuer.stop()
    audit = issuer.folder / "audit"
    shutil.copytree(audit, issuer.folder / "older")
    issuer.start()
    issuer.issue("www.example.com", "one")
    issuer.stop()
    shutil.move(audit, issuer.folder / "newer")
    shutil.move(issuer.folder / "older", audit)
    issuer.start(wait=False)
    assert issuer.process.wait(START_S) == 1
    assert "the log was restored from an older copy" in issuer.said()
    # The log that it had is as good as before, and so is another one.
    shutil.rmtree(audit)
    shutil.move(issuer.folder / "newer", audit)
    issuer.start()
    issuer.issue("www.example.com", "two")
    issuer.stop()
    shutil.rmtree(audit)
    run(STATIM, "audit", "init", audit, "--key", issuer.folder / "audit-key.pem", "--origin", "audit.test")
    issuer.start()
    third = issuer.issue("www.example.com", "three")
    issuer.stop()
    assert third["id"] in {leaf.get("certificate") for leaf in issuer.leaves()}
    issuer.start()


@pytest.fixture
def token(tmp_path, monkeypatch):
    if not Path(SOFTHSM).exists() or shutil.which("softhsm2-util") is None:
        pytest.skip("softhsm2 is not installed")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    run("softhsm2-util", "--init-token", "--free", "--label", "issuer", "--pin", "1234", "--so-pin", "5678")
    (tmp_path / "pin").write_text("1234\n")
    return tmp_path


def test_key_on_a_token(issuer, token):
    run("openssl", "pkey", "-in", issuer.folder / "inter" / "ca-key.pem", "-passin", f"pass:{PASSPHRASE}", "-out",
        token / "plain.pem")
    run("softhsm2-util", "--import", token / "plain.pem", "--token", "issuer", "--label", "i1", "--id", "01", "--pin", "1234")
    (issuer.folder / "inter" / "ca-key.pem").unlink()
    change(issuer, r"key: \{file: inter/ca-key.pem.*\}",
           f"key: {{module: {SOFTHSM}, token: issuer, label: i1, pin_file: {token / 'pin'}}}")
    issuer.start().prepare()
    for number in range(3):
        body = issuer.issue("www.example.com", f"order-{number}")
        (token / "leaf.pem").write_text(body["pem"])
        run("openssl", "verify", "-x509_strict", "-CAfile", issuer.folder / "root.pem", "-untrusted",
            issuer.folder / "inter.pem", token / "leaf.pem")
    (token / "pin").write_text("4321\n")
    issuer.stop()
    good, said = check(issuer)
    assert not good and "authority i1" in said


class Linter(socketserver.ThreadingUnixStreamServer):
    """pkimetal's HTTP on a unix socket; `finding` is what it says to everything."""

    daemon_threads = True

    def __init__(self, path):
        self.finding, self.asked = None, []
        linter = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                linter.asked.append((self.path, form))
                body = json.dumps([] if linter.finding is None else
                                  [{"Linter": "zlint", "Finding": "x", "Severity": linter.finding, "Code": "e_x"}]).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self):
                return "unix"

            def log_message(self, *_):
                pass

        super().__init__(str(path), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()
        os.unlink(self.server_address)


def test_external_linter(tmp_path):
    with tempfile.TemporaryDirectory() as short:
        linter = Linter(f"{short}/l")
        issuer = Issuer(tmp_path / "issuer", extra=f"{NO_WAIT}linter: {{socket: {short}/l, timeout_ms: 20000}}\n")
        try:
            issuer.start().prepare()
            body = issuer.issue("www.example.com", "one")
            path, form = linter.asked[0]
            asked = x509.load_der_x509_certificate(base64.b64decode(form["b64input"][0]))
            given = x509.load_pem_x509_certificate(body["pem"].encode())
            # Before the signature: the same octets, signed by nobody.
            assert path == "/lintcert" and asked.tbs_certificate_bytes == given.tbs_certificate_bytes
            assert asked.signature != given.signature
            linter.finding = "notice"
            issuer.issue("www.example.com", "two")
            linter.finding = "error"
            status, said, _ = issuer.order("www.example.com", "three")
            assert (status, said["rule"]) == (422, "lint-hook")
            linter.end()
            status, said, _ = issuer.order("www.example.com", "three")
            assert (status, said["type"]) == (503, "urn:statim:problem:linter-unavailable")
            assert len(issuer.events()) == 2
        finally:
            issuer.kill()


def test_listeners_certificates_change(issuer):
    issuer.start().prepare()

    def shown():
        return ssl.get_server_certificate(("127.0.0.1", issuer.public_port))

    before = shown()
    issuer.servers.server("localhost")
    assert shown() == before
    issuer.process.send_signal(signal.SIGHUP)
    wait_for(lambda: shown() != before, "the new certificate", process=issuer.process)
    issuer.issue("www.example.com", "one")
    good = shown()
    (issuer.folder / "tls" / "localhost.pem").write_text("spoilt")
    at = len(issuer.said())
    issuer.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "internal listener: goes on with its certificates" in issuer.said(at), "it says so",
             process=issuer.process)
    assert shown() == good
    issuer.issue("www.example.com", "two")


def test_certificate_is_as_the_profile_says(issuer):
    issuer.start().prepare()
    for profile, days in (("dv", 90), ("short", 6)):
        leaf = x509.load_pem_x509_certificate(issuer.issue("www.example.com", profile, profile=profile)["pem"].encode())
        length = leaf.not_valid_after - leaf.not_valid_before
        assert datetime.timedelta(days=days, hours=-2) < length < datetime.timedelta(days=days)
        assert leaf.not_valid_before <= datetime.datetime.utcnow() - datetime.timedelta(seconds=290)
        oids = {extension.oid.dotted_string for extension in leaf.extensions}
        assert ("2.5.29.31" in oids) == (profile == "dv")
    assert [event["shard"] != "" for event in issuer.events()] == [True, False]


def test_same_order_from_two_at_once(issuer):
    """The second waits for the first, or is told to ask again; there is one certificate."""
    issuer.start().prepare()
    csr = make_csr("www.example.com")
    one = f"https://127.0.0.1:{issuer.public_port}/v1/certificate"
    body = issuer.folder / "body.json"
    body.write_text('{"order_id": "both", "profile": "dv", "csr_pem": "' + csr.replace("\n", "\\n") + '"}')
    words = ["curl", "-s", "-k", "-H", f"Authorization: Bearer {issuer.key}", "-H", "Content-Type: application/json", "-d",
             f"@{body}", one]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    answers = [process.communicate(timeout=START_S)[0] for process in running]
    assert all('"id"' in answer or "order-pending" in answer for answer in answers), answers
    assert len({re.search(r'"id": ?"(\w+)"', answer)[1] for answer in answers if '"id"' in answer}) == 1
    assert [event["type"] for event in issuer.events()] == ["issued"]
