# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around the programs: time, keys, disks, configurations. Nothing wrong is served,
the trouble is told, and all is well when it is over."""

import datetime
import re
import shutil
import time

import pytest

import ocsp_oracle
from foreign_ca import ForeignCa
from site_under_test import EDGE, NOT_AFTER_S, PRESIGNER, STATIM, run, wait_for
from small_disk import SmallDisk

GOOD, REVOKED = ("GOOD", None), ("REVOKED", "superseded")


@pytest.fixture
def site(make_site):
    """A site with two certificates, imported, nothing running."""
    site = make_site()
    site.init()
    site.issue_certificate("good")
    site.issue_certificate("other")
    site.import_certificates()
    return site


def health(site, port=None):
    try:
        return site.admin("/healthz", port)
    except OSError:
        return 0, ""


# Time


@pytest.mark.long
def test_a_head_past_its_validity(site):
    """The edge serves on, and says so; a new head ends it."""
    site.edit("presigner.yaml", r"\Z", "head_validity_s: 4\nhead_refresh_s: 1\n")
    site.start()
    site.stop_process(site.presigner)
    wait_for(lambda: "the newest head is past its validity\n" in health(site)[1], "red", 30)
    assert site.answer() == GOOD
    wait_for(lambda: site.metrics()["statim_edge_sync_heads_refused_expired_total"] > 0, "the count")
    site.start_presigner()
    site.wait_healthy(40)
    assert site.answer() == GOOD


def test_an_edge_does_not_start_from_an_old_head(site):
    site.edit("presigner.yaml", r"\Z", "head_validity_s: 2\nhead_refresh_s: 1\n")
    site.presign_once()
    valid_until = int(re.search(r"^valid-until (\d+)$", (site.dir / "pub/head").read_text(), re.M)[1])
    wait_for(lambda: time.time() > valid_until + 1, "the head past its validity", 10)
    site.start_edge(wait=False)
    wait_for(lambda: "no head has been accepted yet\n" in health(site)[1], "red", 30)
    wait_for(lambda: site.metrics()["statim_edge_sync_heads_refused_expired_total"] >= 2, "refusals")
    assert "past its validity: refused" in site.edge_log()
    assert site.answer() == "TRY_LATER"
    site.start_presigner()
    site.wait_healthy(40)
    assert site.answer() == GOOD


@pytest.mark.long
def test_statements_past_their_next_update(site):
    """They become tryLater, never served; counted, red; and good again when there are new ones."""
    site.edit("presigner.yaml", r"\Z", "allow_any_validity: true\n")
    site.edit("presigner.yaml", r"^  - name: ca$",
              "  - name: ca\n    validity_s: 6\n    refresh_s: 2\n    backdate_s: 0")
    port = site.use_presigner_admin()
    site.start()
    wait_for(lambda: site.answer() == GOOD, "current statements")
    wait_for(lambda: health(site, port) == (200, "ok\n"), "the presigner's green")
    site.stop_process(site.presigner)
    stale = 'statim_edge_outcomes_total{outcome="stale",status="200"}'

    def gone_by():
        answer = site.answer()
        assert answer in (GOOD, "TRY_LATER"), answer  # the oracle refuses what is not current
        return answer == "TRY_LATER"

    wait_for(gone_by, "tryLater", 30)

    def red():
        gone_by()
        return "of 1000 answers are past their nextUpdate" in health(site)[1]

    wait_for(red, "red", 40)
    assert site.metrics()[stale] > 1
    site.start_presigner()
    wait_for(lambda: site.answer() == GOOD, "new statements")
    wait_for(lambda: health(site)[0] == 200, "green", 40)


@pytest.mark.long
def test_statements_stay_current_over_many_refreshes(site):
    """A short validity, turned over again and again: no request ever meets an old one."""
    site.edit("presigner.yaml", r"\Z", "allow_any_validity: true\n")
    site.edit("presigner.yaml", r"^  - name: ca$",
              "  - name: ca\n    validity_s: 8\n    refresh_s: 2\n    backdate_s: 0")
    site.start()
    seen = set()
    certificate, issuer = ocsp_oracle.load(site.certificates["good"]), ocsp_oracle.load(site.ca)
    der = ocsp_oracle.request_der(certificate, issuer)

    def turned_over():
        asked_at = datetime.datetime.now(datetime.timezone.utc)
        body = ocsp_oracle.exchange(site.port, der)[2]
        assert ocsp_oracle.judge(body, issuer, certificate.serial_number, asked_at) == GOOD
        seen.add(body)
        return len(seen) >= 5

    wait_for(turned_over, "five refreshes", 40)


# Keys


def test_a_key_that_is_not_the_certificates(site, tmp_path):
    other = ForeignCa(tmp_path / "other", "p256")
    shutil.copy(other.key, site.dir / "ca-key.pem")
    done = site.presign_once(check=False)
    assert done.returncode == 1
    assert "ca" in done.stderr and "key" in done.stderr and done.stderr.count("\n") <= 3, done.stderr
    assert not (site.dir / "pub/head").exists()


def test_a_key_of_another_kind(site, tmp_path):
    other = ForeignCa(tmp_path / "other", "rsa2048")
    shutil.copy(other.key, site.dir / "ca-key.pem")
    done = site.presign_once(check=False)
    assert done.returncode == 1 and "key" in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["ca.pem", "ca-key.pem", "publish-key.pem"])
@pytest.mark.parametrize("how", ["missing", "garbage", "empty"])
def test_a_file_that_the_presigner_cannot_use(site, name, how):
    path = site.dir / name
    if how == "missing":
        path.unlink()
    else:
        path.write_text("" if how == "empty" else "-----BEGIN GARBAGE-----\nAAAA\n-----END GARBAGE-----\n")
    done = site.presign_once(check=False)
    assert done.returncode == 1
    assert name in done.stderr, done.stderr


def refused_for_its_key(site):
    """How many heads the edge has refused because somebody else signed them."""
    metrics = site.metrics()
    return sum(metrics[f"statim_edge_sync_heads_refused_{why}_total"] for why in ("key", "network"))


def test_another_publish_key(site, make_site):
    """The edge trusts another key than the publication is signed by."""
    other = make_site("other")
    other.init()
    shutil.copy(other.dir / "publish-key.pub", site.dir / "publish-key.pub")
    site.presign_once()
    site.start_edge(wait=False)
    wait_for(lambda: health(site)[0] == 503, "red")
    wait_for(lambda: refused_for_its_key(site) > 0, "the refusal")
    # Counted first, and told then.
    wait_for(lambda: "an unknown, wrong or unusable key: refused" in site.edge_log(), "the line of it")
    assert site.answer() == "TRY_LATER"


def test_the_publish_key_changes_under_way(site, make_site):
    """The publication goes on under another key of the same network: the edge keeps what it has."""
    site.start()
    network = re.search(r"^network: (.+)$", (site.dir / "presigner.yaml").read_text(), re.M)[1]
    other = make_site("other")
    other.init("--network", network)
    site.stop_process(site.presigner)
    shutil.copy(other.dir / "publish-key.pem", site.dir / "publish-key.pem")
    site.revoke("good")
    site.presign_once(check=False)
    wait_for(lambda: refused_for_its_key(site) > 1, "the refusals")
    assert site.answer() == GOOD


def test_statements_of_a_ca_that_the_edge_does_not_know(site, tmp_path):
    """With ca_certificates of another CA nothing is taken, and that stops nothing; once the CA is
    configured all is taken."""
    other = ForeignCa(tmp_path / "other", "p256")
    site.edit("presigner.yaml", r"^publish_dir:", "index_interval_s: 1\npublish_dir:")
    site.edit("edge.yaml", r"^  - ca\.pem$", f"  - {other.certificate}")
    site.start_presigner()
    site.start_edge()
    site.issue_certificate("late")
    site.import_certificates()
    passed = lambda: site.metrics()["statim_edge_sync_items_passed_over_total"]
    before = passed()
    site.revoke("late")
    wait_for(lambda: passed() > before, "the next entry", 20)
    metrics = site.metrics()
    assert metrics["statim_edge_snapshot_statements"] == 0
    assert metrics["statim_edge_sync_content_refused_total"] == 0
    wait_for(lambda: "is passed over" in site.edge_log(), "the warning")
    assert site.edge_log().count("is passed over") == 1
    assert site.answer() == "UNAUTHORIZED"
    site.edit("edge.yaml", f"^  - {other.certificate}$", f"  - {other.certificate}\n  - ca.pem")
    site.reload_edge()
    wait_for(lambda: site.answer() == GOOD and site.answer("late")[0] == "REVOKED", "the skipped data", 40)
    site.edit("edge.yaml", "^  - ca.pem$", "")
    site.reload_edge()
    site.revoke("good")  # a change, for an index
    wait_for(lambda: site.answer("other") == "UNAUTHORIZED", "what is not trusted gone", 40)


@pytest.mark.parametrize("nocheck", [False, True])
def test_a_responder_without_nocheck_is_warned_of(site, nocheck):
    """Clients would ask whether the responder itself is revoked (RFC 6960 4.2.2.2.1)."""
    key, csr, cert, extensions = (site.dir / f"responder.{end}" for end in ("key", "csr", "pem", "ext"))
    extensions.write_text("extendedKeyUsage = OCSPSigning\n" + "1.3.6.1.5.5.7.48.1.5 = ASN1:NULL\n" * nocheck)
    run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
        "-subj", "/CN=Responder", "-out", csr)
    run("openssl", "x509", "-req", "-in", csr, "-CA", site.ca, "-CAkey", site.dir / "ca-key.pem", "-extfile",
        extensions, "-days", "90", "-out", cert)
    site.use_responder(cert, key)
    assert ("without id-pkix-ocsp-nocheck" in site.presign_once().stderr) == (not nocheck)


# Disks


@pytest.fixture
def small_disk():
    disks = []

    def make(folder, size_kib):
        try:
            disks.append(SmallDisk(folder, size_kib))
        except OSError as error:
            pytest.skip(str(error))
        return disks[-1]

    yield make
    for disk in disks:
        disk.remove()


def on_small_disk(site, disk, folder):
    """Lets all programs of the site see the disk, with what was in the folder."""
    site.enter = disk.enter
    run("chmod", "--reference", folder, disk.path())


def test_no_room_for_the_publication(site, small_disk):
    disk = small_disk(site.dir / "pub", 1024)
    on_small_disk(site, disk, site.dir / "pub")
    port = site.use_presigner_admin()
    site.start()
    assert site.answer() == GOOD
    disk.fill()
    site.revoke("good")
    wait_for(lambda: health(site, port)[0] == 503 and "no space" in health(site, port)[1], "red")
    assert site.metrics(port)["statim_presigner_disk_full_total"] > 0
    wait_for(lambda: "no space" in site.presigner_log(), "the line of it")
    assert site.answer() == GOOD and site.answer("other") == GOOD and site.healthy()
    disk.free()
    wait_for(lambda: site.answer() == REVOKED, "the revocation", 60)
    wait_for(lambda: health(site, port)[0] == 200, "green", 20)
    assert site.answer("other") == GOOD
    assert site.presigner.poll() is None and site.edge.poll() is None


def test_no_room_for_the_status_database(site, small_disk, tmp_path):
    """`statim revoke` says so and takes nothing, and works when there is room again."""
    kept = tmp_path / "kept"
    shutil.copytree(site.dir / "presigner", kept)
    disk = small_disk(site.dir / "presigner", 1024)
    run("cp", "-a", "--sparse=always", f"{kept}/.", disk.path())
    on_small_disk(site, disk, kept)
    site.start()
    assert site.answer() == GOOD
    disk.fill()
    path = site.dir / "more.csv"
    path.write_text("".join(f"{0x5000 + i:X},good,,,{NOT_AFTER_S}\n" for i in range(5000)))
    done = site.statim("import", site.dir, path, check=False)
    assert done.returncode != 0 and "no space" in done.stderr, done.stderr
    wait_for(lambda: site.answer() == GOOD and site.healthy(), "still well")
    disk.free()
    done = site.statim("import", site.dir, path, check=False)
    assert done.returncode == 0, done.stderr
    site.revoke("good")
    wait_for(lambda: site.answer() == REVOKED, "the revocation", 60)
    assert site.presigner.poll() is None


def test_no_room_for_the_edges_store(site, small_disk):
    disk = small_disk(site.dir / "edge", 1024)
    on_small_disk(site, disk, site.dir / "edge")
    site.start()
    assert site.answer() == GOOD
    disk.fill()
    site.revoke("good")
    more = site.dir / "more.csv"
    more.write_text("".join(f"{0x5000 + i:X},good,,,{NOT_AFTER_S}\n" for i in range(3000)))
    site.statim("import", site.dir, more)
    wait_for(lambda: site.metrics()["statim_edge_sync_disk_full_total"] > 0, "the count")
    assert "no space" in site.edge_log()  # told before it is counted
    serving = site.child("serve")
    assert site.answer("other") == GOOD
    assert site.answer() in (GOOD, REVOKED)  # a small entry may have found room in the file
    disk.free()
    wait_for(lambda: site.answer() == REVOKED, "the revocation", 60)
    wait_for(lambda: site.metrics()["statim_edge_snapshot_statements"] == 3002, "all statements", 60)
    assert site.child("serve") == serving and site.healthy()


# Configurations

EDGE_BROKEN = {
    "unknown key": (r"\Z", "surprise: 1\n", ["edge.yaml:LAST", "surprise"]),
    "wrong type": (r"\Z", "workers: many\n", ["edge.yaml:LAST", "workers"]),
    "negative": (r"\Z", "workers: -1\n", ["edge.yaml:LAST", "workers"]),
    "out of range": (r"\Z", "workers: 257\n", ["edge.yaml:LAST", "workers"]),
    "below range": (r"\Z", "poll_ms: 1\n", ["edge.yaml:LAST", "poll_ms"]),
    "unknown word": (r"\Z", "log_level: chatty\n", ["edge.yaml:LAST", "log_level"]),
    "key twice": (r"\Z", "data_dir: there\n", ["edge.yaml", "data_dir"]),
    "list for a text": (r"^data_dir: .*$", "data_dir: [a]", ["edge.yaml:3", "data_dir"]),
    "text for a list": (r"^listen:\n(?:  .*\n)+", "listen: here\n", ["edge.yaml", "listen"]),
    "empty list": (r"^listen:\n(?:  .*\n)+", "listen: []\n", ["edge.yaml", "listen"]),
    "missing key": (r"^data_dir: .*\n", "", ["edge.yaml", "data_dir"]),
    "bad address": (r"^  - '127.*$", "  - '127.0.0.1'", ["edge.yaml", "listen", "127.0.0.1"]),
    "bad port": (r"^  - '127.*$", "  - '127.0.0.1:99999'", ["edge.yaml", "listen", "99999"]),
    "same address twice": (r"^(  - '127.*)$", r"\1\n\1", ["edge.yaml", "listen", "twice"]),
    "bad admin": (r"^admin: .*$", "admin: '1.2.3.4.5:1'", ["edge.yaml", "admin"]),
    "no key file": (r"^publish_key: .*$", "publish_key: nowhere.pub", ["edge.yaml", "publish_key", "nowhere.pub"]),
    "key of no form": (r"^publish_key: .*$", "publish_key: ca.pem", ["edge.yaml", "publish_key", "ca.pem"]),
    "buffers not a power of two": (r"\Z", "receive_buffers: 1000\n", ["edge.yaml", "receive_buffers"]),
    "tab": (r"\Z", "\tworkers: 1\n", ["edge.yaml:LAST"]),
    "open quote": (r"\Z", "user: 'me\n", ["edge.yaml"]),
    "empty": (r"(?s)\A.*\Z", "", ["edge.yaml"]),
    "binary": (r"\Z", "\0\1\2", ["edge.yaml"]),
}

PRESIGNER_BROKEN = {
    "unknown key": (r"\Z", "surprise: 1\n", ["presigner.yaml:LAST", "surprise"]),
    "unknown key of an issuer": (r"\Z", "    surprise: 1\n", ["presigner.yaml:LAST", "surprise"]),
    "wrong type": (r"\Z", "sign_threads: all\n", ["presigner.yaml:LAST", "sign_threads"]),
    "out of range": (r"\Z", "head_validity_s: 99999999\n", ["presigner.yaml:LAST", "head_validity_s"]),
    "unknown word": (r"\Z", "verify: perhaps\n", ["presigner.yaml:LAST", "verify"]),
    "missing key": (r"^state_dir: .*\n", "", ["presigner.yaml", "state_dir"]),
    "no issuers": (r"^issuers:\n(?:  .*\n)+", "issuers: []\n", ["presigner.yaml", "issuers"]),
    "an issuer without a key": (r"^    key:\n      file: .*\n", "", ["presigner.yaml", "issuer ca", "key"]),
    "two keys": (r"^      file: (.*)$", r"      file: \1\n      module: x.so", ["presigner.yaml", "key"]),
    "too short a validity": (r"^  - name: ca$", "  - name: ca\n    validity_s: 60",
                             ["presigner.yaml", "validity_s", "allow_any_validity"]),
    "too long a validity": (r"^  - name: ca$", "  - name: ca\n    validity_s: 950400",
                            ["presigner.yaml", "validity_s"]),
    "refresh beyond validity": (r"^  - name: ca$", "  - name: ca\n    refresh_s: 700000",
                                ["presigner.yaml", "refresh_s"]),
    "two issuers of one name": (r"^(issuers:\n)((?:  .*\n)+)", r"\1\2\2", ["presigner.yaml", "issuer ca", "name"]),
    "bad network": (r"^network: .*$", "network: 'a b'", ["presigner.yaml", "network"]),
    "bad admin": (r"^#admin: .*$", "admin: localhost", ["presigner.yaml", "admin", "localhost"]),
    "head refresh beyond validity": (r"\Z", "head_validity_s: 60\nhead_refresh_s: 60\n",
                                     ["presigner.yaml", "head_refresh_s"]),
    "empty": (r"(?s)\A.*\Z", "", ["presigner.yaml"]),
}


def in_last_line(site, name, words):
    """The words, LAST as the number of the file's last line."""
    last = (site.dir / name).read_bytes().count(b"\n")
    return [word.replace("LAST", str(last)) for word in words]


