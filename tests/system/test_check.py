# SPDX-License-Identifier: Apache-2.0
"""`statim check` passes on our edge and fails on responders that are known to break rules."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from foreign_ca import ForeignCa
from site_under_test import STATIM, free_port, run, wait_for


def check(url, issuer, good, revoked):
    done = run(STATIM, "check", url, "--issuer", issuer, "--good", good, "--revoked", revoked, check=False,
               timeout=300)
    broken = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAIL")}
    kept = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("pass")}
    assert kept | broken, done.stderr
    return done.returncode, broken, done.stdout


def test_our_edge_keeps_every_rule(served):
    status, broken, text = check(served.url, served.ca, served.serial("good"), served.serial("revoked"))
    assert (status, broken) == (0, set()), text


def test_a_server_that_is_down_keeps_nothing(served):
    status, broken, _ = check(f"http://127.0.0.1:{free_port()}", served.ca, served.serial("good"),
                              served.serial("revoked"))
    assert status == 1
    assert {"get_good", "post_good", "get_revoked", "sha256_certid", "etag", "head"} <= broken


def test_a_wrong_issuer_is_noticed(served, tmp_path):
    other = ForeignCa(tmp_path / "other", "p256")
    status, broken, _ = check(served.url, other.certificate, served.serial("good"),
                              served.serial("revoked"))
    assert status == 1 and "get_good" in broken


@pytest.fixture
def foreign(tmp_path):
    ca = ForeignCa(tmp_path / "ca", "p256")
    ca.good = ca.issue("good")
    ca.revoked = ca.issue("revoked")
    ca.revoke(ca.revoked)
    ca.responder = ca.issue("responder", "responder")
    ca.serials = [run("openssl", "x509", "-in", path, "-noout", "-serial").stdout.strip().split("=")[1]
                  for path in (ca.good, ca.revoked)]
    return ca


def listening(port):
    """By the kernel's table: a connection without a request would make `openssl ocsp` spin for ever."""
    tables = [Path(f"/proc/net/{name}") for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


@pytest.fixture
def start(tmp_path):
    """Starts other people's responders and stops them by process id."""
    processes = []

    def begin(port, *command, **options):
        log = open(tmp_path / f"{os.path.basename(str(command[0]))}.log", "wb")
        process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, **options)
        processes.append(process)
        wait_for(lambda: listening(port), f"{command[0]} listening", 20, process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait(10)


def test_openssl_ocsp_breaks_rules(foreign, start):
    port = free_port()
    start(port, "openssl", "ocsp", "-index", foreign.dir / "index.txt", "-CA", foreign.certificate, "-rsigner",
          foreign.responder, "-rkey", foreign.dir / "responder.key", "-port", str(port), "-nmin", "600")
    status, broken, text = check(f"http://127.0.0.1:{port}", foreign.certificate, *foreign.serials)
    assert status == 1
    # It answers right, and knows little of HTTP: no validators, no caching, no HEAD.
    assert not {"get_good", "post_good", "get_revoked", "post_revoked"} & broken, text
    assert {"etag", "expires", "last_modified", "cache_control", "match_any", "head", "by_key",
            "unauthorized"} <= broken, text


@pytest.mark.skipif(shutil.which("cfssl") is None, reason="no cfssl")
def test_cfssl_ocspserve_breaks_rules(foreign, start):
    responses = foreign.dir / "responses"
    lines = []
    for certificate, status in ((foreign.good, "good"), (foreign.revoked, "revoked")):
        done = run("cfssl", "ocspsign", "-ca", foreign.certificate, "-responder", foreign.responder,
                   "-responder-key", foreign.dir / "responder.key", "-cert", certificate, "-status", status, "-reason",
                   "4" if status == "revoked" else "0")
        lines.append(json.loads(done.stdout)["ocspResponse"])
    responses.write_text("\n".join(lines) + "\n")
    port = free_port()
    start(port, "cfssl", "ocspserve", "-address", "127.0.0.1", "-port", str(port), "-responses", responses)
    status, broken, text = check(f"http://127.0.0.1:{port}", foreign.certificate, *foreign.serials)
    assert status == 1
    # Dates end in UTC, one exact tag only, no HEAD, SHA-256 gets no answer, slashes are collapsed, no
    # limit on a body. (Debian's release answers no GET at all.)
    assert {"expires", "last_modified", "match_list", "match_weak", "match_any", "modified_since", "head",
            "sha256_certid", "forward_slashes", "size_cap"} <= broken, text
    assert not {"post_good", "post_revoked", "trailing"} & broken, text
