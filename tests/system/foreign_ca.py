# SPDX-License-Identifier: Apache-2.0
"""A CA that is not ours: made and run by `openssl ca`, with its own index.txt."""

from site_under_test import run

CONFIGURATION = """
[ca]
default_ca = foreign
[foreign]
dir = {dir}
database = $dir/index.txt
serial = $dir/serial
rand_serial = yes
new_certs_dir = $dir/certs
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_days = 60
policy = anything
unique_subject = no
[anything]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign,digitalSignature
subjectKeyIdentifier = hash
[responder]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = OCSPSigning
1.3.6.1.5.5.7.48.1.5 = ASN1:NULL
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[end_entity]
basicConstraints = CA:FALSE
"""

KEYS = {
    "p256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "rsa2048": ["-newkey", "rsa:2048"],
    "ed25519": ["-newkey", "ed25519"],
}


class ForeignCa:
    """`openssl ca` in a folder: issues, revokes, keeps index.txt."""

    def __init__(self, folder, key):
        self.dir = folder
        self.key_kind = key
        (folder / "certs").mkdir(parents=True)
        (folder / "index.txt").touch()
        self.config = folder / "openssl.cnf"
        self.config.write_text(CONFIGURATION.format(dir=folder))
        run("openssl", "req", "-x509", *KEYS[key], "-nodes", "-keyout", folder / "ca.key", "-subj",
            f"/CN=Foreign {key}", "-days", "365", "-config", self.config, "-extensions", "authority",
            "-out", folder / "ca.pem")

    @property
    def certificate(self):
        return self.dir / "ca.pem"

    @property
    def key(self):
        return self.dir / "ca.key"

    def issue(self, name, extensions="end_entity", key="p256"):
        run("openssl", "req", "-new", *KEYS[key], "-nodes", "-keyout", self.dir / f"{name}.key", "-subj",
            f"/CN={name}", "-config", self.config, "-out", self.dir / f"{name}.csr")
        run("openssl", "ca", "-batch", "-notext", "-config", self.config, "-extensions", extensions,
            "-in", self.dir / f"{name}.csr", "-out", self.dir / f"{name}.pem")
        return self.dir / f"{name}.pem"

    def revoke(self, certificate, reason="superseded"):
        run("openssl", "ca", "-config", self.config, "-revoke", certificate, "-crl_reason", reason)