def refuses(site, program, name, row):
    pattern, replacement, words = row
    site.edit(name, pattern, replacement)
    words = in_last_line(site, name, words)
    done = run(program, site.dir / name, check=False, timeout=30)
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert all(word in done.stderr for word in words), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done


@pytest.fixture(scope="module")
def initialised(tmp_path_factory):
    """A folder whose configurations a test may break: each works on a copy."""
    folder = tmp_path_factory.mktemp("initialised") / "site"
    run(STATIM, "init", folder)
    return folder


@pytest.fixture
def fresh(initialised, make_site):
    site = make_site()
    shutil.copytree(initialised, site.dir)
    return site


@pytest.mark.parametrize("how", EDGE_BROKEN)
def test_a_broken_configuration_of_the_edge(fresh, how):
    refuses(fresh, EDGE, "edge.yaml", EDGE_BROKEN[how])
    done = run(EDGE, "--check", fresh.dir / "edge.yaml", check=False)
    assert done.returncode == 1 and "edge.yaml" in done.stderr


@pytest.mark.parametrize("how", PRESIGNER_BROKEN)
def test_a_broken_configuration_of_the_presigner(fresh, how):
    refuses(fresh, PRESIGNER, "presigner.yaml", PRESIGNER_BROKEN[how])
    assert list((fresh.dir / "pub").iterdir()) == []


@pytest.mark.parametrize("program,name", [(EDGE, "edge"), (PRESIGNER, "presigner")])
@pytest.mark.parametrize("how", ["missing", "folder", "huge"])
def test_a_configuration_that_is_no_such_file(tmp_path, program, name, how):
    path = tmp_path / f"{name}.yaml"
    if how == "folder":
        path.mkdir()
    elif how == "huge":
        path.write_text("# much\n" * 1000000)
    done = run(program, path, check=False, timeout=30)
    assert done.returncode == 1
    assert f"{name}.yaml" in done.stderr and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("program", [EDGE, PRESIGNER])
@pytest.mark.parametrize("arguments", [[], ["--surprise"], ["a.yaml", "b.yaml"]])
def test_wrong_usage(program, arguments):
    done = run(program, *arguments, check=False, timeout=30)
    assert done.returncode == 2 and "usage:" in done.stderr
