# SPDX-License-Identifier: Apache-2.0
"""Leaves of all kinds and keys, judged by other people's programs: OpenSSL, GnuTLS, NSS, python3-cryptography. Each
is asked again about the same certificate with one bit of it turned over, and has to say no: in what was signed and in
the signature."""

import base64
import re
import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, ExtensionOID, NameOID

from site_under_test import BUILD, STATIM, run

LEAF_MAKE = BUILD / "tests" / "leaf-make"
HOST = "www.example.com"
KEYS = {"rsa": lambda: rsa.generate_private_key(65537, 2048), "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()), "ed25519": ed25519.Ed25519PrivateKey.generate}
CAS = ("p256", "p384", "rsa3072", "p256")
KINDS = ("dv", "ov", "ev", "short")
POLICIES = {"dv": "2.23.140.1.2.1", "short": "2.23.140.1.2.1", "ov": "2.23.140.1.2.2", "ev": "2.23.140.1.1"}


class Chain:
    """A root, an intermediate, and a leaf of each kind for each key."""

    def __init__(self, folder, ca_type):
        self.folder, self.root, self.inter = folder, folder / "root.pem", folder / "inter.pem"
        (folder / "passphrase").write_text("correct horse battery\n")
        word = ("--passphrase-file", folder / "passphrase")
        run(STATIM, "ca", "root", folder / "root", "--subject", "C=GB,O=Example,CN=Root", "--key-type", "p256", *word,
            "--out", self.root)
        run(STATIM, "ca", "intermediate", "csr", folder / "inter", "--subject", "C=GB,O=Example,CN=Inter",
            "--key-type", ca_type, *word, "--out", folder / "inter.csr")
        run(STATIM, "ca", "intermediate", "sign", folder / "root", folder / "inter.csr", "--crl-url",
            "http://crl.test/root.crl", "--ca-issuers-url", "http://ca.test/root.cer", *word, "--yes", "--out", self.inter)
        run(STATIM, "ca", "intermediate", "install", folder / "inter", self.inter, "--issuer", self.root, *word)
        self.base = folder / "nss"
        self.base.mkdir()
        run("certutil", "-N", "-d", f"sql:{self.base}", "--empty-password")
        run("certutil", "-A", "-d", f"sql:{self.base}", "-n", "root", "-t", "CT,,", "-a", "-i", self.root)
        run("certutil", "-A", "-d", f"sql:{self.base}", "-n", "inter", "-t", ",,", "-a", "-i", self.inter)

    def leaf(self, kind, key_type):
        key, path = KEYS[key_type](), self.folder / f"{kind}-{key_type}"
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(
            x509.SubjectAlternativeName([x509.DNSName(HOST), x509.DNSName("xn--mnchen-3ya.de")]), critical=False)
        digest = None if key_type == "ed25519" else hashes.SHA256()
        path.with_suffix(".csr").write_bytes(request.sign(key, digest).public_bytes(serialization.Encoding.PEM))
        made = run(LEAF_MAKE, self.inter, self.folder / "inter" / "ca-key.pem", self.folder / "passphrase",
                   path.with_suffix(".csr"), kind, *(["named"] if key_type == "rsa" else []))
        path.with_suffix(".pem").write_text(made.stdout)
        return path.with_suffix(".pem"), key


@pytest.fixture(scope="module", params=range(4), ids=lambda i: f"{KINDS[i]}-of-{CAS[i]}")
def leaves(request, tmp_path_factory):
    """(chain, kind, {key type: (path, key)})"""
    for program in ("certtool", "certutil", "vfychain"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    chain, kind = Chain(tmp_path_factory.mktemp("chain"), CAS[request.param]), KINDS[request.param]
    return chain, kind, {key_type: chain.leaf(kind, key_type) for key_type in KEYS}


def openssl_says(chain, path):
    told = run("openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", HOST, "-CAfile",
               chain.root, "-untrusted", chain.inter, path, check=False)
    return told.returncode == 0


def gnutls_says(chain, path):
    both = path.with_suffix(".chain")
    both.write_text(path.read_text() + chain.inter.read_text())
    told = run("certtool", "--verify", "--verify-hostname", HOST, "--verify-purpose", "1.3.6.1.5.5.7.3.1",
               "--load-ca-certificate", chain.root, "--infile", both, check=False)
    return told.returncode == 0 and "Chain verification output: Verified" in told.stdout


def nss_says(chain, path):
    told = run("vfychain", "-d", f"sql:{chain.base}", "-pp", "-u", "1", "-a", path, chain.inter, check=False)
    return told.returncode == 0 and "Chain is good!" in told.stdout + told.stderr


def cryptography_says(chain, path):
    inter = x509.load_pem_x509_certificate(chain.inter.read_bytes())
    try:
        leaf = x509.load_pem_x509_certificate(path.read_bytes())
        hash_algorithm = leaf.signature_hash_algorithm
        if isinstance(inter.public_key(), rsa.RSAPublicKey):
            inter.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, padding.PKCS1v15(), hash_algorithm)
        else:
            inter.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(hash_algorithm))
        names = leaf.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
        return leaf.issuer == inter.subject and HOST in names.get_values_for_type(x509.DNSName)
    except (InvalidSignature, ValueError, x509.ExtensionNotFound):
        return False


