# SPDX-License-Identifier: Apache-2.0
"""A ceremony of statim ca, as files in one folder: what its tests share."""

import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from site_under_test import STATIM, run

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


def extension(certificate, oid):
    return certificate.extensions.get_extension_for_oid(oid)


def tree(folder):
    """Every file with its octets; the lock holds only a process number."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != "lock"}


def refused(told, why):
    lines = told.stderr.splitlines()
    assert told.returncode == 1 and len(lines) >= 1, told.stdout + told.stderr
    assert lines[-1].startswith("statim ca: ") and why in lines[-1], told.stderr


NAME = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "GB"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "X"),
                  x509.NameAttribute(NameOID.COMMON_NAME, "Y")])


def csr(key, name=NAME, digest=hashes.SHA256(), extensions=()):
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    for value in extensions:
        builder = builder.add_extension(value, critical=False)
    return builder.sign(key, digest).public_bytes(serialization.Encoding.DER)


P256 = ec.generate_private_key(ec.SECP256R1())
GOOD = csr(P256)
