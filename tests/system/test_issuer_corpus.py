# SPDX-License-Identifier: Apache-2.0
"""The table of bad requests (tests/fixture/bad_csr.h) against the program: each is refused over HTTPS by the same name
as in the unit test, none leaves a serial behind, and a good order afterwards is fulfilled."""

import json
import sqlite3
from collections import Counter

import pytest

from issuer_world import CUSTOMER, Issuer
from site_under_test import BUILD, run

BAD_CSR = BUILD / "tests" / "bad-csr"
# What their subjects are approved as, so that the names are what is wrong.
EV = {"country": "GB", "locality": "Bath", "organization": "Example Ltd", "business_category": "Private Organization",
      "jurisdiction_country": "GB", "serial_number": "1"}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """(folder with the lists of keys, lines of the profiles, rows)"""
    folder = tmp_path_factory.mktemp("table")
    lines = [json.loads(line) for line in run(BAD_CSR, folder).stdout.splitlines()]
    return folder, [line for line in lines if "define" in line], [line for line in lines if "define" not in line]


@pytest.fixture(scope="module")
def issuer(table, tmp_path_factory):
    folder, profiles, _ = table
    made = Issuer(tmp_path_factory.mktemp("issuer"))
    path = made.folder / "issuer.yaml"
    text = path.read_text()
    lines = "".join(f"  - {{name: t-{p['define']}, kind: {p['kind']}, wildcards: {str(p['wildcards']).lower()}, "
                    f"addresses: {str(p['addresses']).lower()}, names_max: {p['names_max']}, "
                    f"keys: [{', '.join(p['keys'].split())}]}}\n" for p in profiles)
    text = text.replace("profiles:\n", f"profiles:\n{lines}", 1)
    text = text.replace("profiles: [dv,", f"profiles: [{', '.join('t-' + p['define'] for p in profiles)}, dv,")
    path.write_text(f"blocked_keys: {folder}/blocked\ndebian_keys: {folder}/debian\n{text}")
    made.start()
    yield made.prepare("example.com")
    made.stop()


def tables_of(issuer):
    with sqlite3.connect(issuer.folder / "registry.db") as base:
        return {name: base.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
                for name in ("serial_reservation", "certificate", "status_event")}


def approve(issuer, order_id):
    for operator in ("alice", "bob"):
        issuer.must("POST", "/v1/approval", {"customer": CUSTOMER, "order_id": order_id, "subject": EV, "decision": "approved"},
                    client=operator)


def test_bad_requests_are_refused_by_name(issuer, table):
    rows, wrong = table[2], []
    assert len(rows) >= 100 and len({row["rule"] for row in rows}) >= 50
    for row in rows:
        if row["profile"] == "ev":
            approve(issuer, row["name"])
        fields = {"domains": row["ordered"].split()} if "ordered" in row else {}
        status, body, _ = issuer.order([], row["name"], csr=row["csr"], profile=f"t-{row['profile']}", **fields)
        if status < 400 or status >= 500 or body.get("rule") != row["rule"] or not body["type"].startswith("urn:statim:problem:"):
            wrong.append((row["name"], row["rule"], status, body))
    assert not wrong, "\n".join(str(each) for each in wrong)
    assert tables_of(issuer) == {"serial_reservation": 0, "certificate": 0, "status_event": 0}


def test_what_is_good_is_issued_afterwards(issuer):
    issuer.issue(["www.example.com"], "a-good-one", profile="t-dv")
    assert tables_of(issuer) == {"serial_reservation": 1, "certificate": 1, "status_event": 1}


def test_the_log_tells_of_each(issuer, table):
    """Runs last: it stops the issuer."""
    issuer.stop()
    told = Counter(leaf["type"] for leaf in issuer.leaves())
    assert told["cert.signing"] == told["cert.issued"] == 1
    assert told["cert.refused"] == len(table[2])
