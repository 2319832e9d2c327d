# SPDX-License-Identifier: Apache-2.0
"""statim-dataset: an edge takes what it writes, and answers as its lists say."""

import json
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

import ocsp_oracle
from site_under_test import BUILD, EDGE, STATIM, Site, run, wait_for

DATASET = BUILD / "bench" / "statim-dataset"
CERTS = 100000  # two packs for each of two issuers
VALIDITY_S = 7 * 86400


class DataSet(Site):
    """A site whose publication comes from statim-dataset."""

    def make(self, *arguments):
        run(DATASET, self.dir, "--listen", f"127.0.0.1:{self.port}", "--admin",
            f"127.0.0.1:{self.admin_port}", *arguments)

    def turn(self):
        run(DATASET, self.dir, "--turn")

    def names(self, stem, issuer=1):
        name = f"{stem}.txt" if issuer == 1 else f"{stem}-{issuer}.txt"
        return (self.dir / name).read_text().split()

    def ask(self, serial, issuer=1, algorithm=None):
        """An answer as the independent decoder has it."""
        ca = ocsp_oracle.load(self.dir / ("ca.pem" if issuer == 1 else f"ca-{issuer}.pem"))
        der = ocsp_oracle.request_for_serial(ca, int(serial, 16), algorithm)
        status, _, body = ocsp_oracle.exchange(self.port, der)
        assert status == 200
        return ocsp.load_der_ocsp_response(body)

    def position(self):
        return self.metrics()["statim_edge_sync_log_number"]


def inspect(*words):
    return json.loads(run(STATIM, "inspect", "--json", *words).stdout)


@pytest.fixture
def make_data_set(tmp_path):
    made = []

    def make(*arguments):
        made.append(DataSet(tmp_path / f"set-{len(made)}"))
        made[-1].make(*arguments)
        return made[-1]

    yield make
    for site in made:
        site.stop()


def check_answer(site, serial, issuer, revoked):
    answer = site.ask(serial, issuer)
    assert answer.response_status == ocsp.OCSPResponseStatus.SUCCESSFUL
    one = next(iter(answer.responses))
    assert one.serial_number == int(serial, 16)
    wanted = ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD
    assert one.certificate_status == wanted
    this, end = (int(t.timestamp()) for t in ocsp_oracle.update_times(one))
    assert this <= time.time() and end - this == VALIDITY_S
    return this


def test_edge_answers_as_the_lists_say(make_data_set):
    site = make_data_set("--certs", CERTS, "--issuers", 2, "--revoked-share", "0.1")
    site.start_edge()
    wait_for(lambda: site.metrics()["statim_edge_sync_statements"] == CERTS, "sync telling of all statements")
    for issuer in (1, 2):
        serials, revoked = site.names("serials", issuer), set(site.names("revoked", issuer))
        assert len(set(serials)) == len(serials) == CERTS // 2
        assert revoked < set(serials) and 0.08 < len(revoked) / len(serials) < 0.12
        for serial in serials[:40] + sorted(revoked)[:10]:
            check_answer(site, serial, issuer, serial in revoked)
        near = f"{int(max(serials), 16) - 1:032X}"
        for other in (near, site.names("serials", 3 - issuer)[0]):
            assert site.ask(other, issuer).response_status == ocsp.OCSPResponseStatus.UNAUTHORIZED


@pytest.mark.parametrize("certids, names", [("sha1", ["sha1"]), ("sha256", ["sha256"]), ("both", ["sha1", "sha256"])])
def test_certids(make_data_set, certids, names):
    site = make_data_set("--certs", 10, "--certids", certids)
    site.start_edge()
    answer = site.ask(site.names("serials")[0], algorithm=getattr(hashes, names[0].upper())())
    assert [one.hash_algorithm.name for one in answer.responses] == names


def test_second_turn_is_followed_by_the_log(make_data_set):
    site = make_data_set("--certs", CERTS, "--issuers", 2)
    site.start_edge()
    serials = site.names("serials")
    first = check_answer(site, serials[0], 1, serials[0] in site.names("revoked"))
    for _ in range(2):
        site.turn()
        head = inspect(site.dir / "pub" / "head")
        wait_for(lambda: site.position() == head["log_last"], "the turn applied", 60, site.edge)
    wait_for(lambda: check_answer(site, serials[0], 1, serials[0] in site.names("revoked")) > first,
             "a newer thisUpdate", 30, site.edge)
    metrics = site.metrics()
    assert metrics["statim_edge_sync_resyncs_total"] == 1  # the first filling; the log brought the rest
    assert metrics["statim_edge_sync_statements"] == CERTS
    assert metrics["statim_edge_sync_content_refused_total"] == 0
    for serial in serials[:40]:
        check_answer(site, serial, 1, serial in site.names("revoked"))


@pytest.mark.parametrize("arguments", [("--serials", "random"), ("--serials", "sequential"),
                                       ("--serials", "skewed"), ("--alg", "rsa2048")], ids=" ".join)
def test_inspect_reads_everything(make_data_set, arguments):
    count = 60000
    site = make_data_set("--certs", count, "--serials-count", 500, *arguments)
    pub = site.dir / "pub"
    assert "verified by" in inspect(pub / "head")["signature"]
    seen = 0
    for folder in ("log", "index", "pack"):
        for path in (pub / folder).iterdir():
            facts = inspect(path)
            seen += facts["statements"] if folder == "pack" else 0
    assert seen == count
    serials = site.names("serials")
    assert len(set(serials)) == 500
    site.start_edge()
    for serial in serials[:20]:
        check_answer(site, serial, 1, serial in site.names("revoked"))


def test_same_seed_same_serials(make_data_set):
    first, same, other = (make_data_set("--certs", 1000, "--seed", seed) for seed in (7, 7, 8))
    assert first.names("serials") == same.names("serials")
    assert first.names("revoked") == same.names("revoked")
    assert not set(first.names("serials")) & set(other.names("serials"))


def test_refuses_what_is_there_and_what_is_wrong(make_data_set, tmp_path):
    site = make_data_set("--certs", 10)
    again = run(DATASET, site.dir, "--certs", 10, check=False)
    assert again.returncode == 1 and "exists already" in again.stderr
    for wrong in (["--certs", "0"], ["--certs", "5", "--issuers", "6"], ["--certs", "5", "--serials", "x"],
                  ["--certs", "5", "--revoked-share", "1.1"], ["--certs", "5", "--alg", "p384"], ["--certs", "5", "--certids", "md5"], []):
        assert run(DATASET, tmp_path / "none", *wrong, check=False).returncode == 2
    assert not (tmp_path / "none").exists()
