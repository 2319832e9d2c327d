# SPDX-License-Identifier: Apache-2.0
"""The network's filter: made by the presigner, fetched from an edge, asked by others' rules about every certificate."""

import datetime
import hashlib
import http.client
import os
import random
import time
from dataclasses import dataclass, field

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import clubcard_oracle
from clubcard_oracle import Clubcard
from site_under_test import NOT_AFTER_S, ROOT, run, wait_for
from test_crl import published, use_crls

FULL = os.environ.get("STATIM_FULL") == "1"
PATH = "/filter/revoked.clubcard"
REVOKED_AT_S = int(time.time()) - 3600


@dataclass
class Issuer:
    """A CA and all that is known of it: serial → reason, or None when it is not revoked."""

    name: str
    path: object
    certificate: x509.Certificate
    known: dict = field(default_factory=dict)

    @property
    def block(self):
        return clubcard_oracle.block_id(self.certificate)

    @property
    def revoked(self):
        return {serial for serial, reason in self.known.items() if reason is not None}


def make_ca(folder, name):
    """Key and certificate in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now)
                   .not_valid_after(now + datetime.timedelta(days=365))
                   .add_extension(x509.BasicConstraints(True, None), True)
                   .add_extension(x509.KeyUsage(True, False, False, False, False, True, True, False, False), True)
                   .sign(key, hashes.SHA256()))
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}-key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return certificate


def use_filter(site, **keys):
    lines = "".join(f"  {key}: {value}\n" for key, value in ({"interval_s": 1} | keys).items())
    text = (site.dir / "presigner.yaml").read_text()
    (site.dir / "presigner.yaml").write_text("filter:\n" + lines + text)


def first_issuer(site):
    return Issuer("ca", site.ca, x509.load_pem_x509_certificate(site.ca.read_bytes()))


def add_issuer(site, name):
    certificate = make_ca(site.dir, name)
    with open(site.dir / "presigner.yaml", "a", encoding="utf-8") as file:
        file.write(f"  - name: {name}\n    ca_certificate: {name}.pem\n    key:\n      file: {name}-key.pem\n")
    return Issuer(name, site.dir / f"{name}.pem", certificate)


def fill(site, issuer, count, revoked, sizes=(16,), reasons=("superseded",)):
    """Imports certificates with random serials of those sizes, some of them revoked."""
    while len(issuer.known) < count:
        size = random.choice(sizes)
        serial = random.getrandbits(8 * size) | 1
        issuer.known.setdefault(serial, None)
    for i, serial in enumerate(random.sample(sorted(issuer.known), revoked)):
        issuer.known[serial] = reasons[i % len(reasons)]
    for serial, reason in issuer.known.items():
        status = f"good,,,{NOT_AFTER_S}" if reason is None else f"revoked,{REVOKED_AT_S},{reason},{NOT_AFTER_S}"
        site.rows.append(f"{serial:x},{status}")
    path = site.dir / f"{issuer.name}.csv"
    path.write_text("serial,status,revoked_at,reason,not_after\n" + "\n".join(site.rows) + "\n")
    site.rows = []
    site.statim("import", site.dir, path, "--issuer", issuer.name)


def get(site, method="GET", path=PATH, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def fetch(site):
    """The octets that the edge serves, or None."""
    status, _, body = get(site)
    return body if status == 200 else None


def counter(site, port, name):
    """Of the presigner; -1 while it does not answer."""
    try:
        return site.metrics(port)["statim_presigner_" + name]
    except OSError:
        return -1


def wrong_answers(card, issuers, revoked=lambda issuer: issuer.revoked):
    """Of all that is known, what the filter answers wrongly."""
    wrong = []
    for issuer in issuers:
        gone, block = revoked(issuer), issuer.block  # both are made anew each time
        wrong += [(issuer.name, serial) for serial in issuer.known
                  if card.revoked(block, clubcard_oracle.content_octets(serial)) != (serial in gone)]
    return wrong


def network_of(site):
    return next(line.split()[1] for line in (site.dir / "presigner.yaml").read_text().splitlines()
                if line.startswith("network:"))


@pytest.fixture(name="world")
def make_world(make_site):
    """Issuers of all kinds, and a presigner and an edge that run."""
    site = make_site()
    site.init()
    use_filter(site)
    kinds = [(20, 0, (16,)), (20, 20, (16,)), (1, 1, (20,)), (400, 200, (16,)), (5000, 50, (8, 16, 19)),
             (1000, 990, (1, 2, 3, 9, 20)), (300, 1, (16,))]
    if FULL:
        kinds.append((100000, 1700, (16,)))
    issuers = [first_issuer(site)] + [add_issuer(site, f"other{i}") for i in range(1, len(kinds))]
    for issuer, (count, revoked, sizes) in zip(issuers, kinds):
        fill(site, issuer, count, revoked, sizes)
    site.start()
    wait_for(lambda: fetch(site), "the filter at the edge", 120)
    return site, issuers


@pytest.mark.long
def test_every_certificate_of_every_issuer(world):
    """Zero wrong answers, and what an answer of the edge says; then a revocation and a new certificate reach it."""
    site, issuers = world
    status, headers, body = get(site)
    assert (status, headers["Content-Type"]) == (200, "application/octet-stream")
    assert headers["Cache-Tag"] == "octet-stream,filter" and "max-age=" in headers["Cache-Control"]
    assert headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    assert get(site, **{"If-None-Match": headers["ETag"]})[0] == 304
    card = Clubcard(body)
    assert set(card.blocks) == {issuer.block for issuer in issuers}
    assert wrong_answers(card, issuers) == []
    log_id = clubcard_oracle.log_id(network_of(site))
    assert set(card.coverage) == {log_id} and card.coverage[log_id][0] == 0
    assert abs(card.coverage[log_id][1] / 1000 - time.time()) < 300
    # What is revoked or new comes into the next one.
    issuer = issuers[4]
    serial = next(serial for serial, reason in issuer.known.items() if reason is None)
    site.statim("revoke", site.dir, f"{serial:x}", "--reason", "keyCompromise", "--issuer", issuer.name)
    issuer.known[serial] = "keyCompromise"
    wait_for(lambda: Clubcard(fetch(site)).revoked(issuer.block, clubcard_oracle.content_octets(serial)),
             "the revocation in the filter", 60)
    fill(site, issuers[0], 25, 0)
    wait_for(lambda: Clubcard(fetch(site)).coverage[log_id] > card.coverage[log_id], "another filter", 60)
    wait_for(lambda: wrong_answers(Clubcard(fetch(site)), issuers) == [], "a filter of all that is known", 60)


def test_a_flipped_bit_is_a_wrong_answer(world):
    """The oracle fails when the octets are not the ones that were made."""
    site, issuers = world
    body = fetch(site)
    card = Clubcard(body)
    issuer = issuers[3]  # half of its certificates are revoked: all of its bits are in somebody's answer
    block = card.blocks[issuer.block]
    for bit in random.sample(range(block.exact_offset + 64, block.exact_offset + block.exact_m - 64), 20):
        flipped = bytearray(body)
        flipped[card.exact_at + 4 + bit // 64 * 8 + 7 - bit % 64 // 8] ^= 1 << bit % 8
        assert wrong_answers(Clubcard(bytes(flipped)), [issuer]) != []
    for end in (0, 1, 100, len(body) - 1):
        with pytest.raises(clubcard_oracle.BadFilter):
            Clubcard(body[:end])
    with pytest.raises(clubcard_oracle.BadFilter):
        Clubcard(body + b"\0")
    with pytest.raises(clubcard_oracle.BadFilter):
        Clubcard(b"\5" + body[1:])


def test_the_example_of_the_document():
    """The octets in docs/formats.md, read by its words."""
    text = (ROOT / "docs" / "formats.md").read_text()
    lines = text.split("```hex filter\n")[1].split("```")[0].splitlines()
    card = Clubcard(bytes.fromhex("".join(line.split("#")[0] for line in lines)))
    (block,) = card.blocks
    answers = {serial: card.revoked(block, clubcard_oracle.content_octets(serial)) for serial in range(0x1001, 0x100B)}
    assert answers == {serial: serial == 0x1002 for serial in answers}
    assert card.covers(clubcard_oracle.log_id("example"), 1764000000000)
    assert not card.covers(clubcard_oracle.log_id("example"), 1764000000001)


def test_the_command(world):
    """statim filter-query, from a URL and from a file; inspect; status; counters."""
    site, issuers = world
    url = site.url + PATH
    path = site.dir / "fetched"
    path.write_bytes(fetch(site))
    issuer = issuers[3]
    good = next(f"{serial:X}" for serial in issuer.known if serial not in issuer.revoked)
    bad = next(f"{serial:X}" for serial in issuer.revoked)

    def ask(source, *arguments, ca=issuer.path):
        done = site.statim("filter-query", source, "--issuer", ca, *arguments, check=False)
        return done.returncode, [line.split(" ", 1)[1] for line in done.stdout.splitlines()], done.stderr

    for source in (url, path):
        assert ask(source, "--serial", good) == (0, ["not revoked"], "")
        assert ask(source, "--serial", bad) == (1, ["revoked"], "")
    assert ask(path, "--serial", good, "--serial", bad, "--serial", good)[:2] == (
        1, ["not revoked", "revoked", "not revoked"])
    stranger = site.dir / "stranger.pem"
    make_ca(site.dir, "stranger")
    assert ask(path, "--serial", good, ca=stranger)[:2] == (2, ["not enrolled"])
    day = 86400
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + day))
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - day))
    log_id = clubcard_oracle.log_id(network_of(site)).hex()
    assert ask(path, "--serial", bad, "--issued", later)[:2] == (2, ["not covered"])
    assert ask(path, "--serial", bad, "--issued", before)[:2] == (1, ["revoked"])
    assert ask(path, "--serial", bad, "--issued", before, "--log", log_id)[:2] == (1, ["revoked"])
    assert ask(path, "--serial", bad, "--issued", before, "--log", "00" * 32)[:2] == (2, ["not covered"])
    for arguments, said in ((("--serial", "xyz"), "hexadecimal"), (("--serial", bad, "--log", "00"), "log id"),
                            (("--serial", bad, "--issued", "soon"), "not a time")):
        status, _, error = ask(path, *arguments)
        assert status == 2 and said in error
    assert ask(site.url + "/none", "--serial", bad)[0] == 2
    assert ask(site.dir / "none", "--serial", bad)[0] == 2
    (site.dir / "cut").write_bytes(path.read_bytes()[:-1])
    assert "ends too early" in ask(site.dir / "cut", "--serial", bad)[2]

    shown = site.statim("inspect", path).stdout
    assert "filter" in shown and log_id in shown and issuer.block.hex() in shown
    assert "filter" in site.statim("inspect", site.dir / "cut", check=False).stderr
    status = site.statim("status", site.dir, "--issuer", "ca").stdout
    known = sum(len(issuer.known) for issuer in issuers)
    revoked = sum(len(issuer.revoked) for issuer in issuers)
    assert PATH in status and f"{revoked} of {known} certificates revoked" in status
    assert f"{len(path.read_bytes())} octets" in status and " bits each" in status


def test_published_only_when_it_changes(make_site):
    """Nothing changes: no other filter, though one is made after each start. What is not configured is taken away."""
    site = make_site()
    site.init()
    port = site.use_presigner_admin()
    use_filter(site)
    issuer = first_issuer(site)
    fill(site, issuer, 50, 5, reasons=("superseded", "keyCompromise", "unspecified"))
    site.start()
    first = wait_for(lambda: fetch(site), "the filter at the edge")
    metrics = site.metrics(port)
    assert metrics["statim_presigner_filter_bytes"] == len(first)
    assert metrics["statim_presigner_filter_certificates"] == 50
    assert metrics["statim_presigner_filter_revocations"] == 5
    assert metrics["statim_presigner_filter_bits_per_revocation_hundredths"] == -(-len(first) * 800 // 5)
    assert metrics["statim_presigner_filters_published_total"] == 1
    site.stop_process(site.presigner)
    site.start_presigner()
    wait_for(lambda: counter(site, port, "filters_made_total") >= 1, "a filter made again")
    site.stop_process(site.presigner)  # with what was made it is done then
    assert [path for path, _ in published(site)].count(PATH) == 1
    assert fetch(site) == first
    for reasons, held in (("specified", {"superseded", "keyCompromise"}), ("priority", {"keyCompromise"})):
        site.stop_process(site.presigner)
        site.edit("presigner.yaml", r"^filter:\n(  reasons:.*\n)?", f"filter:\n  reasons: {reasons}\n")
        site.start_presigner()
        revoked = {serial for serial, reason in issuer.known.items() if reason in held}
        wait_for(lambda: wrong_answers(Clubcard(fetch(site)), [issuer], lambda _: revoked) == [],
                 f"the filter of {reasons} reasons")
    site.stop_process(site.presigner)
    site.edit("presigner.yaml", r"^filter:\n", "filter:\n  path: /elsewhere\n")
    site.start_presigner()
    wait_for(lambda: get(site, path="/elsewhere")[0] == 200 and get(site)[0] == 404, "the filter elsewhere")
    site.stop_process(site.presigner)
    site.edit("presigner.yaml", r"^filter:\n", "filter:\n  enabled: false\n")
    site.start_presigner()
    wait_for(lambda: get(site, path="/elsewhere")[0] == 404, "no filter")
    assert "filter" not in site.statim("status", site.dir).stdout


def test_expired_certificates_leave_it(make_site):
    site = make_site()
    site.init()
    use_filter(site)
    text = (site.dir / "presigner.yaml").read_text()
    (site.dir / "presigner.yaml").write_text("grace_after_expiry_s: 0\n" + text)
    issuer = first_issuer(site)
    fill(site, issuer, 1, 0)
    site.start()
    wait_for(lambda: fetch(site), "the filter at the edge")
    # In time before it expires, if this machine is: else with more time.
    for serial, life_s in ((0x41, 5), (0x43, 15), (0x45, 60)):
        expires = int(time.time()) + life_s
        site.rows.append(f"{serial:x},revoked,{REVOKED_AT_S},superseded,{expires}")
        fill(site, issuer, 1, 0)
        is_in = lambda: Clubcard(fetch(site)).revoked(issuer.block, bytes([serial])) is True
        if wait_for(lambda: "in" if is_in() else time.time() > expires and "late", "the entry", 90) == "in":
            break
    else:
        raise AssertionError("never in the filter")
    wait_for(lambda: not is_in(), "the expired one gone", 90)
    assert wrong_answers(Clubcard(fetch(site)), [issuer]) == []


def test_what_is_refused(make_site):
    """Too much memory: counted, said, and the publication goes on without it."""
    site = make_site()
    site.init()
    port = site.use_presigner_admin()
    use_filter(site, memory_max_bytes=65536)
    issuer = first_issuer(site)
    fill(site, issuer, 9000, 4500)
    site.start()
    wait_for(lambda: counter(site, port, "filter_refused_memory_total") >= 1, "the refusal")
    wait_for(lambda: "memory_max_bytes" in site.presigner_log(), "the line of the log")
    assert fetch(site) is None
    assert counter(site, port, "filters_published_total") == 0
    assert site.healthy()


@pytest.mark.parametrize("keys, said", [({"path": "filter"}, "filter: path"), ({"reasons": "some"}, "reasons"),
                                        ({"interval_s": 0}, "interval_s"), ({"path": "/7/1/0.crl"}, "among the CRLs")])
def test_bad_keys(make_site, keys, said):
    site = make_site()
    site.init()
    use_filter(site, **keys)
    with open(site.dir / "presigner.yaml", "a", encoding="utf-8") as file:
        file.write("    crl:\n      url_base: http://crl.test/7\n      scope: user\n")
    done = site.presign_once(check=False)
    assert done.returncode != 0 and said in done.stderr


def test_two_issuers_of_one_key(make_site):
    """A filter knows issuers by their key."""
    site = make_site()
    site.init()
    use_filter(site)
    run("openssl", "x509", "-in", site.ca, "-signkey", site.dir / "ca-key.pem", "-set_serial", "77", "-out",
        site.dir / "again.pem")
    with open(site.dir / "presigner.yaml", "a", encoding="utf-8") as file:
        file.write("  - name: again\n    ca_certificate: again.pem\n    key:\n      file: ca-key.pem\n")
    assert site.presign_once(check=False).returncode != 0


def test_files_that_are_gone(make_site):
    """Somebody empties the folder of blobs: all are made anew, and an edge can start from nothing."""
    site = make_site()
    site.init()
    use_crls(site, shards=2)
    use_filter(site)
    fill(site, first_issuer(site), 20, 5)
    paths = {PATH, "/7/1/0.crl", "/7/1/1.crl", "/7/ca.crt"}
    site.start_presigner()
    wait_for(lambda: {path for path, _ in published(site)} == paths, "all published", 60, site.presigner)
    site.stop_process(site.presigner)
    for path in (site.dir / "pub" / "blob").iterdir():
        path.unlink()
    site.start_presigner()
    site.start_edge()
    for path in sorted(paths):
        wait_for(lambda path=path: get(site, path=path)[0] == 200, f"{path} at a new edge", 60, site.edge)
    assert site.healthy()
    assert "is gone" in site.presigner_log()
