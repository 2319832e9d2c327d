# SPDX-License-Identifier: Apache-2.0
"""From an order over HTTPS to an answer of the edge, and from a revocation to a revoked answer and an entry in the right CRL, judged
by OpenSSL and python3-cryptography from what the certificate itself says."""

import hashlib
import http.client
import os
import random
import signal
import ssl
import threading
import time
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import AuthorityInformationAccessOID

from chain_world import SHARDS, Chain
from issuer_world import PATIENCE_S, make_csr, make_key, read_events
from pg_world import make_postgresql  # noqa: F401
from site_under_test import BUILD, ROOT, STATIM, free_port, run, wait_for

LOST = (OSError, ssl.SSLError, http.client.HTTPException)
# The edge looks for news several times a second; what a busy machine makes of it.
SEEN_S = 60


@pytest.fixture
def make_chain(make_site, tmp_path):
    made = []

    def make(**options):
        made.append(Chain(make_site(), tmp_path / "issuer", **options))
        return made[-1]

    yield make
    for chain in made:
        chain.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def chain(request, make_chain):
    registry = "sqlite: registry.db"
    if request.param == "postgresql":
        server = request.getfixturevalue("make_postgresql")()
        registry = f'postgresql: "{server.conninfo}"'
    # An order is answered when its statement is published, however busy the machine is.
    return make_chain(registry=registry, extra="publish_wait_ms: 25000\n").start()


def by_openssl(chain, leaf):
    """What `openssl ocsp` says of the certificate, asking where the certificate says."""
    issuer = chain.issuer.folder / "inter.pem"
    url = run("openssl", "x509", "-in", leaf, "-noout", "-ocsp_uri").stdout.strip()
    assert url == f"{chain.site.url}/"
    done = run("openssl", "ocsp", "-issuer", issuer, "-cert", leaf, "-url", url, "-CAfile", chain.issuer.folder / "root.pem",
               "-verify_other", issuer, "-no_nonce", check=False)
    if "Response verify OK" not in done.stderr:
        return done.stdout + done.stderr
    return next(line for line in done.stdout.splitlines() if line.startswith(str(leaf))).split(": ")[1]


def points(certificate):
    """The URL of its CRL and of its issuer's certificate."""
    crl = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    issuers = [row.access_location.value for row in access
               if row.access_method == AuthorityInformationAccessOID.CA_ISSUERS]
    return crl[0].full_name[0].value, issuers[0]


def fetch(url):
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return answer.read()


def crl_at(chain, url):
    """The CRL there, if it is there; its signature is the intermediate's."""
    try:
        crl = x509.load_der_x509_crl(fetch(url))
    except OSError:
        return None
    issuer = x509.load_pem_x509_certificate((chain.issuer.folder / "inter.pem").read_bytes())
    assert crl.is_signature_valid(issuer.public_key())
    return crl


def metric(issuer, name):
    return next(float(value) for key, value in issuer.metrics().items() if key.endswith(name))


def test_from_order_to_answer_to_revoked(chain):
    issuer, site = chain.issuer, chain.site
    got = issuer.issue("www.example.com", "order-1")
    assert got["published"], got
    leaf, above = chain.save(got)
    certificate = x509.load_pem_x509_certificate(got["pem"].encode())
    serial = certificate.serial_number
    root = issuer.folder / "root.pem"
    run("openssl", "verify", "-x509_strict", "-CAfile", root, "-untrusted", above, "-purpose", "sslserver", leaf)
    wait_for(lambda: by_openssl(chain, leaf) == "good", "a good answer", SEEN_S, site.edge)
    crl_url, issuer_url = points(certificate)
    assert crl_url == got["crl_url"] and crl_url == f"{site.url}/crl/1/{serial % SHARDS}.crl"
    assert hashlib.sha256(fetch(issuer_url)).digest() == hashlib.sha256(
        ssl.PEM_cert_to_DER_cert((issuer.folder / "inter.pem").read_text())).digest()
    assert crl_at(chain, crl_url).get_revoked_certificate_by_serial_number(serial) is None

    issuer.revoke(got["id"], "keyCompromise")
    wait_for(lambda: by_openssl(chain, leaf) == "revoked", "a revoked answer", SEEN_S, site.edge)
    entry = wait_for(lambda: crl_at(chain, crl_url).get_revoked_certificate_by_serial_number(serial), "the CRL's entry",
                     SEEN_S, site.edge)
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason == x509.ReasonFlags.key_compromise
    for place in range(SHARDS):
        other = crl_at(chain, f"{site.url}/crl/1/{place}.crl")
        assert place == serial % SHARDS or len(other) == 0
    # A client that checks the CRL refuses it, for that reason.
    crl = site.dir / "shard.pem"
    crl.write_bytes(crl_at(chain, crl_url).public_bytes(serialization.Encoding.PEM))
    done = run("openssl", "verify", "-crl_check", "-CRLfile", crl, "-CAfile", root, "-untrusted", above, leaf, check=False)
    assert done.returncode != 0 and "certificate revoked" in done.stderr

    # The feed has both, the presigner took both once, and the audit log has what was signed for them.
    assert [(event["seq"], event["type"]) for event in issuer.events()] == [(1, "issued"), (2, "revoked")]
    wait_for(lambda: chain.feed_metric("said_seq") == 2, "the word of the second", SEEN_S)
    assert chain.feed_metric("seq") == 2 and chain.sequence() == 2
    assert issuer.must("GET", f"/v1/certificate/{got['id']}", key=issuer.key)["published"] is True
    assert chain.feed_metric("crl_missing") == 0

    def batches():
        return [leaf for leaf in issuer.leaves() if leaf["type"] == "ocsp.batch.signed"]

    wait_for(lambda: sum(leaf["statements"] for leaf in batches()) >= 2, "the leaves", SEEN_S)
    assert {"cert.issued", "cert.revoked", "crl.published"} <= {leaf["type"] for leaf in issuer.leaves()}
    for leaf in batches():
        octets = (site.dir / "pub/log" / str(leaf["log_number"])).read_bytes()
        assert leaf["statements_sha256"] == hashlib.sha256(octets).hexdigest() and leaf["actor"] == "client:presigner"


