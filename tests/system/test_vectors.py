# SPDX-License-Identifier: Apache-2.0
"""Published vectors and the shapes of requests that other responders got wrong, to a real edge."""

import base64
import http.client
import re
import socket

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

import ocsp_oracle
from site_under_test import ROOT, run

GOOD = ("GOOD", None)
# OCSPResponse { responseStatus } alone
MALFORMED, UNAUTHORIZED, TRY_LATER = (bytes([0x30, 3, 0x0A, 1, status]) for status in (1, 6, 3))


def exchange(served, octets):
    """(status, fields, body) of the one answer to these octets."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(octets)
        response = http.client.HTTPResponse(connection, method=octets.split(b" ", 1)[0].decode())
        response.begin()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()


def get(served, path, more=""):
    return exchange(served, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{more}\r\n".encode())


def post(served, der, path="/", media="application/ocsp-request"):
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(der)}\r\n"
    if media is not None:
        head += f"Content-Type: {media}\r\n"
    return exchange(served, head.encode() + b"\r\n" + der)


def der_of(served, name="good", algorithm=None):
    return ocsp_oracle.request_der(ocsp_oracle.load(served.certificates[name]), ocsp_oracle.load(served.ca),
                                   algorithm)


def verdict(served, body, name="good"):
    certificate, issuer = ocsp_oracle.load(served.certificates[name]), ocsp_oracle.load(served.ca)
    return ocsp_oracle.judge(body, issuer, certificate.serial_number)


def is_error(answer, body):
    """An error is HTTP 200 with nothing but its OCSP status, and not to be cached."""
    status, fields, got = answer
    assert status == 200 and got == body, (status, got)
    assert fields["content-type"] == "application/ocsp-response"
    assert "no-store" in fields["cache-control"].split(", "), fields
    assert "etag" not in fields and "expires" not in fields
    return True


# RFC 9919, Appendix B.4

RFC9919_REQUEST = base64.b64decode((ROOT / "tests/data/rfc9919-request.b64").read_text())


def test_rfc9919_request(served):
    """It decodes, and its issuer is none of ours."""
    request = ocsp.load_der_ocsp_request(RFC9919_REQUEST)
    assert request.serial_number == 27979789 and isinstance(request.hash_algorithm, hashes.SHA256)
    unknown = 'statim_edge_outcomes_total{outcome="unknown_issuer",status="200"}'
    before = served.metrics()[unknown]
    assert is_error(post(served, RFC9919_REQUEST), UNAUTHORIZED)
    path = "/" + base64.b64encode(RFC9919_REQUEST).decode().replace("/", "%2F").replace("=", "%3D")
    assert is_error(get(served, path), UNAUTHORIZED)
    assert served.metrics()[unknown] == before + 2


# GET: forms of the path


def forms(text):
    """All ways to write the same base64 into a path that must be understood."""
    quoted = text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    return {
        "quoted": "/" + quoted,
        "quoted-in-lower-case": "/" + quoted.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d"),
        "raw": "/" + text,
        "raw-plus": "/" + text.replace("/", "%2F").replace("=", "%3D"),
        "quoted-plus": "/" + text.replace("+", "%2B"),
        "no-padding": "/" + text.rstrip("="),
        "quoted-all": "/" + "".join(f"%{ord(letter):02X}" for letter in text),
    }


@pytest.fixture(scope="module")
def awkward(served):
    """A request of ours whose base64 has '+', '/', and padding, found over serials nobody issued."""
    issuer = ocsp_oracle.load(served.ca)
    for number in range(1 << 64, (1 << 64) + 200000):
        der = ocsp_oracle.request_for_serial(issuer, number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 120),
                                             hashes.SHA1())
        text = base64.b64encode(der).decode()
        if "+" in text and "//" in text and text.endswith("="):
            return der, text
    raise AssertionError("no such serial")


@pytest.mark.parametrize("form", list(forms("")))
def test_get_forms_of_a_known_serial(served, form):
    text = base64.b64encode(der_of(served)).decode()
    status, _, body = get(served, forms(text)[form])
    assert status == 200 and verdict(served, body) == GOOD


@pytest.mark.parametrize("form", list(forms("")))
def test_get_forms_with_runs_of_slashes(served, awkward, form):
    """'//' in the base64 is neither collapsed nor redirected: the request decodes, the serial is unknown."""
    _, text = awkward
    assert is_error(get(served, forms(text)[form]), UNAUTHORIZED)


def test_get_with_spaces_for_plus(served, awkward):
    """'%20' is no '+': only browsers' forms are decoded like that, and a path is none."""
    _, text = awkward
    status, _, body = get(served, "/" + text.replace("+", "%20").replace("/", "%2F").replace("=", "%3D"))
    assert status == 404 or body == MALFORMED


def test_get_with_leading_slashes(served):
    """One slash begins the path; another is of the base64, and then this is no request."""
    text = base64.b64encode(der_of(served)).decode().replace("/", "%2F").replace("=", "%3D")
    for path in ("//" + text, "///" + text):
        status, fields, body = get(served, path)
        assert status in (200, 404) and "location" not in fields
        if status == 200:
            assert body == MALFORMED or verdict(served, body) == GOOD


GARBAGE = ["/", "/%%%", "/%4", "/%zz", "/MFQwUjBQ", "/favicon.ico", "/index.html", "/../../etc/passwd",
           "/.well-known/x", "/" + "A" * 400, "/====", "/" + "%00" * 20, "/MA==", "/MAA=", "/?query", "/%2F%2F"]


