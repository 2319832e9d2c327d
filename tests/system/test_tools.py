# SPDX-License-Identifier: Apache-2.0
"""init, import, revoke, status and responder, without a running presigner."""

import calendar
import stat
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from site_under_test import EDGE, PRESIGNER, STATIM, run

HEADER = "serial,status,revoked_at,reason,not_after\n"


@pytest.fixture
def folder(tmp_path):
    run(STATIM, "init", tmp_path / "d")
    return tmp_path / "d"


def statim(*words, check=True):
    return run(STATIM, *words, check=check)


def shown(folder, *words):
    """`statim status` as a dictionary."""
    lines = statim("status", folder, *words).stdout.splitlines()
    return {line[:20].strip(): line[20:].strip() for line in lines}


def import_text(folder, text, check=True, name="list"):
    path = folder / name
    path.write_text(text)
    return statim("import", folder, path, check=check)


def certificate(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_help_and_usage():
    assert "import" in statim("--help").stdout
    assert statim("--version").stdout.startswith("statim ")
    assert "usage: statim import DIR FILE" in statim("import", "--help").stdout
    for words in ([], ["nothing"], ["import"], ["revoke", "x"], ["init", "a", "b"], ["status", "--x"],
                  ["responder", "x", "--days", "0"], ["init", "x", "--ca-cert", "y"]):
        assert statim(*words, check=False).returncode == 2, words


def test_init_makes_a_whole_folder(folder):
    ca = certificate(folder / "ca.pem")
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical and usage.value.key_cert_sign and usage.value.crl_sign
    assert usage.value.digital_signature
    key = serialization.load_pem_private_key((folder / "ca-key.pem").read_bytes(), None)
    assert key.public_key().public_numbers() == ca.public_key().public_numbers()
    for name in ("ca-key.pem", "publish-key.pem"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert (folder / "publish-key.pub").read_text().startswith("statim-")


def test_init_never_overwrites(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert statim("init", folder, check=False).returncode == 1
    (folder / "presigner.yaml").unlink()
    assert statim("init", folder, check=False).returncode == 1
    del before["presigner.yaml"]
    assert before == {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("arguments", [["--listen", "localhost:80"], ["--admin", "1.2.3.4"],
                                       ["--network", "a b"]])
def test_init_refuses(tmp_path, arguments):
    assert statim("init", tmp_path / "d", *arguments, check=False).returncode == 1
    assert not (tmp_path / "d").exists()


def test_init_with_a_ca(tmp_path):
    """An encrypted key is copied as it is; a wrong passphrase or key leaves nothing behind."""
    key, other, cert = tmp_path / "key", tmp_path / "other", tmp_path / "cert"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:abc", "-keyout", key,
        "-out", cert, "-subj", "/CN=foreign", "-days", "30")
    run("openssl", "genpkey", "-algorithm", "ed25519", "-out", other)
    (tmp_path / "pass").write_text("abc\n")
    (tmp_path / "wrong").write_text("abd\n")
    target = tmp_path / "d"
    for arguments in ([key], [key, "--passphrase-file", tmp_path / "wrong"], [other], [cert]):
        done = statim("init", target, "--ca-cert", cert, "--ca-key", *arguments, check=False)
        assert done.returncode == 1
        assert not target.exists()
    statim("init", target, "--ca-cert", cert, "--ca-key", key, "--passphrase-file",
           tmp_path / "pass")
    assert (target / "ca-key.pem").read_bytes() == key.read_bytes()
    assert statim("status", target).stdout.startswith("issuer")


def test_import_and_status(folder):
    done = import_text(folder, HEADER + "0A,good,,,2030-01-01T00:00:00Z\n"
                       "0B,revoked,2026-01-01T00:00:00Z,superseded,2030-01-01T00:00:00Z\n")
    assert done.stdout.startswith("2 certificates, 2 of them new")
    assert shown(folder)["issuer"] == "ca: 1 good, 1 revoked"
    assert shown(folder)["sequence"] == "2"
    certificate_status = shown(folder, "0b")
    assert certificate_status["status"] == "revoked"
    assert certificate_status["revoked at"] == "2026-01-01T00:00:00Z"
    assert certificate_status["reason"] == "superseded"
    assert certificate_status["published"] == "not yet"
    assert statim("status", folder, "0C", check=False).returncode == 1


def test_import_from_standard_input(folder):
    done = subprocess.run([STATIM, "import", str(folder), "-"], input=b"0A,good,,,2030-01-01\n",
                          capture_output=True, check=True)
    assert done.stdout.startswith(b"1 certificates")


def test_bad_line_is_named_and_nothing_taken(folder):
    done = import_text(folder, HEADER + "0A,good,,,2030-01-01\n0B,bad,,,2030-01-01\n", check=False)
    assert done.returncode == 1
    assert "list:3: status is neither good nor revoked; nothing was imported" in done.stderr
    assert shown(folder)["sequence"] == "0"


def test_revoke(folder):
    import_text(folder, "0A,good,,,2030-01-01\n")
    for words in (["0B"], ["0G"], ["0A", "--reason", "stolen"], ["0A", "--at", "soon"],
                  ["0A", "--at", "2105-01-01"], ["0A", "--reason", "removeFromCRL"],
                  ["0A", "--issuer", "other"]):
        assert statim("revoke", folder, *words, check=False).returncode == 1, words
    assert shown(folder, "0A")["status"] == "good"
    before_s = int(time.time())
    statim("revoke", folder, "0A", "--reason", "superseded")
    first = shown(folder, "0A")
    assert before_s <= calendar.timegm(time.strptime(first["revoked at"], "%Y-%m-%dT%H:%M:%SZ")) <= time.time()
    assert "already" in statim("revoke", folder, "0A", "--reason", "superseded").stdout
    assert shown(folder, "0A") == first
    statim("revoke", folder, "0A", "--reason", "keyCompromise", "--at", "2026-01-01T00:00:00Z")
    assert shown(folder, "0A")["reason"] == "keyCompromise"
    assert shown(folder, "0A")["revoked at"] == "2026-01-01T00:00:00Z"
    import_text(folder, "0A,good,,,2030-01-01\n")
    assert shown(folder, "0A")["status"] == "revoked"


def test_kill_during_import_takes_nothing(folder):
    import_text(folder, "0A,good,,,2030-01-01\n")
    child = subprocess.Popen([STATIM, "import", str(folder), "-"], stdin=subprocess.PIPE)
    rows = "".join(f"{i:08X},good,,,2030-01-01\n" for i in range(1 << 28, (1 << 28) + 1100000))
    child.stdin.write(rows.encode())
    child.stdin.flush()  # some runs are in the temporary file; nothing is stored before the end
    child.kill()
    child.wait()
    child.stdin.close()
    assert shown(folder)["sequence"] == "1"
    import_text(folder, "0B,good,,,2030-01-01\n")
    assert shown(folder)["sequence"] == "2"


def test_responder(folder):
    statim("responder", folder, "--days", "30")
    responder = certificate(folder / "responder-ca.pem")
    run("openssl", "verify", "-CAfile", folder / "ca.pem", folder / "responder-ca.pem")
    usage = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    responder.extensions.get_extension_for_class(x509.OCSPNoCheck)
    assert stat.S_IMODE((folder / "responder-ca-key.pem").stat().st_mode) == 0o600
    config = (folder / "presigner.yaml").read_text()
    assert "responder_certificate: 'responder-ca.pem'" in config
    key = (folder / "responder-ca-key.pem").read_bytes()

    statim("responder", folder, "--days", "60")
    renewed = certificate(folder / "responder-ca.pem")
    assert renewed.serial_number != responder.serial_number
    assert renewed.public_key().public_numbers() == responder.public_key().public_numbers()
    assert (folder / "responder-ca-key.pem").read_bytes() == key
    assert (folder / "presigner.yaml").read_text() == config


def test_a_responder_of_a_ca_with_an_owner(tmp_path):
    """Country and organization are the CA's (BR 7.1.2.10.2); its keyUsage is looked at when it signs itself."""
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
        tmp_path / "ca.key", "-out", tmp_path / "ca.pem", "-subj", "/C=GB/ST=Kent/O=Example Ltd/CN=Example CA",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    folder = tmp_path / "d"
    statim("init", folder, "--ca-cert", tmp_path / "ca.pem", "--ca-key", tmp_path / "ca.key")
    told = "is not for signing OCSP responses"
    assert told in run(PRESIGNER, folder / "presigner.yaml", "--once").stderr
    statim("responder", folder)
    assert told not in run(PRESIGNER, folder / "presigner.yaml", "--once").stderr
    name = certificate(folder / "responder-ca.pem").subject.rfc4514_string()
    assert name == "CN=OCSP Responder,O=Example Ltd,C=GB"


def test_check(folder):
    """The programs say whether a configuration is good, and touch nothing."""
    config = folder / "presigner.yaml"
    assert run(PRESIGNER, config, "--check").stdout == f"{config}: ok\n"
    for words in (("--check", folder / "edge.yaml"), (folder / "edge.yaml", "--check")):
        assert run(EDGE, *words).stdout == f"{folder}/edge.yaml: ok\n"
    edge = folder / "edge.yaml"
    text = edge.read_text()
    for changed, why in ((text.replace("- ca.pem", "- none.pem"), "none.pem: not found"),
                         (text.replace("- ca.pem", "- ca-key.pem"), "ca-key.pem"),
                         (text + "user: no-such-user\n", "no user no-such-user")):
        edge.write_text(changed)
        done = run(EDGE, "--check", edge, check=False)
        assert done.returncode == 1 and done.stdout == "" and why in done.stderr
    other = folder / "other"
    statim("init", other)
    for name in ("ca-key.pem", "publish-key.pem", "ca.pem"):
        text = config.read_text()
        config.write_text(text.replace(name, f"other/{name}" if name != "publish-key.pem" else "ca-key.pem"))
        done = run(PRESIGNER, config, "--check", check=False)
        assert done.returncode == 1 and done.stdout == "" and " error " in done.stderr, name
        config.write_text(text)
    assert not list((folder / "presigner").iterdir()) and not list((folder / "pub").iterdir())


@pytest.mark.parametrize("validity, refresh, latest", [
    (604800, 345600, None), (604800, 345601, 345600), (172800, 144000, None), (172800, 144001, 144000),
    (57600, 28800, None), (57600, 28801, 28800), (40000, 20000, None), (40000, 20001, 20000)])
def test_late_statements_are_warned_of(folder, validity, refresh, latest):
    """BR 4.9.10: 8 hours before the end and after 4 days at most, of less than 16 hours after the half."""
    config = folder / "presigner.yaml"
    with open(config, "a", encoding="utf-8") as file:
        file.write(f"    validity_s: {validity}\n    refresh_s: {refresh}\n")
    said = run(PRESIGNER, config, "--check").stderr
    assert (f"after at most {latest}" in said) if latest else "BR 4.9.10" not in said


def test_responder_prints_what_it_cannot_write(folder):
    path = folder / "presigner.yaml"
    text = path.read_text()
    path.write_text(text.split("issuers:")[0] +
                    "issuers: [{name: ca, ca_certificate: ca.pem, key: {file: ca-key.pem}}]\n")
    done = statim("responder", folder)
    assert "now add to issuer ca" in done.stdout
    assert "responder_certificate: 'responder-ca.pem'" in done.stdout


def test_several_issuers(folder):
    """Each has its own certificates; the verbs ask which."""
    path = folder / "presigner.yaml"
    other = folder / "other"
    run(STATIM, "init", other)
    with open(path, "a", encoding="utf-8") as file:
        file.write("  - name: other\n    ca_certificate: other/ca.pem\n"
                   "    key: {file: other/ca-key.pem}\n")
    (folder / "list").write_text("0A,good,,,2030-01-01\n")
    assert "--issuer NAME" in statim("import", folder, folder / "list", check=False).stderr
    statim("import", folder, folder / "list", "--issuer", "other")
    assert shown(folder, "--issuer", "ca")["issuer"] == "ca: 0 good, 0 revoked"
    assert shown(folder, "--issuer", "other")["issuer"] == "other: 1 good, 0 revoked"