def test_the_feed(make_chain):
    """What the presigner relies on, asked of the real issuer."""
    issuer = make_chain(extra="publish_wait_ms: 0\n").issuer.start().prepare()
    for i in range(5):
        issuer.issue("www.example.com", f"order-{i}")
    ca = issuer.ca_id()

    def ask(query, client="presigner"):
        return issuer.ask("GET", f"/v1/events?{query}", client=client)

    status, body, fields = ask(f"ca={ca}&after=0")
    assert status == 200 and fields["Content-Type"] == "application/x-ndjson"
    lines = body.encode().splitlines()
    assert body.endswith("\n") and len(lines) == 5
    assert fields["Link"].endswith(f'/crl/1/{SHARDS - 1}.crl>; rel="urn:statim:crl"')
    hashes = [hashlib.sha256(line).hexdigest() for line in lines]
    assert ask(f"ca={ca}&after=2&limit=2")[1].encode().splitlines() == lines[2:4]
    assert ask(f"ca={ca}&after=2&limit=1000&hash={hashes[1]}")[1].encode().splitlines() == lines[2:]
    assert ask(f"ca={ca}&after=5&hash={hashes[4]}")[:2] == (200, "")
    for query, status, word in ((f"ca={ca}&after=2&hash={hashes[0]}", 409, "bad-position"),
                                (f"ca={ca}&after=6", 409, "bad-position"),
                                (f"ca={ca}&after=6&hash={hashes[0]}", 409, "bad-position"),
                                (f"ca={ca}&after=5&wait=5&hash={hashes[0]}", 409, "bad-position"),
                                (f"ca={'0' * 16}&after=0", 422, "unknown-ca"), ("after=0", 400, "bad-field"),
                                (f"ca={ca}&after=x", 400, "bad-field"), (f"ca={ca}&after=-1", 400, "bad-field"),
                                (f"ca={ca}&limit=0", 400, "bad-field"), (f"ca={ca}&limit=1001", 400, "bad-field"),
                                (f"ca={ca}&hash=00&after=1", 400, "bad-field"), (f"ca={ca}&what=1", 400, "bad-field"),
                                (f"ca={ca}&ca={ca}", 400, "bad-field")):
        found, problem, _ = ask(query)
        assert (found, problem["type"]) == (status, f"urn:statim:problem:{word}"), query
    for client in ("alice", "root", "eve"):
        assert ask(f"ca={ca}", client)[0] == 403

    # A long poll is answered by the event, or empty when its time is over.
    begin = time.monotonic()
    assert ask(f"ca={ca}&after=5&wait=1")[:2] == (200, "")
    assert time.monotonic() - begin >= 1
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(ask(f"ca={ca}&after=5&wait=30")))
    waiting.start()
    wait_for(lambda: metric(issuer, "https_parked") == 1, "the long poll", PATIENCE_S)
    issuer.issue("www.example.com", "order-6")
    waiting.join(PATIENCE_S)
    assert answers[0][1].startswith('{"seq":6,"type":"issued"')

    # What the presigner says.
    def say(body, client="presigner"):
        return issuer.ask("POST", "/v1/events/published", body, client=client)

    batch = {"log_number": 3, "sha256": "ab" * 32, "statements": 2}
    crl = {"log_number": 3, "sha256": "cd" * 32, "crl_number": 7, "path": "/crl/1/0.crl"}
    assert say({"ca": ca, "seq": 4})[0] == 200
    assert say({"ca": ca, "seq": 4, "hash": hashes[3]})[0] == 200
    assert say({"ca": ca, "seq": 4, "log_number": 3, "signed": [batch, crl]})[0] == 200
    for body, status in (({"ca": ca, "seq": 7}, 409), ({"ca": ca}, 400), ({"ca": ca, "seq": -1}, 400),
                         ({"ca": ca, "seq": 5, "hash": hashes[3]}, 409), ({"ca": ca, "seq": 5, "hash": "00"}, 400),
                         ({"ca": ca, "seq": "4"}, 400), ({"ca": "0" * 16, "seq": 1}, 422),
                         ({"ca": ca, "seq": 4, "more": 1}, 400), ({"ca": ca, "seq": 4, "signed": {}}, 400),
                         ({"ca": ca, "seq": 4, "signed": [batch | crl]}, 400), ({"ca": ca, "seq": 4, "signed": [{}]}, 400),
                         ({"ca": ca, "seq": 4, "signed": [crl | {"path": "x" * 5000}]}, 400),
                         ({"ca": ca, "seq": 4, "signed": [crl | {"log_number": 2**60}]}, 400),
                         ({"ca": ca, "seq": 4, "signed": [0] * 513}, 400)):
        assert say(body)[0] == status, body
    for client in ("alice", "root", "eve"):
        assert say({"ca": ca, "seq": 4}, client)[0] == 403
    issuer.stop()
    told = [leaf for leaf in issuer.leaves() if leaf["type"] in ("ocsp.batch.signed", "crl.published")]
    assert [(leaf["type"], leaf["seq"], leaf["log_number"]) for leaf in told] == [
        ("ocsp.batch.signed", 4, 3), ("crl.published", 4, 3)]
    assert told[0]["statements"] == 2 and told[0]["statements_sha256"] == "ab" * 32
    assert told[1]["crl_number"] == 7 and told[1]["target"] == "/crl/1/0.crl" and told[1]["crl_sha256"] == "cd" * 32
    # What was said with it is known after a start.
    issuer.start()
    assert metric(issuer, f'feed_published_seq{{ca="{ca}"}}') == 4


