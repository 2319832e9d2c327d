# SPDX-License-Identifier: Apache-2.0
"""CertificateLists octet by octet, so that each rule can be broken by itself. Written from RFC 5280 5.1; shares nothing
with the C code."""

import datetime
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

HOUR_S, DAY_S = 3600, 86400
SEQUENCE, INTEGER, BITS, OCTETS, OID, ENUMERATED, UTC, GENERALIZED = 0x30, 2, 3, 4, 6, 10, 0x17, 0x18


def tlv(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    length = bytes([size]) if size < 128 else (lambda octets: bytes([0x80 | len(octets)]) + octets)(
        size.to_bytes((size.bit_length() + 7) // 8, "big"))
    return bytes([tag]) + length + body


def integer(value):
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def utc(time_s):
    return tlv(UTC, time.strftime("%y%m%d%H%M%SZ", time.gmtime(time_s)).encode())


def generalized(time_s):
    return tlv(GENERALIZED, time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time_s)).encode())


def extension(number, value, critical=False):
    return tlv(SEQUENCE, tlv(OID, bytes([0x55, 0x1d, number])), tlv(1, b"\xff") if critical else b"",
               tlv(OCTETS, value))


def key_id(octets, more=b""):
    return extension(35, tlv(SEQUENCE, tlv(0x80, octets), more))


def number(value, critical=False):
    return extension(20, integer(value), critical)


def distribution_point(*urls, critical=True, scope=b"\x81\x01\xff", more=b""):
    names = tlv(0xa0, *(tlv(0x86, url.encode()) for url in urls))
    return extension(28, tlv(SEQUENCE, tlv(0xa0, names), scope, more), critical)


def reason(value, critical=False):
    return extension(21, tlv(ENUMERATED, bytes([value])), critical)


def entry(serial, *extensions, when=None):
    when = utc(time.time() - 2 * DAY_S) if when is None else when
    return tlv(SEQUENCE, integer(serial), when, tlv(SEQUENCE, *extensions) if extensions else b"")


# AlgorithmIdentifiers, with how each signs.
RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
RSA_SHA1 = bytes.fromhex("300d06092a864886f70d0101050500")
RSA_PSS = bytes.fromhex("304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108"
                        "300d06096086480165030402010500a203020120")
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
ECDSA_SHA384 = bytes.fromhex("300a06082a8648ce3d040303")
ED25519 = bytes.fromhex("300506032b6570")
SIGN = {
    RSA_SHA256: lambda key, data: key.sign(data, padding.PKCS1v15(), hashes.SHA256()),
    RSA_SHA1: lambda key, data: key.sign(data, padding.PKCS1v15(), hashes.SHA1()),
    RSA_PSS: lambda key, data: key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()),
    ECDSA_SHA256: lambda key, data: key.sign(data, ec.ECDSA(hashes.SHA256())),
    ECDSA_SHA384: lambda key, data: key.sign(data, ec.ECDSA(hashes.SHA384())),
    ED25519: lambda key, data: key.sign(data),
}


class Ca:
    """A CA of somebody else."""

    def __init__(self, algorithm=ECDSA_SHA256):
        self.algorithm = algorithm
        self.key = {ECDSA_SHA256: lambda: ec.generate_private_key(ec.SECP256R1()),
                    ECDSA_SHA384: lambda: ec.generate_private_key(ec.SECP384R1()),
                    ED25519: ed25519.Ed25519PrivateKey.generate}.get(
                        algorithm, lambda: rsa.generate_private_key(65537, 2048))()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Foreign CA")])
        now = datetime.datetime.utcnow()
        public = self.key.public_key()
        self.certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(public).serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=9)).not_valid_after(now + datetime.timedelta(days=99))
            .add_extension(x509.BasicConstraints(True, None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
            .sign(self.key, None if algorithm == ED25519 else hashes.SHA256()))
        self.name = name.public_bytes()
        self.key_id = x509.SubjectKeyIdentifier.from_public_key(public).digest

    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def crl(self, *, url=None, version=integer(1), issuer=None, this=None, until=None, entries=(), extensions=None,
            inner=None, flip=False, algorithm=None):
        """A CRL that keeps all rules, but for what is said."""
        algorithm = algorithm or self.algorithm
        now = time.time()
        if extensions is None:
            extensions = (key_id(self.key_id), number(7)) + ((distribution_point(url),) if url else ())
        tbs = tlv(SEQUENCE, version, inner or algorithm, self.name if issuer is None else issuer,
                  utc(now - HOUR_S) if this is None else this, utc(now + 6 * DAY_S) if until is None else until,
                  b"" if not entries else entries if isinstance(entries, bytes) else tlv(SEQUENCE, *entries),
                  tlv(0xa0, tlv(SEQUENCE, *extensions)) if extensions else b"")
        signature = bytearray(SIGN[algorithm](self.key, tbs))
        signature[-1] ^= flip
        return tlv(SEQUENCE, tbs, algorithm, tlv(BITS, b"\0", bytes(signature)))