@pytest.mark.parametrize("path", GARBAGE)
def test_get_of_garbage(served, path):
    """A path that is no base64 is not found; base64 of no request is malformed. Nothing else, and the
    edge goes on."""
    status, fields, body = get(served, path)
    assert (status == 404 and "ocsp-response" not in fields["content-type"]) or \
        (status == 400 and b"ocsp" not in body) or \
        (status == 200 and body == MALFORMED), (status, body)
    assert verdict(served, post(served, der_of(served))[2]) == GOOD


# POST


def test_post_without_a_body(served):
    assert is_error(post(served, b""), MALFORMED)


def test_post_without_a_length(served):
    answer = exchange(served, b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                              b"Content-Type: application/ocsp-request\r\n\r\n")
    assert answer[0] == 411 or is_error(answer, MALFORMED)


@pytest.mark.parametrize("trailing", [b"\0", b"x" * 100, b"0"])
def test_post_with_trailing_octets(served, trailing):
    assert is_error(post(served, der_of(served) + trailing), MALFORMED)


def test_get_with_trailing_octets(served):
    text = base64.b64encode(der_of(served) + b"\0").decode()
    assert is_error(get(served, forms(text)["quoted"]), MALFORMED)


def test_every_prefix_is_malformed(served):
    der = der_of(served)
    for size in range(len(der)):
        assert is_error(post(served, der[:size]), MALFORMED), size


def test_every_flipped_bit_is_answered(served):
    """By an error, or for a request that is still one: what the serial in it deserves."""
    der = der_of(served)
    seen = set()
    for bit in range(8 * len(der)):
        flipped = bytearray(der)
        flipped[bit // 8] ^= 1 << bit % 8
        status, _, body = post(served, bytes(flipped))
        assert status == 200
        if body in (MALFORMED, UNAUTHORIZED):
            seen.add(body)
        else:
            assert verdict(served, body) == GOOD  # the bit was of something that is ignored
    assert seen == {MALFORMED, UNAUTHORIZED}


def test_post_too_large(served):
    """Refused by its length, without reading it."""
    answer = exchange(served, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\n"
                              b"Content-Length: 200000\r\n\r\n")
    assert answer[0] == 413


@pytest.mark.parametrize("media,status", [("application/ocsp-request", 200), ("Application/OCSP-Request", 200),
                                          ("application/ocsp-request; charset=x", 200), ("text/plain", 415)])
def test_post_media_types(served, media, status):
    assert post(served, der_of(served), media=media)[0] == status


# Methods


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "BREW", "get"])
def test_other_methods(served, method):
    status, fields, _ = exchange(served, f"{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
                                         "Connection: close\r\n\r\n".encode())
    assert status == 405 and fields["allow"] == "GET, HEAD, POST"


def test_head(served):
    """The fields of a GET and no body."""
    path = forms(base64.b64encode(der_of(served)).decode())["quoted"]
    wanted = get(served, path)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        reply = b""
        while part := connection.recv(65536):
            reply += part
    head, body = reply.split(b"\r\n\r\n", 1)
    assert body == b""
    fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
    for name in ("etag", "content-length", "expires", "last-modified", "content-type"):
        assert fields[name] == wanted[1][name].lower()


# Content


def test_both_hashes_get_the_same_answer(served):
    bodies = {post(served, der_of(served, algorithm=algorithm()))[2]
              for algorithm in (hashes.SHA1, hashes.SHA256)}
    assert len(bodies) == 1 and verdict(served, bodies.pop()) == GOOD


@pytest.mark.parametrize("algorithm", [hashes.SHA224, hashes.SHA384, hashes.SHA512])
def test_another_hash(served, algorithm):
    assert is_error(post(served, der_of(served, algorithm=algorithm())), UNAUTHORIZED)


def test_extensions_and_nonces_are_ignored(served, tmp_path):
    """openssl's nonce, a signature, a requestor's name: the answer is the same octets as without."""
    plain = post(served, der_of(served))[2]
    request = tmp_path / "request.der"
    for more in (["-nonce"], ["-signer", served.dir / "good.pem", "-signkey", served.dir / "good.key"]):
        run("openssl", "ocsp", "-issuer", served.ca, "-cert", served.certificates["good"], "-reqout", request, *more)
        assert request.read_bytes() != der_of(served)
        assert post(served, request.read_bytes())[2] == plain


def test_two_requests_in_one(served, tmp_path):
    request = tmp_path / "request.der"
    run("openssl", "ocsp", "-issuer", served.ca, "-cert", served.certificates["good"], "-cert",
        served.certificates["revoked"], "-no_nonce", "-reqout", request)
    assert is_error(post(served, request.read_bytes()), UNAUTHORIZED)


@pytest.mark.parametrize("serial", [0, 1, 127, 128, 255, 256, (1 << 159) - 1, 1 << 159])
def test_serials_of_every_size(served, serial):
    """Unknown ones up to 20 octets are unauthorized."""
    answer = post(served, ocsp_oracle.request_for_serial(ocsp_oracle.load(served.ca), serial))
    status, _, body = answer
    assert status == 200 and body in ((UNAUTHORIZED,) if 0 < serial < 1 << 159 else (UNAUTHORIZED, MALFORMED))


def test_fields_of_a_good_answer(served):
    """RFC 9919, section 5, and RFC 9110's dates."""
    status, fields, body = get(served, forms(base64.b64encode(der_of(served)).decode())["quoted"])
    assert status == 200 and verdict(served, body) == GOOD
    date = re.compile(r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d GMT$")
    for name in ("date", "expires", "last-modified"):
        assert date.match(fields[name]), (name, fields[name])
    assert re.match(r"^max-age=\d+, public, no-transform, must-revalidate$", fields["cache-control"])
    assert re.match(r'^"[0-9a-f]{32}"$', fields["etag"])
    assert fields["content-type"] == "application/ocsp-response"