ORACLES = {"openssl": openssl_says, "gnutls": gnutls_says, "nss": nss_says, "cryptography": cryptography_says}


def turned(path, where):
    """The certificate with one bit turned over, in a file of its own."""
    der = bytearray(base64.b64decode(re.sub("-----.*?-----|\\s", "", path.read_text())))
    # In the name of the host (m becomes l), or in the signature's last octet.
    at = der.index(HOST.encode()) + len(HOST) - 1 if where == "names" else len(der) - 1
    der[at] ^= 1
    other = path.with_name(f"{path.stem}-{where}.pem")
    body = "\n".join(re.findall(".{1,64}", base64.b64encode(der).decode()))
    other.write_text(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    return other


# NSS 3.87 knows no Ed25519 in certificates.
ASKED = [(oracle, key_type) for oracle in ORACLES for key_type in KEYS if (oracle, key_type) != ("nss", "ed25519")]


@pytest.mark.parametrize("oracle,key_type", ASKED)
def test_an_oracle_agrees_and_can_disagree(leaves, oracle, key_type):
    chain, kind, made = leaves
    path = made[key_type][0]
    assert ORACLES[oracle](chain, path), f"{kind}: {oracle} says no"
    for where in ("names", "signature"):
        assert not ORACLES[oracle](chain, turned(path, where)), f"{oracle} says yes to another {where}"


@pytest.mark.parametrize("key_type", KEYS)
def test_what_is_in_them(leaves, key_type):
    chain, kind, made = leaves
    path, key = made[key_type]
    leaf = x509.load_pem_x509_certificate(path.read_bytes())
    found = {e.oid: e for e in leaf.extensions}
    der = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert leaf.public_key().public_bytes(*der) == key.public_key().public_bytes(*der)
    assert 2**152 <= leaf.serial_number < 2**159
    days = 6 if kind == "short" else 90
    assert round((leaf.not_valid_after - leaf.not_valid_before).total_seconds()) + 1 == days * 86400
    usage, named = found[ExtensionOID.KEY_USAGE], key_type == "rsa"
    assert usage.critical and usage.value.digital_signature and usage.value.key_encipherment == named
    assert list(found[ExtensionOID.EXTENDED_KEY_USAGE].value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert [p.policy_identifier.dotted_string for p in found[ExtensionOID.CERTIFICATE_POLICIES].value] == [POLICIES[kind]]
    names = found[ExtensionOID.SUBJECT_ALTERNATIVE_NAME]
    assert names.value.get_values_for_type(x509.DNSName) == [HOST, "xn--mnchen-3ya.de"]
    assert names.critical == (len(list(leaf.subject)) == 0)
    assert not found[ExtensionOID.BASIC_CONSTRAINTS].value.ca
    inter = x509.load_pem_x509_certificate(chain.inter.read_bytes())
    own_id = inter.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_KEY_IDENTIFIER).value.digest
    assert found[ExtensionOID.AUTHORITY_KEY_IDENTIFIER].value.key_identifier == own_id
    access = {d.access_method: d.access_location.value for d in found[ExtensionOID.AUTHORITY_INFORMATION_ACCESS].value}
    assert access[AuthorityInformationAccessOID.CA_ISSUERS] == "http://ca.test/inter.cer"
    assert (AuthorityInformationAccessOID.OCSP in access) == (kind != "short")
    assert (ExtensionOID.CRL_DISTRIBUTION_POINTS in found) == (kind != "short")
    if kind != "short":
        point = found[ExtensionOID.CRL_DISTRIBUTION_POINTS].value[0]
        assert [n.value for n in point.full_name] == ["http://crl.test/1/7.crl"]
        assert point.reasons is None and point.crl_issuer is None
    assert (ExtensionOID.SUBJECT_KEY_IDENTIFIER in found) == named
    wanted = {"dv": [], "short": [], "ov": ["GB", "Avon", "Bath", "Bän & Söhne, Ltd"]}
    wanted["ev"] = wanted["ov"] + ["Private Organization", "GB", "01234567"]
    assert [a.value for a in leaf.subject] == wanted[kind] + ([HOST] if named else [])


def test_nothing_is_issued_against_the_rules(leaves):
    """The fixture's own refusals, so that the certificates above are no accident of a linter that is not asked."""
    chain, kind, made = leaves
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other.example.com")])).add_extension(
            x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
    path = chain.folder / f"bad-{kind}.csr"
    path.write_bytes(request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    told = subprocess.run([str(LEAF_MAKE), str(chain.inter), str(chain.folder / "inter" / "ca-key.pem"),
                           str(chain.folder / "passphrase"), str(path), kind], capture_output=True, text=True, check=False)
    assert told.returncode == 1 and "csr-common-name-other" in told.stderr
