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
import subprocess
import termios
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from site_under_test import IS_SANITIZED, STATIM, Site, run, wait_for

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
ROOT_NAME = "C=GB,O=Example\\, Ltd,CN=Example Root R1"
URLS = ("--crl-url", "http://crl.test/root.crl", "--ca-issuers-url", "http://ca.test/root.cer")


def ca(*words, check=True, **options):
    return run(STATIM, "ca", *words, check=check, **options)


class Ceremony:
    """Root, intermediate and responder, as files that went from machine to machine."""

    def __init__(self, folder, root_type="p384", intermediate_type="p256"):
        self.folder = folder
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text("correct horse battery\n")
        self.word = ("--passphrase-file", self.passphrase)
        self.root, self.inter, self.responder = folder / "root", folder / "inter", folder / "responder"
        ca("root", self.root, "--subject", ROOT_NAME, "--key-type", root_type, *self.word, "--out", folder / "root.pem")
        ca("intermediate", "csr", self.inter, "--subject", "C=GB,O=Example,CN=Example TLS I1", "--key-type",
           intermediate_type, *self.word, "--out", folder / "inter.csr")
        ca("intermediate", "sign", self.root, folder / "inter.csr", *URLS, "--sign-ocsp", *self.word, "--yes",
           "--out", folder / "inter.pem")
        ca("intermediate", "install", self.inter, folder / "inter.pem", "--issuer", folder / "root.pem", *self.word)
        ca("responder", "csr", self.responder, "--subject", "C=GB,O=Example,CN=Example OCSP 1", *self.word,
           "--out", folder / "responder.csr")
        ca("responder", "sign", self.inter, folder / "responder.csr", *self.word, "--yes", "--out",
           folder / "responder.pem")
        ca("responder", "install", self.responder, folder / "responder.pem", "--issuer", folder / "inter.pem",
           *self.word)

    def certificate(self, name):
        return x509.load_pem_x509_certificate((self.folder / f"{name}.pem").read_bytes())


@pytest.fixture(scope="module", params=[("p384", "p256"), ("rsa3072", "p384"), ("p256", "rsa3072")],
                ids=lambda types: "-".join(types))
def any_ceremony(request, tmp_path_factory):
    return Ceremony(tmp_path_factory.mktemp("ceremony"), *request.param)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return Ceremony(tmp_path_factory.mktemp("ceremony"))


@pytest.fixture()
def fresh(done, tmp_path):
    """A copy that a test may change."""
    for name in ("root", "inter", "responder"):
        shutil.copytree(done.folder / name, tmp_path / name)
    copy = Ceremony.__new__(Ceremony)
    copy.__dict__.update(done.__dict__)
    copy.root, copy.inter, copy.responder = (tmp_path / name for name in ("root", "inter", "responder"))
    return copy


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


def extension(certificate, oid):
    return certificate.extensions.get_extension_for_oid(oid)


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


# What is refused

