# SPDX-License-Identifier: Apache-2.0
"""statim ca: an offline ceremony. Judged by OpenSSL, GnuTLS, NSS and python3-cryptography, and by using what
came out of it: a presigner, an edge, `openssl ocsp`."""

import datetime
import hashlib
import json
import os
import pty
import shutil
import signal
import termios
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from ca_world import GOOD, P256, ROOT_NAME, URLS, Ceremony, ca, csr, extension, refused, tree
from ca_world import done, fresh  # pylint: disable=unused-import
from site_under_test import IS_SANITIZED, STATIM, Site, run, wait_for

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"


@pytest.fixture(scope="module", params=[("p384", "p256"), ("rsa3072", "p384"), ("p256", "rsa3072")],
                ids=lambda types: "-".join(types))
def any_ceremony(request, tmp_path_factory):
    return Ceremony(tmp_path_factory.mktemp("ceremony"), *request.param)


def test_openssl_and_gnutls_agree(any_ceremony):
    folder = any_ceremony.folder
    for name, flags in (("root", ()), ("inter", ()), ("responder", ("-untrusted", folder / "inter.pem"))):
        run("openssl", "verify", "-x509_strict", "-CAfile", folder / "root.pem", *flags, folder / f"{name}.pem")
    chain = folder / "chain.pem"
    chain.write_text("".join((folder / f"{name}.pem").read_text() for name in ("responder", "inter", "root")))
    told = run("certtool", "--verify-chain", "--infile", chain)
    assert "Chain verification output: Verified" in told.stdout


def test_nss_agrees(any_ceremony, tmp_path):
    if shutil.which("certutil") is None:
        pytest.skip("libnss3-tools is not installed")
    base = f"sql:{tmp_path}"
    run("certutil", "-N", "-d", base, "--empty-password")
    run("certutil", "-A", "-d", base, "-n", "root", "-t", "CT,,", "-a", "-i", any_ceremony.folder / "root.pem")
    run("certutil", "-A", "-d", base, "-n", "inter", "-t", ",,", "-a", "-i", any_ceremony.folder / "inter.pem")
    run("certutil", "-A", "-d", base, "-n", "responder", "-t", ",,", "-a", "-i", any_ceremony.folder / "responder.pem")
    run("certutil", "-V", "-d", base, "-n", "inter", "-u", "L", "-e")
    run("certutil", "-V", "-d", base, "-n", "responder", "-u", "O", "-e")
    # And it is no judge that says yes to everything.
    assert run("certutil", "-V", "-d", base, "-n", "responder", "-u", "L", "-e", check=False).returncode != 0