@pytest.mark.long
def test_killed_on_both_sides(make_chain):
    """kill -9 of issuer and presigner while orders and revocations come: in the end every certificate that was handed out has its
    answer, and the presigner took each event once."""
    chain = make_chain(extra="publish_wait_ms: 500\n").start()
    issuer, site = chain.issuer, chain.site
    random.seed(7)
    csr, done, over = make_csr("www.example.com", make_key()), {}, threading.Event()
    revoked, asked = set(), set()  # of those asked for whose answer got lost either may be true

    def customer(number):
        count = 0
        while not over.is_set():
            count += 1
            try:
                status, body, _ = issuer.order([], f"order-{number}-{count}", csr=csr)
                if status not in (200, 201):
                    continue
                done[body["id"]] = body
                if count % 3 == 0:
                    asked.add(body["id"])
                    issuer.revoke(body["id"])
                    revoked.add(body["id"])
            except (*LOST, AssertionError):
                over.wait(0.02)

    customers = [threading.Thread(target=customer, args=(i,)) for i in range(2)]
    for thread in customers:
        thread.start()
    try:
        for _ in range(5):
            over.wait(random.uniform(0.2, 0.8))
            if random.random() < 0.5:
                issuer.kill()
                issuer.start()
            else:
                site.stop_process(site.presigner, signal.SIGKILL)
                site.start_presigner()
        # On a busy machine no revocation may have been answered yet.
        wait_for(lambda: done and revoked, "a certificate is issued and revoked", SEEN_S, issuer.process)
    finally:
        over.set()
        for thread in customers:
            thread.join()
    events = read_events(issuer)
    wait_for(lambda: chain.feed_metric("said_seq") == len(events), "all published", SEEN_S, site.presigner)
    # Each event is a change here: a certificate is issued once, and revoked once.
    assert chain.sequence() == len(events)
    for certificate in random.sample(sorted(done.values(), key=lambda body: body["serial"]), min(20, len(done))):
        state = issuer.must("GET", f"/v1/certificate/{certificate['id']}", key=issuer.key)["status"]
        assert state == "revoked" or certificate["id"] not in revoked
        assert state == "good" or certificate["id"] in asked
        assert state in site.statim("status", site.dir, certificate["serial"]).stdout
        leaf, _ = chain.save(certificate)
        wait_for(lambda: by_openssl(chain, leaf) == state, state, SEEN_S, site.edge)


@pytest.mark.long
def test_demo(tmp_path):
    """tools/demo --issuer, twice: the second run goes on with what the first has left."""
    first = free_port()
    while (second := free_port()) != first + 1:
        first = second
    words = ["--issuer", "--dir", tmp_path / "demo", "--port", free_port(), "--admin-port", free_port(), "--issuer-port", first,
             "--once"]
    for _ in range(2):
        done = run(ROOT / "tools" / "demo", *words, env={**os.environ, "STATIM_BUILD": str(BUILD)}, timeout=600)
        assert "leaf.pem: good" in done.stdout and "leaf.pem: revoked" in done.stdout and "== ready" in done.stdout
    leaves = run(STATIM, "audit", "export", tmp_path / "demo" / "audit").stdout
    assert leaves.count('"cert.revoked"') == 2