def tree(folder):
    """Every file with its octets; the lock holds only a process number."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != "lock"}


def der(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    head = bytes([size]) if size < 128 else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes(
        (size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + head + body


NAME = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "GB"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "X"),
                  x509.NameAttribute(NameOID.COMMON_NAME, "Y")])
SHA256_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")


def csr(key, name=NAME, digest=hashes.SHA256(), extensions=()):
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    for value in extensions:
        builder = builder.add_extension(value, critical=False)
    return builder.sign(key, digest).public_bytes(serialization.Encoding.DER)


def csr_of_numbers(n, e=65537):
    """A request for a key that nobody has: it gets as far as the judge of keys."""
    spki = der(0x30, bytes.fromhex("300d06092a864886f70d0101010500"), der(0x03, b"\0" + der(0x30, *(
        der(2, v.to_bytes(v.bit_length() // 8 + 1, "big")) for v in (n, e)))))
    info = der(0x30, b"\x02\x01\x00", NAME.public_bytes(), spki, b"\xa0\x00")
    return der(0x30, info, SHA256_RSA, der(0x03, b"\0" + bytes(384)))


PRIMES = [p for p in range(2, 752) if all(p % d for d in range(2, int(p**0.5) + 1))]


def near_primes():
    """a (a + 2) without small factors: as the product of two primes that are neighbours."""
    a = 3 * 2**1534 + 1
    while any(a % p == 0 or (a + 2) % p == 0 for p in PRIMES):
        a += 2
    return a * (a + 2)


def roca():
    m = 1
    for p in PRIMES:
        if p <= 167:
            m *= p
    n = (3 * 2**3070 // m) * m + pow(65537, 12345, m)
    while n % 2 == 0 or any(n % p == 0 for p in PRIMES):
        n += m
    return n


def plain_odd():
    n = 3 * 2**3070 + 1
    while any(n % p == 0 for p in PRIMES):
        n += 2
    return n


def name(*attributes):
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


P256 = ec.generate_private_key(ec.SECP256R1())
GOOD = csr(P256)


def flipped():
    octets = bytearray(GOOD)
    octets[-1] ^= 1
    return bytes(octets)


def explicit():
    """The same curve by its parameters."""
    key = run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-param_enc", "explicit").stdout
    return run("openssl", "req", "-new", "-key", "/dev/stdin", "-subj", "/C=GB/O=Example/CN=Inter", input=key).stdout.encode()


BAD_REQUESTS = [
    ("rsa-1024", lambda: csr(rsa.generate_private_key(65537, 1024)), "RSA of 1024 bits"),
    ("rsa-2048", lambda: csr(rsa.generate_private_key(65537, 2048)), "RSA of 2048 bits"),
    ("rsa-e3", lambda: csr_of_numbers(plain_odd(), 3), "RSA exponent"),
    ("rsa-e-even", lambda: csr_of_numbers(plain_odd(), 65538), "RSA exponent"),
    ("rsa-e-huge", lambda: csr_of_numbers(plain_odd(), 2**257 + 1), "RSA exponent"),
    ("rsa-small-factor", lambda: csr_of_numbers(3 * 2**3070 + 751 - 3 * 2**3070 % 751), "factor below 752"),
    ("rsa-fermat", lambda: csr_of_numbers(near_primes()), "close to each other"),
    ("rsa-roca", lambda: csr_of_numbers(roca()), "ROCA"),
    ("rsa-nobody", lambda: csr_of_numbers(plain_odd()), "no proof of possession"),
    ("p521", lambda: csr(ec.generate_private_key(ec.SECP521R1())), "neither P-256 nor P-384"),
    ("p256-explicit", explicit, "BR 7.1.3.1"),
    ("k256", lambda: csr(ec.generate_private_key(ec.SECP256K1())), "neither P-256 nor P-384"),
    ("ed25519", lambda: csr(ed25519.Ed25519PrivateKey.generate(), digest=None), "neither RSA nor ECDSA"),
    ("wrong-signature", flipped, "no proof of possession"),
    ("other-key", lambda: GOOD.replace(P256.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint), ec.generate_private_key(
            ec.SECP256R1()).public_key().public_bytes(serialization.Encoding.X962,
                                                      serialization.PublicFormat.UncompressedPoint)),
     "no proof of possession"),
    ("sha1", lambda: csr(P256, digest=hashes.SHA1()), "not signed with SHA-256"),
    ("version", lambda: GOOD.replace(b"\x02\x01\x00", b"\x02\x01\x01", 1), "not version 1"),
    ("trailing", lambda: GOOD + b"\0", "not one certification request"),
    ("truncated", lambda: GOOD[:-1], "not one certification request"),
    ("empty", lambda: b"", "not one certification request"),
    ("pem-twice", lambda: 2 * x509.load_der_x509_csr(GOOD).public_bytes(serialization.Encoding.PEM),
     "not one certification request"),
    ("no-name", lambda: csr(P256, name()), "no C="),
    ("no-organization", lambda: csr(P256, name((NameOID.COUNTRY_NAME, "GB"), (NameOID.COMMON_NAME, "Y"))), "no O="),
    ("no-common-name", lambda: csr(P256, name((NameOID.COUNTRY_NAME, "GB"), (NameOID.ORGANIZATION_NAME, "X"))),
     "no CN="),
    ("two-common-names", lambda: csr(P256, name((NameOID.COUNTRY_NAME, "GB"), (NameOID.ORGANIZATION_NAME, "X"),
                                                (NameOID.COMMON_NAME, "Y"), (NameOID.COMMON_NAME, "Z"))),
     "CN: given twice"),
    ("unit", lambda: csr(P256, name((NameOID.COUNTRY_NAME, "GB"), (NameOID.ORGANIZATION_NAME, "X"),
                                    (NameOID.ORGANIZATIONAL_UNIT_NAME, "U"), (NameOID.COMMON_NAME, "Y"))),
     "none of C, ST, L, O, CN"),
    ("control-character", lambda: csr(P256, name((NameOID.COUNTRY_NAME, "GB"), (NameOID.ORGANIZATION_NAME, "X\x07"),
                                                 (NameOID.COMMON_NAME, "Y"))), "control character"),
    ("teletex", lambda: GOOD.replace(b"\x0c\x01Y", b"\x14\x01Y"), None),
]


@pytest.mark.parametrize("make, why", [row[1:] for row in BAD_REQUESTS], ids=[row[0] for row in BAD_REQUESTS])
def test_bad_requests(fresh, tmp_path, make, why):
    path, out = tmp_path / "bad.csr", tmp_path / "out.pem"
    path.write_bytes(make())
    before = tree(tmp_path)
    told = ca("intermediate", "sign", fresh.root, path, *URLS, *fresh.word, "--yes", "--out", out, check=False)
    refused(told, why or "no proof of possession")
    assert tree(tmp_path) == before


def refused(told, why):
    lines = told.stderr.splitlines()
    assert told.returncode == 1 and len(lines) >= 1, told.stdout + told.stderr
    assert lines[-1].startswith("statim ca: ") and why in lines[-1], told.stderr


BAD_OPTIONS = [
    ("--days", "0", "a number from 1"), ("--days", "+5", "a number from 1"), ("--days", "3654", "ten years"),
    ("--path-length", "11", "a number from 0 to 10"), ("--path-length", "-1", "a number from 0 to 10"),
    ("--policy", "2.23.x", "not an object identifier"), ("--crl-url", "https://crl.test/a", "not an http:// URL"),
    ("--crl-url", "http://crl.test/a b", "not an http:// URL"), ("--ocsp-url", "http://", "not an http:// URL"),
    ("--ca-issuers-url", "ldap://a", "not an http:// URL"), ("--subject", "C=GB", "no O="),
    ("--subject", "", "does not begin with"), ("--subject", "C=gb,O=X,CN=Y", "two capital letters"),
    ("--subject", "C=GB,O=X,CN=Y,CN=Z", "CN: given twice"), ("--subject", "C=GB,O=X,CN=Y,", "does not begin with"),
    ("--subject", "C=GB,O=X,CN=", "0 characters"), ("--subject", "C=GB,O=X,CN= Y", "a blank"),
    ("--subject", "C=GB,O=X,CN=" + "Y" * 65, "65 characters"), ("--subject", "C=GB,O=X,CN=Y\\", "backslash"),
    ("--subject", "C=GB,O=X,OU=U,CN=Y", "does not begin with"), ("--subject", "C=GB,O=X,CN=\udcff", "not UTF-8"),
    ("--subject", ROOT_NAME, "lint: subject_other"), ("--days", "3653", None),
    ("--passphrase-file", "/nonexistent", "no passphrase"), ("--blocked-keys", "/nonexistent", "not found"),
]


@pytest.mark.parametrize("option, value, why", BAD_OPTIONS)
def test_bad_options(fresh, tmp_path, option, value, why):
    path = tmp_path / "good.csr"
    path.write_bytes(GOOD)
    before = tree(tmp_path)
    arguments = [*URLS, *fresh.word, "--yes", option, value]
    told = ca("intermediate", "sign", fresh.root, path, *arguments, check=False)
    if why is None:
        assert told.returncode == 0
        return
    refused(told, why)
    assert tree(tmp_path) == before


def test_more_that_is_refused(fresh, tmp_path):
    good, wrong = tmp_path / "good.csr", tmp_path / "wrong"
    good.write_bytes(GOOD)
    wrong.write_text("another passphrase\n")
    blocked = tmp_path / "blocked"
    spki = P256.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    blocked.write_text("# seen in the wild\n" + hashlib.sha256(spki).hexdigest() + "\n")
    own = tmp_path / "own.csr"
    root_key = serialization.load_pem_private_key((fresh.root / "ca-key.pem").read_bytes(), b"correct horse battery")
    own.write_bytes(csr(root_key))
    before = tree(tmp_path)
    sign = ("intermediate", "sign", fresh.root, good, "--yes")
    word, serial = fresh.word, f"{fresh.certificate('inter').serial_number:X}"
    for why, words in [
            ("--crl-url: has to be given", (*sign, *word)),
            ("does not open, or is another", (*sign, *URLS, "--passphrase-file", wrong)),
            ("in the list of blocked keys", (*sign, *URLS, *word, "--blocked-keys", blocked)),
            ("the CA's own", ("intermediate", "sign", fresh.root, own, *URLS, *word, "--yes")),
            ("exists already", (*sign, *URLS, *word, "--out", fresh.passphrase)),
            ("no folder to write to", (*sign, *URLS, *word, "--out", tmp_path / "no" / "file")),
            ("given twice", (*sign, *URLS, *word, "--policy", "2.23.140.1.2.1", "--policy", "2.23.140.1.2.1")),
            ("the CA's own is 0", ("intermediate", "sign", fresh.inter, good, *URLS, *word, "--yes")),
            ("no CA: it has no certificate", ("intermediate", "sign", fresh.responder, good, *URLS, *word, "--yes")),
            ("no such folder", ("intermediate", "sign", tmp_path / "none", good, *URLS, *word, "--yes")),
            ("not found", ("intermediate", "sign", fresh.root, tmp_path / "none", *URLS, *word, "--yes")),
            ("a responder has no", ("responder", "sign", fresh.inter, good, *URLS, *word, "--yes")),
            ("a responder has 1 to 397", ("responder", "sign", fresh.inter, good, *word, "--days", "398", "--yes")),
            ("a root has 2922 to 9132", ("root", tmp_path / "r", "--subject", ROOT_NAME, *word, "--days", "2921")),
            ("a root has 2922 to 9132", ("root", tmp_path / "r", "--subject", ROOT_NAME, *word, "--days", "9133")),
            ("--subject: has to be given", ("root", tmp_path / "r", *word)),
            ("one of p256", ("root", tmp_path / "r", "--subject", ROOT_NAME, *word, "--key-type", "rsa2048")),
            ("has a key or a CA already", ("root", fresh.root, "--subject", ROOT_NAME, *word)),
            ("names a key that exists", ("root", tmp_path / "r", "--subject", ROOT_NAME, *word, "--key", wrong,
                                         "--key-type", "p256")),
            ("no private key in PEM", ("root", tmp_path / "r", "--subject", ROOT_NAME, *word, "--key", wrong)),
            ("not a pkcs11: URI", ("root", tmp_path / "r", "--subject", ROOT_NAME, "--key", "pkcs11:object=x")),
            ("--issuer", ("intermediate", "install", fresh.inter, fresh.folder / "inter.pem", *word)),
            ("exists already", ("intermediate", "install", fresh.inter, fresh.folder / "inter.pem", "--issuer",
                                fresh.folder / "root.pem", *word)),
            ("chain does not verify", ("responder", "install", fresh.responder, fresh.folder / "responder.pem",
                                       "--issuer", fresh.folder / "root.pem", *word)),
            ("is another", ("intermediate", "install", fresh.root, fresh.folder / "inter.pem", "--issuer",
                            fresh.folder / "root.pem", *word)),
            ("lint: ", ("responder", "install", fresh.responder, fresh.folder / "inter.pem", "--issuer",
                        fresh.folder / "root.pem", *word)),
            ("--reason (none)", ("crl", fresh.root, *word, "--revoke", serial)),
            ("--reason certificateHold: not for", ("crl", fresh.root, *word, "--revoke", serial, "--reason",
                                                   "certificateHold")),
            ("--reason cACompromise: not for", ("crl", fresh.root, *word, "--revoke", serial, "--reason",
                                                "cACompromise")),
            ("not issued here", ("crl", fresh.root, *word, "--revoke", "1234", "--reason", "superseded")),
            ("not a serial", ("crl", fresh.root, *word, "--revoke", "../ca", "--reason", "superseded")),
            ("a number from 1 to 365", ("crl", fresh.root, *word, "--days", "366"))]:
        refused(ca(*words, check=False), why)
        assert tree(tmp_path) == before, words


def test_a_short_passphrase(tmp_path):
    (tmp_path / "short").write_text("1234567\n")
    told = ca("root", tmp_path / "r", "--subject", ROOT_NAME, "--passphrase-file", tmp_path / "short", check=False)
    refused(told, "shorter than 8")
    assert not (tmp_path / "r").exists()


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
