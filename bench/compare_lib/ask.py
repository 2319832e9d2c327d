# SPDX-License-Identifier: Apache-2.0
"""OCSP requests as octets: DER, HTTP, and which certificates are asked for."""

import base64
import bisect
import itertools
import random
import re
import urllib.parse
from dataclasses import dataclass

from .process import run

SHA1_ALGORITHM = bytes.fromhex("300906052b0e03021a0500")


@dataclass(frozen=True)
class Issuer:
    """The SHA-1 hashes that a CertID names it by."""
    name_hash: bytes
    key_hash: bytes


def issuer_of(certificate):
    """Read from a request that openssl makes: it hashes so that we need not parse certificates."""
    text = run("openssl", "ocsp", "-issuer", certificate, "-serial", "1", "-no_nonce", "-req_text")
    name, key = (re.search(rf"Issuer {part} Hash: ([0-9A-F]{{40}})", text)[1] for part in ("Name", "Key"))
    return Issuer(bytes.fromhex(name), bytes.fromhex(key))


def tlv(tag, content):
    """DER of up to 255 octets of content."""
    size = bytes([len(content)]) if len(content) < 128 else bytes([0x81, len(content)])
    return bytes([tag]) + size + content


def request_der(issuer, serial):
    """An OCSPRequest for one certificate; `serial` in hex, positive."""
    number = bytes.fromhex(serial)
    if number[0] & 0x80:
        number = b"\0" + number
    cert_id = tlv(0x30, SHA1_ALGORITHM + tlv(4, issuer.name_hash) + tlv(4, issuer.key_hash) + tlv(2, number))
    return tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, cert_id))))


def get_target(der):
    """As a client sends it: base64, with what is special in a path escaped."""
    return "/" + urllib.parse.quote(base64.b64encode(der).decode(), safe="")


def static_name(der):
    """What the target names after a server has decoded it."""
    return base64.b64encode(der).decode()


def http_request(der, port, method, close=False):
    ending = f"Host: 127.0.0.1:{port}\r\n" + ("Connection: close\r\n" if close else "")
    if method == "get":
        return f"GET {get_target(der)} HTTP/1.1\r\n{ending}\r\n".encode()
    head = (f"POST / HTTP/1.1\r\n{ending}Content-Type: application/ocsp-request\r\n"
            f"Content-Length: {len(der)}\r\n\r\n")
    return head.encode() + der


def draws(count, of, zipf, seed=1):
    """Which of `of` certificates are asked for, in their order: uniform, or 1 / rank ** zipf."""
    source = random.Random(seed)
    if zipf == 0:
        return [source.randrange(of) for _ in range(count)]
    sums = list(itertools.accumulate((rank + 1) ** -zipf for rank in range(of)))
    return [min(bisect.bisect_left(sums, source.random() * sums[-1]), of - 1) for _ in range(count)]
