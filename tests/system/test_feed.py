# SPDX-License-Identifier: Apache-2.0
"""The presigner follows the feed of an issuer, which the test plays: nothing is lost or doubled, whatever happens to
either side, and what contradicts what is known is not taken."""

import hashlib
import random
import re
import shutil
import signal
import threading
import time

import pytest

import ocsp_oracle
from feed_world import Issuer, Pki, event_line, issuer_id, use_feed
from site_under_test import NOT_AFTER_S, wait_for
from test_crl import load, serials, use_crls

QUICK_S = 60
# A sanitizer's build, a busy machine: far above what it takes.
REVOKED_S = 15


class Followed:
    """A site whose presigner follows an issuer."""

    def __init__(self, make_site, tmp_path, name="site", **keys):
        self.site = make_site(name)
        self.site.init()
        self.ca = issuer_id(self.site.ca)
        self.issuer = Issuer(tmp_path / f"{name}-issuer", self.ca).start()
        use_feed(self.site, self.issuer, **keys)
        self.port = self.site.use_presigner_admin()
        self.oracle = ocsp_oracle.load(self.site.ca)
        self.next = 0x41000000

    def issue(self, **how):
        """A new certificate: seq and serial."""
        self.next += random.randrange(1, 1000)
        return self.issuer.add(self.ca, f"{self.next:X}", **how), f"{self.next:X}"

    def status(self, serial):
        """What the database has: "good", "revoked", or None."""
        done = self.site.statim("status", self.site.dir, serial, check=False)
        return re.search(r"^status +(\w+)", done.stdout, re.M)[1] if done.returncode == 0 else None

    def answer(self, serial):
        """What the edge says."""
        number = int(serial, 16)
        der = ocsp_oracle.request_for_serial(self.oracle, number)
        try:
            return ocsp_oracle.judge(ocsp_oracle.exchange(self.site.port, der)[2], self.oracle, number)[0]
        except ocsp_oracle.Refused as refused:
            return str(refused)

    def is_published(self, serial):
        """Whether the publication has a statement of it now, by the presigner's own tool."""
        return "not yet" not in self.site.statim("status", self.site.dir, serial).stdout

    def samples(self):
        try:
            return self.site.metrics(self.port)
        except OSError:
            return None

    def metric(self, name):
        samples = wait_for(self.samples, "the metrics", QUICK_S, self.site.presigner)
        label = f'statim_presigner_{name}{{issuer="{self.name()}"}}'
        plain = f"statim_presigner_{name}"
        return samples[next(key for key in (label, plain, f"{plain}_total") if key in samples)]

    def name(self):
        return re.search(r"^  - name: (\S+)", (self.site.dir / "presigner.yaml").read_text(), re.M)[1]

    def wait_log(self, text):
        wait_for(lambda: text in self.site.presigner_log(), f'"{text}" in the log', QUICK_S, self.site.presigner)

    def sequence(self):
        """How many changes the database has had."""
        return int(self.metric("sequence"))


@pytest.fixture
def make_followed(make_site, tmp_path):
    made = []

    def make(name="site", **keys):
        made.append(Followed(make_site, tmp_path, name, **keys))
        return made[-1]

    yield make
    for followed in made:
        followed.issuer.stop()


@pytest.fixture
def followed(make_followed):
    return make_followed()


def test_from_event_to_edge(followed):
    site, issuer, ca = followed.site, followed.issuer, followed.ca
    site.start()
    seq, serial = followed.issue()
    issuer.wait_published(ca, seq)
    wait_for(lambda: followed.answer(serial) == "GOOD", "a good answer", QUICK_S)
    # Faster than by looking: the loop is woken.
    begin = time.monotonic()
    seq = issuer.revoke(ca, serial)
    issuer.wait_published(ca, seq)
    assert time.monotonic() - begin < REVOKED_S
    wait_for(lambda: followed.answer(serial) == "REVOKED", "a revoked answer", QUICK_S)
    assert followed.metric("feed_seq") == followed.metric("feed_published_seq") == 2
    wait_for(lambda: followed.metric("feed_said_seq") == 2, "the gauge", QUICK_S)
    assert followed.metric("feed_events") == followed.metric("feed_changes") == 2
    assert followed.metric("feed_failing") == followed.metric("feed_failures") == 0
    # Which statements were signed for it is told for its audit log: the entry names itself by its hash.
    wait_for(lambda: sum(row.get("statements", 0) for row in issuer.signed[ca]) >= 2, "the report", QUICK_S)
    for row in issuer.signed[ca]:
        entry = (site.dir / "pub/log" / str(row["log_number"])).read_bytes()
        assert row["sha256"] == hashlib.sha256(entry).hexdigest()


