# SPDX-License-Identifier: Apache-2.0
"""statim ca: requests, options and folders that are refused, each in one line and without a trace."""

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from ca_world import GOOD, NAME, P256, ROOT_NAME, URLS, ca, csr, refused, tree
from ca_world import done, fresh  # pylint: disable=unused-import
from site_under_test import run

SHA256_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")


def der(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    head = bytes([size]) if size < 128 else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes(
        (size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + head + body


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
