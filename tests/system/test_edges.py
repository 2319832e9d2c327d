# SPDX-License-Identifier: Apache-2.0
"""Several edges behind one publication: the same octets everywhere, and an origin that goes away."""

import datetime
import itertools
import random
import shutil

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509 import ocsp

import ocsp_oracle
from nginx_origin import NGINX, Nginx
from site_under_test import IS_SANITIZED, free_port, run, wait_for

# Most of it is the oracles' work.
STATEMENTS = 60 if IS_SANITIZED else 200
REASONS = [None, "unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation",
           "privilegeWithdrawn"]


@pytest.fixture
def second_edge(make_site):
    """Makes another edge that replicates from where a site's edge does."""
    def make(site):
        other = make_site("second")
        (other.dir / "edge").mkdir(parents=True)
        for name in ("ca.pem", "publish-key.pub", "edge.yaml"):
            shutil.copy(site.dir / name, other.dir)
        other.edit("edge.yaml", rf"127\.0\.0\.1:{site.port}", f"127.0.0.1:{other.port}")
        other.edit("edge.yaml", rf"127\.0\.0\.1:{site.admin_port}", f"127.0.0.1:{other.admin_port}")
        if "- pub\n" in (other.dir / "edge.yaml").read_text():
            other.use_origin(site.dir / "pub")
        other.certificates = site.certificates
        return other

    return make


def serials_of_all_kinds(count):
    """Serials of every size that CAs use, clustered and scattered."""
    chance = random.Random(9919)
    made = {1, 127, 128, 255, 256, (1 << 159) - 1}
    made |= {(7 << 100) + number for number in range(20)}
    while len(made) < count:
        made.add(chance.getrandbits(chance.choice([16, 64, 120, 127, 152, 158])) + 2)
    return sorted(made)


def published_octets(site):
    """All files of statements of the publication."""
    return b"".join(path.read_bytes() for folder in ("pack", "log") for path in (site.dir / "pub" / folder).iterdir())


@pytest.mark.long
def test_the_same_octets_everywhere(make_site, second_edge, tmp_path):
    """Many statements, asked by GET and POST, by both hashes, at two edges: the same octets, which a
    decoder and encoder of others leaves as they are, signed as published."""
    site = make_site()
    site.init()
    reasons = itertools.cycle(REASONS)
    wanted = {}
    for number, serial in enumerate(serials_of_all_kinds(STATEMENTS)):
        revoked = None
        if number % 3 == 0 and (reason := next(reasons)) is not None:
            revoked = (reason, 1600000000 + number)
        wanted[serial] = revoked
        site.add_row(f"{serial:X}", revoked)
    site.import_certificates()
    site.presign_once()
    # Some statements come from the log and not from a pack.
    late = [serial for serial, revoked in wanted.items() if revoked is None][:10]
    for serial in late:
        site.statim("revoke", site.dir, f"{serial:X}", "--reason", "superseded", "--at", "2023-11-14T22:13:20Z")
        wanted[serial] = ("superseded", 1700000000)
    site.presign_once()
    other = second_edge(site)
    site.start_edge()
    other.start_edge()
    issuer = ocsp_oracle.load(site.ca)
    published = published_octets(site)
    statuses = {"GOOD": 0, "REVOKED": 0}
    for serial, revoked in wanted.items():
        bodies = set()
        for name in ("sha1", "sha256"):
            der = ocsp_oracle.request_for_serial(issuer, serial, ocsp_oracle.HASHES[name])
            for edge, method in itertools.product((site, other), ("GET", "POST")):
                bodies.add(ocsp_oracle.exchange(edge.port, der, method)[2])
        assert len(bodies) == 1, f"{serial:X}"
        body = bodies.pop()
        status, _ = ocsp_oracle.judge(body, issuer, serial)
        statuses[status] += 1
        response = ocsp.load_der_ocsp_response(body)
        assert response.public_bytes(serialization.Encoding.DER) == body
        assert status == ("GOOD" if revoked is None else "REVOKED")
        for single in response.responses:
            assert (single.revocation_time is None) == (revoked is None)
            if revoked is not None:
                assert single.revocation_time.timestamp() == naive(revoked[1])
                # "unspecified" is left out, as in CRLs (RFC 5280 5.3.1).
                said = single.revocation_reason and single.revocation_reason.value
                assert said == (None if revoked[0] == "unspecified" else revoked[0])
        numbers = decode_dss_signature(response.signature)
        assert b"".join(number.to_bytes(32, "big") for number in numbers) in published, f"{serial:X}"
        same_in_openssl(body, tmp_path)
    assert min(statuses.values()) >= STATEMENTS // 5


def naive(seconds):
    """The library's times are UTC without a zone, which timestamp() takes for local time."""
    return datetime.datetime.utcfromtimestamp(seconds).timestamp()


def same_in_openssl(body, folder):
    before, after = folder / "in.der", folder / "out.der"
    before.write_bytes(body)
    run("openssl", "ocsp", "-respin", before, "-respout", after, "-noverify")
    assert after.read_bytes() == body


# An origin of others


@pytest.mark.skipif(NGINX is None, reason="no nginx")
def test_two_edges_behind_nginx(make_site, second_edge, tmp_path):
    """Both replicate over HTTP; when the origin is gone both serve on, when it is back both catch up."""
    site = make_site()
    site.init()
    for name in ("good", "other", "third"):
        site.issue_certificate(name)
    site.import_certificates()
    site.start_presigner()
    origin = Nginx(tmp_path / "nginx", site.dir / "pub")
    site.use_origin(origin.url)
    other = second_edge(site)
    edges = (site, other)
    both = lambda name, answer: all(edge.answer(name) == answer for edge in edges)
    good, revoked = ("GOOD", None), ("REVOKED", "superseded")
    try:
        origin.start()
        for edge in edges:
            edge.start_edge()
        assert both("good", good) and both("other", good)
        site.revoke("good")
        wait_for(lambda: both("good", revoked), "the first revocation at both", 60)
        origin.stop()
        site.revoke("other")
        failures = [edge.metrics()["statim_edge_sync_poll_failures_total"] for edge in edges]
        wait_for(lambda: all(edge.metrics()["statim_edge_sync_poll_failures_total"] > count + 1
                             for edge, count in zip(edges, failures)), "failed polls", 60)
        assert both("good", revoked) and both("other", good) and both("third", good)
        assert all(edge.healthy() for edge in edges)  # not for long: head_age_max_s
        origin.start()
        wait_for(lambda: both("other", revoked), "the second revocation at both", 60)
        assert both("third", good)
        wait_for(lambda: site.metrics()["statim_edge_sync_log_number"] ==
                 other.metrics()["statim_edge_sync_log_number"], "both at one entry", 60)
    finally:
        origin.stop()


def test_an_origin_that_never_was(make_site, second_edge):
    """An edge that starts without its origin says what is wrong and recovers by itself."""
    site = make_site()
    site.init()
    site.issue_certificate("good")
    site.import_certificates()
    site.presign_once()
    other = second_edge(site)
    port = free_port()
    other.use_origin(f"http://127.0.0.1:{port}")
    other.start_edge(wait=False)
    wait_for(lambda: f"http://127.0.0.1:{port}" in other.edge_log(), "the trouble told", 60)
    assert "could not fetch the head" in other.edge_log()
    assert other.answer() == "TRY_LATER" and not other.healthy()
    other.use_origin(site.dir / "pub")
    other.reload_edge()
    other.wait_healthy()
    # For a moment the process of before the reload answers too, of what it has seen.
    wait_for(lambda: other.answer() == ("GOOD", None), "the answer", 60)
