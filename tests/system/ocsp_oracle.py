# SPDX-License-Identifier: Apache-2.0
"""An independent judge of OCSP answers: python3-cryptography and http.client, nothing of ours."""

import base64
import datetime
import http.client
import urllib.parse

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509 import ocsp


HASHES = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}


class Refused(Exception):
    """The answer is not one to rely on."""


def load(path):
    with open(path, "rb") as file:
        return x509.load_pem_x509_certificate(file.read())


def request_der(certificate, issuer, algorithm=None):
    builder = ocsp.OCSPRequestBuilder()
    builder = builder.add_certificate(certificate, issuer, algorithm or hashes.SHA256())
    return builder.build().public_bytes(serialization.Encoding.DER)


def exchange(port, der, method="GET", encoded=True, fields=None):
    """One HTTP exchange; (status, fields, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        if method == "POST":
            connection.request("POST", "/", der,
                               {"Content-Type": "application/ocsp-request", **(fields or {})})
        else:
            text = base64.b64encode(der).decode()
            path = "/" + (urllib.parse.quote(text, safe="") if encoded else text)
            connection.request(method, path, headers=fields or {})
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    finally:
        connection.close()


def verify_signature(key, response):
    algorithm = response.signature_hash_algorithm
    tbs, signature = response.tbs_response_bytes, response.signature
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, tbs, ec.ECDSA(algorithm))
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, tbs, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, tbs)
    else:
        raise Refused("a key of an unknown kind")


def signer_of(issuer, response):
    """The issuer's key, or that of a delegate whose certificate the issuer signed for OCSP."""
    if not response.certificates:
        return issuer.public_key()
    delegate = response.certificates[0]
    usage = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if x509.oid.ExtendedKeyUsageOID.OCSP_SIGNING not in usage:
        raise Refused("the delegate may not sign OCSP")
    delegate.extensions.get_extension_for_class(x509.OCSPNoCheck)
    key = issuer.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(delegate.signature, delegate.tbs_certificate_bytes,
                   ec.ECDSA(delegate.signature_hash_algorithm))
    else:
        key.verify(delegate.signature, delegate.tbs_certificate_bytes, padding.PKCS1v15(),
                   delegate.signature_hash_algorithm)
    return delegate.public_key()


def update_times(single):
    """thisUpdate and nextUpdate with their zone; older releases of the library leave it out."""
    if hasattr(single, "this_update_utc"):
        return single.this_update_utc, single.next_update_utc
    utc = datetime.timezone.utc
    return single.this_update.replace(tzinfo=utc), single.next_update.replace(tzinfo=utc)


def times_of(body):
    """thisUpdate and the earliest nextUpdate of a successful response."""
    times = [update_times(single) for single in ocsp.load_der_ocsp_response(body).responses]
    return max(this for this, _ in times), min(end for _, end in times)


def judge(body, issuer, serial, asked_at=None):
    """The (status, reason) of a body that is a verified, current statement about the serial, whichever
    of its SingleResponses says so; Refused otherwise."""
    try:
        response = ocsp.load_der_ocsp_response(body)
    except ValueError as error:
        raise Refused(f"not an OCSPResponse: {error}") from None
    if response.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise Refused(response.response_status.name)
    try:
        verify_signature(signer_of(issuer, response), response)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, x509.ExtensionNotFound) as error:
        raise Refused(f"signature: {error!r}") from None
    now = datetime.datetime.now(datetime.timezone.utc)
    asked_at = asked_at or now  # what was current when asked may be over by the time it is judged
    found = None
    for single in response.responses:
        if single.serial_number != serial:
            raise Refused("another serial")
        this_update, next_update = update_times(single)
        if not this_update <= now or not asked_at < next_update:
            raise Refused("not current")
        verdict = (single.certificate_status.name,
                   single.revocation_reason.name if single.revocation_reason else None)
        if found not in (None, verdict):
            raise Refused("its SingleResponses differ")
        found = verdict
    return found


def ask(port, certificate_path, issuer_path, **how):
    """Asks and judges; raises Refused or OSError when there is nothing to rely on."""
    certificate, issuer = load(certificate_path), load(issuer_path)
    algorithm = how.pop("algorithm", None)
    der_octets = request_der(certificate, issuer, algorithm)
    asked_at = datetime.datetime.now(datetime.timezone.utc)
    status, _, body = exchange(port, der_octets, **how)
    if status != 200:
        raise Refused(f"HTTP {status}")
    return judge(body, issuer, certificate.serial_number, asked_at)


def request_for_serial(issuer, serial, algorithm=None):
    """A request for a serial without a certificate."""
    algorithm = algorithm or hashes.SHA256()
    name, key = hashes.Hash(algorithm), hashes.Hash(algorithm)
    name.update(issuer.subject.public_bytes())
    # The hash is over the content of the BIT STRING, not over the SubjectPublicKeyInfo.
    public = issuer.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        bits = public.public_bytes(serialization.Encoding.X962,
                                   serialization.PublicFormat.UncompressedPoint)
    else:
        bits = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    key.update(bits)
    oid = {"sha1": "06052b0e03021a", "sha256": "0609608648016503040201"}[algorithm.name]
    number = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
    cert_id = der(0x30, der(0x30, bytes.fromhex(oid) + b"\x05\x00"), der(0x04, name.finalize()),
                  der(0x04, key.finalize()), der(0x02, number))
    # OCSPRequest { TBSRequest { requestList { Request { CertID } } } }
    return der(0x30, der(0x30, der(0x30, der(0x30, cert_id))))


def der(tag, *contents):
    """One DER element; long enough for what is made here."""
    content = b"".join(contents)
    size = bytes([len(content)]) if len(content) < 128 else bytes([0x81, len(content)])
    return bytes([tag]) + size + content