def test_resumes_where_it_was(followed):
    site, issuer, ca = followed.site, followed.issuer, followed.ca
    first = [followed.issue()[0] for _ in range(5)]
    site.presign_once()
    assert issuer.published[ca] == first[-1]
    issuer.asked.clear()
    second = [followed.issue()[0] for _ in range(5)]
    site.start_presigner()
    issuer.wait_published(ca, second[-1])
    assert issuer.asked[0]["after"] == "5"
    assert issuer.asked[0]["hash"] == hashlib.sha256(issuer.events[ca][4]).hexdigest()
    assert followed.sequence() == 10
    # What is known already changes nothing, and is published all the same.
    issuer.revoke(ca, "4FFF")
    issuer.wait_published(ca, issuer.revoke(ca, "4FFF"))
    assert followed.sequence() == 11
    assert followed.status("4FFF") == "revoked"


def starts_from_a_copy(followed, status, head):
    """Starts the presigner with the copy, and answers it after a second; whether it has published before."""
    site, issuer, go_on = followed.site, followed.issuer, threading.Event()
    shutil.rmtree(status)
    shutil.copytree(site.dir / "copy", status)
    head.unlink()
    issuer.answer = lambda events, query: go_on.wait(QUICK_S) and None
    issuer.asked.clear()
    site.start_presigner()
    wait_for(lambda: issuer.asked, "a question", QUICK_S, site.presigner)
    until = time.monotonic() + 1
    wait_for(lambda: head.exists() or time.monotonic() >= until, "a second", QUICK_S, site.presigner)
    is_early = head.exists()
    go_on.set()
    wait_for(head.exists, "the head", QUICK_S, site.presigner)
    return is_early


def test_asks_before_it_publishes(followed):
    """A database from a backup: what the issuer has revoked since is not signed as good again."""
    site, issuer = followed.site, followed.issuer
    status, head = site.dir / "presigner/status", site.dir / "pub/head"
    _, serial = followed.issue()
    site.presign_once()
    shutil.copytree(status, site.dir / "copy")
    issuer.revoke(followed.ca, serial)
    site.presign_once()
    for _ in range(5):
        is_early = starts_from_a_copy(followed, status, head)
        if "publishing without it" not in site.presigner_log():
            break
        # It waits for 5 s at most, and the machine was too busy to answer within them.
        site.stop_process(site.presigner)
        (site.dir / "presigner.log").write_text("")
    assert not is_early and "publishing without it" not in site.presigner_log()
    assert followed.status(serial) == "revoked"


def test_pages(make_followed):
    followed = make_followed(batch_count=7)
    for _ in range(50):
        followed.issue()
    followed.site.start_presigner()
    followed.issuer.wait_published(followed.ca, 50)
    assert {query["limit"] for query in followed.issuer.asked} == {"7"}
    assert followed.sequence() == 50


def test_many_are_published_as_a_range(followed):
    """More than a range takes one by one: said to be published only when their statements are."""
    followed.issuer.events[followed.ca] = [event_line(i + 1, f"{0x42000000 + i:X}") for i in range(5000)]
    followed.site.start()
    followed.issuer.wait_published(followed.ca, 5000, 60)
    last = f"{0x42000000 + 4999:X}"
    assert followed.is_published(last)
    wait_for(lambda: followed.answer(last) == "GOOD", "the last one's answer", QUICK_S)