def test_what_is_in_them(any_ceremony):
    root, inter, responder = (any_ceremony.certificate(name) for name in ("root", "inter", "responder"))
    for certificate in (root, inter, responder):
        assert 0 < certificate.serial_number < 2**159 and certificate.serial_number >= 2**152
        key = extension(certificate, ExtensionOID.SUBJECT_KEY_IDENTIFIER).value.digest
        point = serialization.load_der_public_key(certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
        assert len(key) == 20 and point is not None
    assert root.subject == root.issuer == inter.issuer and inter.subject == responder.issuer
    assert root.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "Example, Ltd"
    basic = extension(inter, ExtensionOID.BASIC_CONSTRAINTS)
    assert basic.critical and basic.value.ca and basic.value.path_length == 0
    assert extension(root, ExtensionOID.BASIC_CONSTRAINTS).value.path_length is None
    usage = extension(root, ExtensionOID.KEY_USAGE)
    assert usage.critical and usage.value.key_cert_sign and usage.value.crl_sign and not usage.value.digital_signature
    assert extension(inter, ExtensionOID.KEY_USAGE).value.digital_signature
    assert list(extension(inter, ExtensionOID.EXTENDED_KEY_USAGE).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert list(extension(responder, ExtensionOID.EXTENDED_KEY_USAGE).value) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    extension(responder, ExtensionOID.OCSP_NO_CHECK)
    assert {e.oid for e in root.extensions} == {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE,
                                                ExtensionOID.SUBJECT_KEY_IDENTIFIER,
                                                ExtensionOID.AUTHORITY_KEY_IDENTIFIER}
    crl = extension(inter, ExtensionOID.CRL_DISTRIBUTION_POINTS).value[0].full_name[0].value
    assert crl == "http://crl.test/root.crl"
    assert responder.not_valid_after - responder.not_valid_before == datetime.timedelta(days=30, seconds=-1)


def test_keys_are_encrypted_and_private(done):
    for path in (done.root / "ca-key.pem", done.inter / "ca-key.pem", done.responder / "responder-key.pem"):
        assert path.stat().st_mode & 0o777 == 0o600
        assert "BEGIN ENCRYPTED PRIVATE KEY" in path.read_text()
        told = run("openssl", "asn1parse", "-in", path).stdout
        assert "PBKDF2" in told and "aes-256-cbc" in told and "0927C0" in told
        run("openssl", "pkey", "-in", path, "-passin", f"file:{done.passphrase}", "-noout")
        assert run("openssl", "pkey", "-in", path, "-passin", "pass:another", "-noout", check=False).returncode != 0


# What is asked for is not what is given

def test_what_a_request_asks_for_is_not_copied(fresh, tmp_path):
    path, out = tmp_path / "asks.csr", tmp_path / "out.pem"
    path.write_bytes(csr(P256, extensions=[x509.BasicConstraints(True, 5),
                                           x509.SubjectAlternativeName([x509.DNSName("example.org")])]))
    told = ca("intermediate", "sign", fresh.root, path, *URLS, *fresh.word, "--yes", "--out", out,
              "--client-auth", "--policy", "2.23.140.1.2.1")
    assert "none is copied: X509v3 Basic Constraints, X509v3 Subject Alternative Name" in told.stdout
    made = x509.load_pem_x509_certificate(out.read_bytes())
    assert ExtensionOID.SUBJECT_ALTERNATIVE_NAME not in {e.oid for e in made.extensions}
    assert extension(made, ExtensionOID.BASIC_CONSTRAINTS).value.path_length == 0
    assert set(extension(made, ExtensionOID.EXTENDED_KEY_USAGE).value) == {ExtendedKeyUsageOID.SERVER_AUTH,
                                                                          ExtendedKeyUsageOID.CLIENT_AUTH}


def test_the_operator_confirms(fresh, tmp_path):
    path = tmp_path / "good.csr"
    path.write_bytes(GOOD)
    before = tree(tmp_path)
    digits = hashlib.sha256(GOOD).hexdigest()[:8]
    sign = ("intermediate", "sign", fresh.root, path, *URLS, *fresh.word)
    for typed in ("", "\n", "yes\n", digits[:7] + "\n", digits + "0\n"):
        refused(ca(*sign, input=typed, check=False), "not confirmed")
        assert tree(tmp_path) == before
    ca(*sign, input=digits + "\n")
    assert len(list((fresh.root / "issued").iterdir())) == 2


def test_passphrase_from_the_terminal(tmp_path):
    """Twice the same, without showing it."""
    def typed(*words):
        child, terminal = pty.fork()
        if child == 0:
            os.execv(STATIM, [STATIM, "ca", "root", str(tmp_path / "r"), "--subject", ROOT_NAME])
        said = b""
        try:
            for asked, word in enumerate(words):
                while said.count(b":") <= asked:
                    said += os.read(terminal, 4096)
                # The question comes before the echo is off: whoever types at once is shown.
                wait_for(lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO, "no echo")
                os.write(terminal, word + b"\n")
            while True:
                said += os.read(terminal, 4096)
        except OSError:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said

    status, said = typed(b"a long secret", b"another secret")
    assert status == 1 and b"secret" not in said and not (tmp_path / "r").exists()
    status, said = typed(b"a long secret", b"a long secret")
    assert status == 0 and b"secret" not in said
    run("openssl", "pkey", "-in", tmp_path / "r" / "ca-key.pem", "-passin", "pass:a long secret", "-noout")


# CRLs

def test_crls(fresh, tmp_path):
    serial = f"{fresh.certificate('inter').serial_number:X}"
    for number, revoke in ((1, ()), (2, ("--revoke", serial, "--reason", "keyCompromise")), (3, ())):
        out = tmp_path / f"{number}.crl"
        ca("crl", fresh.root, *fresh.word, "--out", out, *revoke)
        crl = x509.load_der_x509_crl(out.read_bytes())
        assert extension(crl, ExtensionOID.CRL_NUMBER).value.crl_number == number
        assert crl.is_signature_valid(fresh.certificate("root").public_key())
        assert [f"{entry.serial_number:X}" for entry in crl] == ([] if number == 1 else [serial])
        run("openssl", "crl", "-inform", "DER", "-in", out, "-CAfile", fresh.folder / "root.pem", "-noout")
        run(STATIM, "crl-check", out, "--issuer", fresh.folder / "root.pem", "--ca")
    run("openssl", "crl", "-inform", "DER", "-in", tmp_path / "3.crl", "-out", tmp_path / "3.pem")
    told = run("openssl", "verify", "-crl_check", "-CAfile", fresh.folder / "root.pem", "-CRLfile",
               tmp_path / "3.pem", fresh.folder / "inter.pem", check=False)
    assert told.returncode != 0 and "certificate revoked" in told.stdout + told.stderr
    refused(ca("crl", fresh.root, *fresh.word, "--revoke", serial, "--reason", "superseded", check=False),
            "revoked already")
    (fresh.root / "crl-number").unlink()
    refused(ca("crl", fresh.root, *fresh.word, check=False), "CRLNumber")


# Transcript

def test_transcript(fresh, tmp_path):
    for _ in range(3):
        ca("crl", fresh.root, *fresh.word, "--operator", "Ada")
    path = fresh.root / "transcript"
    lines = path.read_bytes().splitlines()
    head = hashlib.sha256(lines[-1]).hexdigest()
    assert f"5 lines, the last {head}" in ca("transcript-check", path).stdout
    events = [json.loads(line) for line in lines]
    assert [event["did"] for event in events] == ["root", "sign", "crl", "crl", "crl"]
    assert events[-1]["operator"] == "Ada" and events[-1]["host"] == os.uname().nodename
    signed = {row["file"]: row["sha256"] for row in events[1]["wrote"]}
    name = f"issued/{events[1]['detail']['serial']}.pem"
    assert signed[name] == hashlib.sha256((fresh.root / name).read_bytes()).hexdigest()
    assert events[1]["read"][0]["sha256"] == hashlib.sha256((fresh.folder / "inter.csr").read_bytes()).hexdigest()
    changed = tmp_path / "changed"
    for i in range(len(lines)):
        for spoilt in (lines[:i] + lines[i + 1:], lines[:i] + [lines[i].replace(b"statim", b"Statim")] + lines[i + 1:],
                       lines[:i] + [lines[i]] + lines[i:]):
            changed.write_bytes(b"\n".join(spoilt) + b"\n")
            told = ca("transcript-check", changed, "--head", head, check=False)
            refused(told, str(changed))
    changed.write_bytes(path.read_bytes()[:-1])
    refused(ca("transcript-check", changed, check=False), "line 5")
    # And a broken one stops the ceremony.
    path.write_bytes(b"\n".join(lines[1:]) + b"\n")
    refused(ca("crl", fresh.root, *fresh.word, check=False), "line 1")


# Killed

def check_whole(folder, word, certificate):
    """Opens the folder once more; then nothing is half done."""
    ca("crl", folder, *word)
    names = {path.name for path in folder.rglob("*")}
    assert "step" not in names and not any(".tmp-" in name for name in names)
    ca("transcript-check", folder / "transcript")
    events = [json.loads(line) for line in (folder / "transcript").read_text().splitlines()]
    serials = {event["detail"]["serial"] for event in events if event["did"] == "sign"}
    assert serials == {path.stem for path in (folder / "issued").iterdir()}
    crls = [event for event in events if event["did"] == "crl"]
    assert (folder / "crl-number").read_text() == f"{len(crls)}\n"
    assert [event["detail"]["crl_number"] for event in crls] == [str(n + 1) for n in range(len(crls))]
    for path in (folder / "issued").iterdir():
        run("openssl", "verify", "-x509_strict", "-CAfile", certificate, path)


@pytest.mark.long
@pytest.mark.skipif(IS_SANITIZED, reason="LeakSanitizer does not work under strace")
def test_killed_at_every_call(fresh, tmp_path):
    """kill -9 at the n-th system call that changes something, for every n, while signing."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    path = tmp_path / "good.csr"
    path.write_bytes(GOOD)
    killed = 0
    for call in ("fsync", "renameat2", "rename", "unlink", "write"):
        for n in range(1, 40):
            out = tmp_path / f"{call}-{n}.pem"
            told = run("strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={n}", STATIM, "ca",
                       "intermediate", "sign", fresh.root, path, *URLS, *fresh.word, "--yes", "--out", out,
                       check=False)
            check_whole(fresh.root, fresh.word, fresh.folder / "root.pem")
            if told.returncode == 0:
                break
            assert told.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), told.stderr
            killed += 1
        assert n < 39 and out.exists()
    assert killed > 12


@pytest.mark.long
@pytest.mark.skipif(IS_SANITIZED, reason="LeakSanitizer does not work under strace")
def test_a_root_is_there_or_not(done, tmp_path):
    """kill -9 while the root is made: the folder holds all of it, or can be begun again."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    seen = set()
    for call in ("fsync", "renameat2", "rename", "unlink"):
        for n in range(1, 20):
            root = tmp_path / f"{call}-{n}"
            words = ("root", root, "--subject", ROOT_NAME, *done.word)
            told = run("strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={n}", STATIM, "ca",
                       *words, check=False)
            if told.returncode == 0:
                break
            begun = (root / "step").exists() or (root / "transcript").exists()
            seen.add(begun)
            again = ca(*words, check=False)
            if begun:
                refused(again, "has a key or a CA already")
            else:
                assert again.returncode == 0, again.stderr
            ca("crl", root, *done.word)
            assert [json.loads(line)["did"] for line in (root / "transcript").open()] == ["root", "crl"]
            assert not (root / "step").exists() and (root / "ca-key.pem").stat().st_mode & 0o777 == 0o600
            run("openssl", "verify", "-x509_strict", "-CAfile", root / "ca.pem", root / "ca.pem")
        assert n < 19
    assert seen == {False, True}


# Tokens, and use

@pytest.fixture()
def token(tmp_path, monkeypatch):
    if not Path(SOFTHSM).exists():
        pytest.skip("softhsm2 is not installed")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    run("softhsm2-util", "--init-token", "--free", "--label", "ceremony", "--pin", "1234", "--so-pin", "5678")
    (tmp_path / "pin").write_text("1234\n")
    return f"pkcs11:token=ceremony;object=%s?module-path={SOFTHSM}&pin-source=file:{tmp_path / 'pin'}"


@pytest.mark.parametrize("key_type", ["p256", "p384", "rsa3072", "rsa4096"])
def test_keys_in_a_token(done, token, tmp_path, key_type):
    root, inter, out = tmp_path / "r", tmp_path / "i", tmp_path / "root.pem"
    ca("root", root, "--subject", ROOT_NAME, "--key", token % "root", "--key-type", key_type, "--out", out)
    assert not (root / "ca-key.pem").exists() and "pkcs11:" in (root / "ca-key.where").read_text()
    refused(ca("root", tmp_path / "r2", "--subject", ROOT_NAME, "--key", token % "root", "--key-type", key_type,
               check=False), "has a key of that name already")
    # The key that is there, by reference.
    ca("root", tmp_path / "r3", "--subject", ROOT_NAME, "--key", token % "root")
    ca("intermediate", "csr", inter, "--subject", "C=GB,O=X,CN=I", "--key", token % "inter", "--key-type", "p256",
       "--out", tmp_path / "i.csr")
    ca("intermediate", "sign", root, tmp_path / "i.csr", *URLS, "--yes", "--out", tmp_path / "i.pem")
    ca("intermediate", "install", inter, tmp_path / "i.pem", "--issuer", out)
    run("openssl", "verify", "-x509_strict", "-CAfile", out, tmp_path / "i.pem")
    ca("crl", inter, "--out", tmp_path / "i.crl")
    assert not (tmp_path / "r2").exists()
    refused(ca("root", tmp_path / "r4", "--subject", ROOT_NAME, "--key", token % "none", check=False), "wrong")


@pytest.mark.parametrize("delegated", [False, True], ids=["intermediate", "responder"])
def test_the_chain_in_use(done, tmp_path, delegated):
    """The presigner signs with what the ceremony made, an edge answers, OpenSSL believes it."""
    plain = tmp_path / "inter-key.pem"
    run("openssl", "pkey", "-in", done.inter / "ca-key.pem", "-passin", f"file:{done.passphrase}", "-out", plain)
    site = Site(tmp_path / "site")
    try:
        site.init("--ca-cert", done.inter / "ca.pem", "--ca-key", done.inter / "ca-key.pem", "--passphrase-file",
                  done.passphrase)
        if delegated:
            site.edit("presigner.yaml", r"^(\s+)(ca_certificate: .*)$",
                      rf"\1\2\n\1responder_certificate: {done.responder / 'responder.pem'}\n\1responder_key:\n"
                      rf"\1  file: {done.responder / 'responder-key.pem'}\n\1  passphrase_file: {done.passphrase}")
        site.issue_certificate("good", ca=done.inter / "ca.pem", key=plain)
        site.issue_certificate("bad", revoked=("superseded", int(time.time()) - 60), ca=done.inter / "ca.pem", key=plain)
        site.import_certificates()
        site.start()
        for name, status in (("good", ": good"), ("bad", ": revoked")):
            told = run("openssl", "ocsp", "-issuer", done.inter / "ca.pem", "-cert", site.certificates[name], "-url",
                       site.url, "-CAfile", done.folder / "root.pem", "-no_nonce")
            assert "Response verify OK" in told.stderr and status in told.stdout, told.stdout + told.stderr
    finally:
        site.stop()