def test_few_do_not_wait_for_a_dirty_range(followed):
    """The range that they fall in is to be signed anew; they are published at once, each."""
    followed.issuer.events[followed.ca] = [event_line(i + 1, f"{0x42000000 + i:X}") for i in range(900)]
    followed.site.start_presigner()
    followed.issuer.wait_published(followed.ca, 900)
    for _ in range(300):
        seq, serial = followed.issue()
    followed.issuer.wait_published(followed.ca, seq)
    assert followed.is_published(serial)
    assert followed.sequence() == 1200


def body_of(*lines):
    return 200, "application/x-ndjson", b"".join(line + b"\n" for line in lines)


BAD = {
    "a gap": (lambda events, query: body_of(*events[:1], *events[2:]), "event 3 follows event 1"),
    "an older one": (lambda events, query: body_of(event_line(0x10, "41")), "event 16 follows event 0"),
    "twice": (lambda events, query: body_of(events[0], events[0]), "event 1 follows event 1"),
    "no JSON": (lambda events, query: body_of(b"what"), "is no event"),
    "torn": (lambda events, query: (200, "application/x-ndjson", events[0] + b"\n" + events[1]), "ends in the line"),
    "an empty line": (lambda events, query: body_of(events[0], b""), "is no event"),
    "a shard that is not ours": (lambda events, query: body_of(event_line(1, "41", shard="3/0")), "names CRL 3/0"),
    "a problem": (lambda events, query: (409, "application/problem+json", b'{"type":"urn:statim:problem:bad-position"}'),
                  "bad-position"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_answers_are_not_taken(followed, what):
    answer, said = BAD[what]
    for _ in range(3):
        followed.issue()
    followed.issuer.answer = answer
    followed.site.start_presigner()
    followed.wait_log(said)
    assert "nothing more is taken until this is put right" in followed.site.presigner_log()
    wait_for(lambda: followed.metric("feed_stopped") == 1, "the gauge", QUICK_S)
    assert "feed contradicts" in followed.site.admin("/healthz", followed.port)[1]
    # All or nothing: the good lines before the bad one are not taken either.
    assert followed.sequence() == 0
    # Put right, and looked at anew.
    followed.issuer.answer = None
    followed.site.stop_process(followed.site.presigner)
    followed.site.start_presigner()
    followed.issuer.wait_published(followed.ca, 3)
    assert followed.sequence() == 3


def test_refusals_that_pass(followed):
    """What may be over in a moment is asked again by itself."""
    seq, _ = followed.issue()
    answers = iter([(500, "text/plain", b"no"), (503, "application/problem+json", b"{}"), (404, "text/html", b"\x1b[2J"),
                    (200, "text/html", b"<html>"), (301, "text/plain", b"")])
    followed.issuer.answer = lambda events, query: next(answers, None)
    followed.site.start_presigner()
    followed.issuer.wait_published(followed.ca, seq)
    log = followed.site.presigner_log()
    assert "HTTP status 500" in log and "\x1b" not in log
    assert followed.metric("feed_failures") >= 5
    assert followed.metric("feed_failing") == 0
    assert "goes on after event" in log


def test_a_longer_answer_than_allowed(followed):
    followed.issue()
    followed.issuer.answer = lambda events, query: (200, "application/x-ndjson", b"x" * 1_000_000)
    followed.site.start_presigner()
    followed.wait_log("longer than it may be")


def test_cut_in_the_middle(followed):
    """A connection that breaks within an answer: nothing of it is taken, and it comes again."""
    for _ in range(3):
        followed.issue()
    answers = iter([*body_of(*followed.issuer.events[followed.ca])[:2]] and
                   [(200, "application/x-ndjson", b"\n".join(followed.issuer.events[followed.ca])[:150], 5000)])
    followed.issuer.answer = lambda events, query: next(answers, None)
    followed.site.start_presigner()
    followed.issuer.wait_published(followed.ca, 3)
    assert followed.metric("feed_failures") == 1


def test_restored_issuer(followed):
    """An older registry: first its position is refused, then, with other events, its history."""
    for _ in range(4):
        followed.issue()
    followed.site.start_presigner()
    followed.issuer.wait_published(followed.ca, 4)
    followed.site.stop_process(followed.site.presigner)
    del followed.issuer.events[followed.ca][2:]
    followed.issuer.published[followed.ca] = 0
    followed.site.start_presigner()
    followed.wait_log("bad-position")
    for _ in range(5):
        followed.issue()
    followed.site.stop_process(followed.site.presigner)
    (followed.site.dir / "presigner.log").write_text("")
    followed.site.start_presigner()
    followed.wait_log("bad-position")
    wait_for(lambda: followed.sequence() == 4, "what was known before", QUICK_S)
    # Nor is it told that events of its own, with numbers of others, are published.
    assert followed.issuer.published[followed.ca] == 0
    # A person knows: its events are taken from the first on, and join what is there.
    followed.site.stop_process(followed.site.presigner)
    anew = followed.site.dir / "presigner/feed-anew"
    anew.touch()
    followed.site.start_presigner()
    followed.issuer.wait_published(followed.ca, 7)
    assert followed.sequence() == 4 + 5
    assert not anew.exists()
    assert followed.metric("feed_stopped") == 0


def test_away_and_back(followed):
    seq, _ = followed.issue()
    followed.site.start_presigner()
    followed.issuer.wait_published(followed.ca, seq)
    followed.issuer.stop()
    wait_for(lambda: followed.metric("feed_failing") == 1, "the gauge", QUICK_S)
    assert "feed cannot be read" in followed.site.admin("/healthz", followed.port)[1]
    # One that begins anew knows of nothing: it is told again what is published.
    followed.issuer.published[followed.ca] = 0
    followed.issuer.start()
    followed.issuer.wait_published(followed.ca, seq)
    seq, _ = followed.issue()
    followed.issuer.wait_published(followed.ca, seq)
    assert followed.site.presigner_log().count("feed: goes on") == 1


def test_wrong_certificates(make_followed, tmp_path):
    other = Pki(tmp_path, "other")
    # Ours is none that the issuer knows; the issuer's is none that we know, or of another address.
    client = other.issue("presigner")
    followed = make_followed("a", certificate=client[0], key=client[1])
    followed.issue()
    followed.site.start_presigner()
    wait_for(lambda: followed.metric("feed_failures") >= 2, "the failures", QUICK_S, followed.site.presigner)
    assert not followed.issuer.asked
    for name, pki, address in (("b", other, "127.0.0.1"), ("c", None, "127.0.0.2")):
        followed = make_followed(name)
        followed.issuer.stop()
        followed.issuer.certificate = (pki or followed.issuer.pki).issue("wrong", address=address)
        followed.issuer.start()
        followed.issue()
        followed.site.start_presigner()
        followed.wait_log("SSL")
        assert not followed.issuer.asked
        assert followed.sequence() == 0


def test_once_without_the_issuer(followed):
    followed.issue()
    followed.issuer.stop()
    assert followed.site.presign_once(check=False).returncode != 0
    followed.issuer.start()
    followed.site.presign_once()
    assert followed.issuer.published[followed.ca] == 1


def test_several_issuers_and_a_file(followed, make_site, tmp_path):
    """One with a feed, one with a feed of another issuer, one with a file only; the first gets a file, too."""
    site = followed.site
    for name in ("two", "three"):
        other = make_site(name)
        other.init()
        (site.dir / f"{name}.pem").write_bytes(other.ca.read_bytes())
        (site.dir / f"{name}-key.pem").write_bytes((other.dir / "ca-key.pem").read_bytes())
        with open(site.dir / "presigner.yaml", "a", encoding="utf-8") as file:
            file.write(f"  - name: {name}\n    ca_certificate: {name}.pem\n    key: {{file: {name}-key.pem}}\n")
    second_ca = issuer_id(site.dir / "two.pem")
    second = Issuer(tmp_path / "second", second_ca).start()
    try:
        use_feed(site, second, "two")
        first_name = followed.name()
        site.start_presigner()
        seqs = [followed.issue()[0] for _ in range(20)]
        for i in range(20):
            last = second.add(second_ca, f"{0x5000 + i:X}")
        rows = site.dir / "rows.csv"
        rows.write_text("serial,status,revoked_at,reason,not_after\n" +
                        f"41AA,good,,,{NOT_AFTER_S}\n41AB,revoked,1700000000,superseded,{NOT_AFTER_S}\n")
        for name in (first_name, "three"):
            site.statim("import", site.dir, rows, "--issuer", name)
        followed.issuer.wait_published(followed.ca, seqs[-1])
        second.wait_published(second_ca, last)
        # The file's revocation wins over the feed's word, whichever comes first.
        followed.issuer.wait_published(followed.ca, followed.issuer.add(followed.ca, "41AB"))
        done = site.statim("status", site.dir, "41AB", "--issuer", first_name)
        assert "revoked" in done.stdout and "superseded" in done.stdout
        # The second is away: the first goes on.
        second.stop()
        followed.issuer.wait_published(followed.ca, followed.issue()[0])
    finally:
        second.stop()


def test_shards(followed):
    """An event brings its certificate's shard; the CRL of that shard has it."""
    use_crls(followed.site, debounce_s=0, shards=4)
    followed.site.start_presigner()
    followed.issuer.add(followed.ca, "4001", shard="1/3")  # not what its serial says
    followed.issuer.revoke(followed.ca, "4001", shard="1/3")
    followed.issuer.wait_published(followed.ca, followed.issuer.revoke(followed.ca, "4001", shard="1/2"))
    wait_for(lambda: 0x4001 in serials(load(followed.site, "/7/1/3.crl")), "the entry", QUICK_S)
    assert "4001 on 1/3 and not 1/2" in followed.site.presigner_log()
    assert followed.metric("feed_shard_conflicts") == 1
    wait_for(lambda: any("crl_number" in row for row in followed.issuer.signed[followed.ca]), "the report", QUICK_S)


def test_crls_that_nobody_makes(followed):
    """The issuer's certificates name CRLs of another configuration: it is said, and statuses go on."""
    site, issuer = followed.site, followed.issuer
    use_crls(site, debounce_s=0, shards=4)
    base = re.search(r"url_base: (\S+)", (site.dir / "presigner.yaml").read_text())[1].strip('",}')
    site.start_presigner()
    issuer.wait_published(followed.ca, followed.issue(shard="1/3")[0])
    assert followed.metric("feed_crl_missing") == 0
    for url, missing in ((f"{base}/1/3.crl", 0), (f"{base}/1/4.crl", 1), (f"{base}/1/2.crl", 0), (f"{base}/2/3.crl", 1),
                         (f"{base}x/1/3.crl", 1)):
        issuer.crl_url = url
        issuer.wait_published(followed.ca, followed.issue()[0])
        wait_for(lambda: followed.metric("feed_crl_missing") == missing, url, QUICK_S, site.presigner)
        assert (f"name CRLs up to {url}, which are not published" in site.presigner_log()) == bool(missing)
    assert "name CRLs that are not published here" in site.admin("/healthz", followed.port)[1]
    assert followed.metric("feed_failures") == 0


@pytest.mark.long
def test_killed_again_and_again(followed):
    """kill -9 of the presigner while events come: in the end each was taken once, in order, and none is missing."""
    site, issuer, ca = followed.site, followed.issuer, followed.ca
    random.seed(4)
    revoked, good, changes = set(), set(), 0
    for _ in range(12):
        site.start_presigner()
        until = time.monotonic() + random.uniform(0.05, 0.6)
        while time.monotonic() < until:
            serial = followed.issue()[1]
            good.add(serial)
            changes += 1
            if random.random() < 0.4:
                serial = random.choice(sorted(good))
                issuer.revoke(ca, serial, "superseded")
                changes += serial not in revoked
                revoked.add(serial)
            time.sleep(0.003)
        site.stop_process(site.presigner, signal.SIGKILL)
    site.start()
    issuer.wait_published(ca, len(issuer.events[ca]), 60)
    assert followed.sequence() == changes
    for serial in random.sample(sorted(good), 20) + sorted(revoked)[:20]:
        assert followed.status(serial) == ("revoked" if serial in revoked else "good")

    def told():
        """What the issuer knows of, each once: after a crash it is told some twice."""
        return {(row["log_number"], row["sha256"]): row["statements"] for row in issuer.signed[ca] if "statements" in row}

    # It is told once a second, of so many log entries at most.
    wait_for(lambda: sum(told().values()) >= len(good), "the report", QUICK_S, site.presigner)
