# SPDX-License-Identifier: Apache-2.0
"""What may be asked of statim-issuer over HTTPS: orders, certificates, searches, records of operators and administrators;
and what hostile callers get."""

import contextlib
import hashlib
import json
import re
import sqlite3
import ssl
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from https_world import Authority, Client, client_context, wait_until
from issuer_world import CLIENTS, Issuer, make_csr, make_key
from pg_world import make_postgresql  # noqa: F401

PROBLEM = "urn:statim:problem:"
NO_WAIT = "publish_wait_ms: 0\nworkers: 3\n"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    issuer = Issuer(tmp_path_factory.mktemp("rest") / "i", extra=NO_WAIT).start().prepare()
    yield issuer
    assert issuer.stop() == 0


def refused(answer, status, word):
    code, document, fields = answer
    assert code == status == document["status"] and document["type"] == PROBLEM + word, document
    assert fields["Content-Type"] == "application/problem+json" and document["request_id"] == fields["Request-Id"]
    return document


def certificate_of(answer):
    return x509.load_pem_x509_certificate(answer["pem"].encode())


# Orders


def test_an_order_and_its_certificate(issuer):
    answer = issuer.issue(["a.example.com", "b.example.com"], "first")
    certificate = certificate_of(answer)
    assert answer["id"] == certificate.fingerprint(hashes.SHA256()).hex()
    assert int(answer["serial"], 16) == certificate.serial_number
    assert re.fullmatch("[0-9a-f]{16}", answer["ca"]) and answer["profile"] == "dv" and answer["published"] is False
    assert answer["not_after"] == certificate.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert answer["crl_url"].startswith(issuer.url_base + "/crl/1/") and answer["ocsp_url"] == issuer.url_base + "/"
    status, got, fields = issuer.ask("GET", f"/v1/certificate/{answer['id']}", key=issuer.key)
    assert status == 200 and got["pem"] == answer["pem"] and got["status"] == "good" and got["order_id"] == "first"
    assert issuer.must("GET", f"/v1/certificate/by-serial/{answer['ca']}/{answer['serial']}", key=issuer.key) == got
    chain = issuer.must("GET", f"/v1/certificate/{answer['id']}/chain", key=issuer.key)
    assert chain == answer["pem"] + answer["chain_pem"] and chain.count("BEGIN CERTIFICATE") == 2


def test_where_it_is_and_that_it_is_new(issuer):
    csr = make_csr("c.example.com")
    status, first, fields = issuer.order([], "again", csr=csr)
    assert status == 201 and fields["Location"] == f"/v1/certificate/{first['id']}"
    status, second, _ = issuer.order([], "again", csr=csr)
    assert status == 200 and second == first


def test_a_replayed_order_id_with_another_content_is_refused(issuer):
    issuer.issue(["d.example.com"], "replayed")
    for fields in ({"names": ["e.example.com"]}, {"names": ["d.example.com"]}, {"names": ["d.example.com"], "profile": "short"}):
        refused(issuer.order(fields.pop("names"), "replayed", **fields), 409, "order-conflict")
    # Another customer's order has the same name and is another one.
    other = issuer.customer("other")
    refused(issuer.order(["d.example.com"], "replayed", key=other), 403, "dcv-missing")


def test_many_at_once_with_one_order_id(issuer):
    """One certificate, whoever comes first."""
    csr = make_csr("f.example.com")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: issuer.order([], "raced", csr=csr), range(16)))
    done = [body for status, body, _ in answers if status in (200, 201)]
    assert len({body["id"] for body in done}) == 1
    assert sum(status == 201 for status, _, _ in answers) <= 1
    for answer in answers:
        if answer[0] not in (200, 201):
            refused(answer, 409, "order-pending")


def test_an_order_waits_for_the_presigner_without_a_worker(tmp_path):
    """The only worker tells the presigner of the event and takes its word, while five orders wait for that."""
    issuer = Issuer(tmp_path / "i", extra="publish_wait_ms: 60000\nworkers: 1\n").start().prepare()
    try:
        with ThreadPoolExecutor(5) as pool:
            orders = [pool.submit(issuer.issue, [f"w{i}.example.com"], f"wait-{i}") for i in range(5)]
            wait_until(lambda: len(issuer.events()) == 5)
            assert not any(order.done() for order in orders)
            said = issuer.ask("POST", "/v1/events/published", {"ca": issuer.ca_id(), "seq": 5}, client="presigner")
            assert said[0] == 200
            assert all(order.result()["published"] for order in orders)
        beyond = issuer.ask("POST", "/v1/events/published", {"ca": issuer.ca_id(), "seq": 6}, client="presigner")
        refused(beyond, 409, "bad-position")
    finally:
        assert issuer.stop() == 0


@pytest.mark.parametrize("change, status, word, field", [
    ({"csr_pem": None}, 400, "bad-field", "csr_pem"),
    ({"csr_pem": ""}, 400, "bad-field", "csr_pem"),
    ({"csr_pem": 1}, 400, "bad-field", "csr_pem"),
    ({"order_id": None}, 400, "bad-field", "order_id"),
    ({"order_id": "a" * 129}, 400, "bad-field", "order_id"),
    ({"order_id": "a\nb"}, 400, "bad-field", "order_id"),
    ({"order_id": "\u00e9"}, 400, "bad-field", "order_id"),
    ({"profile": 7}, 400, "bad-field", "profile"),
    ({"domains": "a.example.com"}, 400, "bad-field", "domains"),
    ({"domains": ["a" * 254]}, 400, "bad-field", "domains"),
    ({"unknown": 1}, 400, "bad-field", "unknown"),
    ({"customer": "other"}, 400, "bad-field", "customer"),
    ({"profile": "none"}, 422, "unknown-profile", None),
    ({"ca": "none"}, 422, "unknown-ca", None),
    ({"ca": "0" * 16}, 422, "unknown-ca", None),
    ({"csr_pem": "-----BEGIN X-----"}, 422, "bad-csr", None),
    ({"csr_pem": "a" * 20000}, 422, "bad-csr", None),
])
def test_bad_orders(issuer, change, status, word, field):
    body = {"csr_pem": make_csr("a.example.com"), "order_id": "bad", "profile": "dv", **change}
    body = {name: value for name, value in body.items() if value is not None}
    document = refused(issuer.ask("POST", "/v1/certificate", body, key=issuer.key), status, word)
    if field is not None:
        assert [error["field"] for error in document["errors"]] == [field]


def test_bad_json(issuer):
    context = client_context(issuer.servers)
    with Client(issuer.public_port, context) as client:
        for body in ("", "{", "[]", "null", '{"order_id":"a","order_id":"b"}', "[" * 5000, '{"a":' * 9 + "1" + "}" * 9,
                     '{"csr_pem":"\\u0000"}', "\xff", '{"order_id": "a"} x'):
            answer = client.request("POST", "/v1/certificate", body, Authorization=f"Bearer {issuer.key}")
            assert answer.status == 400, (body, answer)
            assert json.loads(answer.body)["type"] in (PROBLEM + "bad-json", PROBLEM + "bad-field")


# Hostile texts


HOSTILE = ["' OR '1'='1", "'; DROP TABLE certificate; --", '" OR ""="', "\\'; SELECT pg_sleep(9); --", "$1 ?1 :a", "%_%27",
           "../../etc/passwd", "${jndi:ldap://x}"]


@pytest.mark.parametrize("registry", ["sqlite", "postgresql"])
def test_sql_in_every_field(tmp_path, request, registry):
    """Whatever is sent is stored, found and given back as it was, or refused: nothing else happens."""
    lines = "sqlite: registry.db"
    if registry == "postgresql":
        lines = f'postgresql: "{request.getfixturevalue("make_postgresql")().conninfo}"'
    issuer = Issuer(tmp_path / "i", registry=lines, extra=NO_WAIT).start().prepare()
    try:
        keep = issuer.issue(["keep.example.com"], "keep")
        keys = len(issuer.must("GET", "/v1/admin/api-key", client="root")["api_keys"])
        for number, text in enumerate(HOSTILE):
            hostile_orders(issuer, text)
            hostile_queries(issuer, text)
            hostile_records(issuer, text, number)
        again = issuer.must("GET", f"/v1/certificate/{keep['id']}", key=issuer.key)
        assert again["status"] == "good" and again["pem"] == keep["pem"]
        assert len(issuer.must("GET", "/v1/admin/api-key?limit=1000", client="root")["api_keys"]) == keys + len(HOSTILE)
    finally:
        assert issuer.stop() == 0


def hostile_orders(issuer, text):
    order_id = text.replace(" ", "/**/")  # visible characters only
    answer = issuer.issue(["h.example.com"], order_id)
    got = issuer.must("GET", f"/v1/certificate/{answer['id']}", key=issuer.key)
    assert got["order_id"] == order_id
    refused(issuer.order(["h.example.com"], "p" + order_id[:60], profile=text[:63]), 422, "unknown-profile")
    refused(issuer.order(["h.example.com"], "c" + order_id[:60], ca=text[:63]), 422, "unknown-ca")
    refused(issuer.order(["h.example.com"], "m" + order_id[:60], dcv_method=text), 403, "dcv-missing")
    status, body, _ = issuer.order(["h.example.com"], "d" + order_id[:60], domains=[text])
    assert 400 <= status < 500, body
    status, body, _ = issuer.ask("POST", f"/v1/certificate/{answer['id']}/revoke", {"reason": text[:32]}, key=issuer.key)
    assert (status, body["type"]) == (422, PROBLEM + "bad-reason")
    issuer.must("POST", f"/v1/certificate/{answer['id']}/revoke", {"reason": "superseded", "evidence": text}, key=issuer.key)


def hostile_queries(issuer, text):
    word = quote(text, safe="")
    for path in ("san=", "subdomains=1&san=", "customer="):
        status, found, _ = issuer.ask("GET", f"/v1/certificate?{path}{word}", client="alice")
        assert status == 400 or (status == 200 and found["certificates"] == []), found
    for path in ("cursor=", "limit=", "expires_after=", "expires_before=", word + "="):
        status, body, _ = issuer.ask("GET", f"/v1/certificate?{path}{word}", client="alice")
        assert status == 400, body
    status, _, _ = issuer.ask("GET", "/v1/certificate", key=text)
    assert status == 401
    for path in (f"/v1/certificate/{word}", f"/v1/certificate/by-serial/{word}/01", f"/v1/ca/{word}/certificate",
                 f"/v1/incident/{word}", f"/v1/certificate/by-serial/{issuer.ca_id()}/{word}"):
        status, body, _ = issuer.ask("GET", path, client="alice")
        assert status == 404, body
    status, body, _ = issuer.ask("POST", f"/v1/admin/api-key/{word}/disable", client="root")
    assert status == 404, body
    assert issuer.must("GET", f"/v1/approval?customer={word}&order_id={word}", client="alice")["approvals"] == []


def hostile_records(issuer, text, number):
    key = issuer.customer(text)
    refused(issuer.order(["h.example.com"], "other", key=key), 403, "dcv-missing")
    domain = f"h{number}.example"
    issuer.must("POST", "/v1/dcv", {"customer": text, "domain": domain, "method": text, "evidence": text}, client="alice")
    found = issuer.must("GET", f"/v1/dcv?customer={quoted(text)}&domain={domain}", client="alice")["validations"]
    assert [(row["customer"], row["method"], row["evidence"]) for row in found] == [(text, text, text)]
    status, body, _ = issuer.ask("POST", "/v1/dcv", {"customer": "a", "domain": text, "method": "m"}, client="alice")
    assert 400 <= status < 500, body
    decision = {"customer": text, "order_id": text, "subject": {"organization": text}, "decision": "approved", "note": text}
    status, body, _ = issuer.ask("POST", "/v1/approval", decision, client="alice")
    assert status == 201 or 400 <= status < 500, body
    if status == 201:
        rows = issuer.must("GET", f"/v1/approval?customer={quoted(text)}&order_id={quoted(text)}", client="alice")["approvals"]
        assert [(row["subject"], row["note"]) for row in rows] == [({"organization": text}, text)]
    incident = issuer.must("POST", "/v1/incident", {"title": text, "url": text}, client="alice")
    got = issuer.must("GET", f"/v1/incident/{incident['id']}", client="eve")
    assert (got["title"], got["url"]) == (text, text)
    key = f"{number:064x}"
    assert issuer.must("POST", "/v1/admin/blocked-key", {"spki_sha256": key, "source": text}, client="root")["new"] is True


def quoted(text):
    return quote(text, safe="")


# Whose is what


def test_what_is_anothers_is_not_there(issuer):
    answer = issuer.issue(["g.example.com"], "mine")
    other = issuer.customer("stranger")
    for path in (f"/v1/certificate/{answer['id']}", f"/v1/certificate/{answer['id']}/chain",
                 f"/v1/certificate/by-serial/{answer['ca']}/{answer['serial']}"):
        refused(issuer.ask("GET", path, key=other), 404, "not-found")
    refused(issuer.ask("POST", f"/v1/certificate/{answer['id']}/revoke", {"reason": "superseded"}, key=other), 404, "not-found")
    assert issuer.must("GET", "/v1/certificate?san=g.example.com", key=other)["certificates"] == []
    refused(issuer.ask("GET", "/v1/certificate?customer=acme", key=other), 403, "forbidden")
    assert issuer.must("GET", f"/v1/certificate/{answer['id']}", client="alice")["status"] == "good"


PUBLIC = {"customer": {"/v1/certificate", "/v1/ca"},
          "operator": {"/v1/certificate", "/v1/ca", "/v1/incident", "/v1/report/expiring", "/v1/dcv", "/v1/approval"}}
INTERNAL = {"operator": {"/v1/certificate", "/v1/ca", "/v1/incident", "/v1/report/expiring", "/v1/dcv", "/v1/approval"},
            "auditor": {"/v1/certificate", "/v1/ca", "/v1/incident", "/v1/report/expiring", "/v1/dcv", "/v1/approval",
                        "/v1/admin/api-key"},
            "admin": {"/v1/admin/api-key"}, "feed": {"/v1/events"}}
PATHS = ["/v1/certificate", "/v1/ca", "/v1/incident", "/v1/report/expiring", "/v1/dcv", "/v1/approval", "/v1/admin/api-key",
         "/v1/events"]
POSTS = {"/v1/dcv": {"operator"}, "/v1/approval": {"operator"}, "/v1/incident": {"operator"}, "/v1/incident/1/serials": {"operator"},
         "/v1/incident/1/close": {"operator"}, "/v1/admin/api-key": {"admin"}, "/v1/admin/api-key/a/disable": {"admin"},
         "/v1/admin/blocked-key": {"admin"}, "/v1/events/published": {"feed"}, "/v1/certificate/" + "0" * 64 + "/revoke":
         {"operator", "customer"}, "/v1/certificate": {"customer"}}


def reaches(answer):
    """Whether a handler was called: it may have refused what it was given."""
    if answer[0] in (401, 405):
        return False
    return answer[0] not in (403, 404) or answer[1]["detail"] not in (
        "there is no such path", "none of this caller's roles may do that")


def test_which_role_reaches_which_route(issuer):
    """Every role at both doors against every route, to look and to change."""
    keys = {role: issuer.customer(f"{role}-1", role) for role in ("customer", "operator")}
    for role, allowed in PUBLIC.items():
        for path in PATHS:
            assert reaches(issuer.ask("GET", path, key=keys[role])) == (path in allowed), (role, path)
        for path, roles in POSTS.items():
            internal = path.startswith(("/v1/admin", "/v1/events"))
            expected = role in roles and not internal
            body = {} if not path.endswith(("close", "disable")) else None
            assert reaches(issuer.ask("POST", path, body, key=keys[role])) == expected, (role, path)
    for client, role in CLIENTS.items():
        for path in PATHS:
            assert reaches(issuer.ask("GET", path, client=client)) == (path in INTERNAL[role]), (role, path)
        for path, roles in POSTS.items():
            expected = role in roles and path != "/v1/certificate"
            body = {} if not path.endswith(("close", "disable")) else None
            assert reaches(issuer.ask("POST", path, body, client=client)) == expected, (role, path)
    for path in PATHS:
        assert issuer.ask("GET", path)[0] in (401, 404)
        # A key adds nothing to what the certificate may do.
        if path != "/v1/events":
            assert issuer.ask("GET", path, client="presigner", key=keys["operator"])[0] == 403


def test_no_client_certificate_no_door(issuer):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with Client(issuer.internal_port, client_context(issuer.servers)) as client:
            assert client.request("GET", "/v1/events") is None
            raise ConnectionError
    other = Authority(issuer.folder / "foreign", "clients")
    other.client("root")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with Client(issuer.internal_port, client_context(issuer.servers, other.folder / "root")) as client:
            assert client.request("POST", "/v1/admin/api-key", "{}") is None
            raise ConnectionError
    issuer.clients.client("mallory")
    with Client(issuer.internal_port, client_context(issuer.servers, issuer.clients.folder / "mallory")) as client:
        for method, path in (("GET", "/v1/events"), ("POST", "/v1/admin/api-key")):
            answer = client.request(method, path, None if method == "GET" else "{}")
            assert answer.status == 403, answer


def test_keys(issuer):
    made = issuer.must("POST", "/v1/admin/api-key", {"customer": "k", "role": "customer", "valid_for_s": 3600}, client="root")
    key, key_id = made["key"], made["id"]
    assert issuer.ask("GET", "/v1/certificate", key=key)[0] == 200
    last = key[:-1] + ("0" if key[-1] != "0" else "1")
    for wrong in (last, key[:-1], key + "0", key.upper(), key.replace(".", ""), key_id, key_id + ".", "." + key.split(".")[1],
                  " " + key, key + " x", issuer.key.split(".")[0] + "." + key.split(".")[1]):
        refused(issuer.ask("GET", "/v1/certificate", key=wrong), 401, "unauthorized")
    listed = issuer.must("GET", "/v1/admin/api-key?limit=1000", client="eve")["api_keys"]
    row = next(row for row in listed if row["id"] == key_id)
    assert row["customer"] == "k" and "expires_at" in row and key.split(".")[1] not in json.dumps(listed)
    assert issuer.ask("POST", f"/v1/admin/api-key/{key_id}/disable", client="root")[0] == 204
    refused(issuer.ask("GET", "/v1/certificate", key=key), 401, "unauthorized")
    for body in ({"customer": "k", "role": "admin"}, {"customer": "k", "role": "feed"}, {"customer": "k"}, {"role": "customer"},
                 {"customer": "", "role": "customer"}, {"customer": "k" * 65, "role": "customer"}):
        refused(issuer.ask("POST", "/v1/admin/api-key", body, client="root"), 400, "bad-field")


# Searching


def test_searching_page_by_page(issuer):
    csr = make_csr("s.example.com", make_key())
    made = [issuer.issue([], f"search-{i}", csr=csr)["id"] for i in range(7)]
    made.append(issuer.issue(["x.s.example.com"], "search-below")["id"])
    for query, expected in (("san=s.example.com", made[:7]), ("san=s.example.com&subdomains=1", made),
                            ("san=x.s.example.com", made[7:]), ("san=t.example.com", [])):
        found, cursor = [], ""
        while cursor is not None:
            page = issuer.must("GET", f"/v1/certificate?{query}&limit=3{cursor}", key=issuer.key)
            assert len(page["certificates"]) <= 3
            found += [row["id"] for row in page["certificates"]]
            cursor = "&cursor=" + page["cursor"] if "cursor" in page else None
        assert sorted(found) == sorted(expected) and len(set(found)) == len(found)
    page = issuer.must("GET", "/v1/certificate?san=s.example.com&limit=3", key=issuer.key)
    refused(issuer.ask("GET", f"/v1/certificate?limit=3&cursor={page['cursor']}", key=issuer.key), 400, "bad-cursor")
    refused(issuer.ask("GET", "/v1/certificate?cursor=AAAA", key=issuer.key), 400, "bad-cursor")
    for query in ("limit=0", "limit=1001", "subdomains=1", "subdomains=2&san=a.b", "expires_after=yesterday", "nonsense=1",
                  "expires_before=99999999999"):
        refused(issuer.ask("GET", f"/v1/certificate?{query}", key=issuer.key), 400, "bad-field")
    assert issuer.must("GET", "/v1/certificate?expires_before=2026-01-01", key=issuer.key)["certificates"] == []
    everything = issuer.must("GET", "/v1/certificate?expires_after=2026-01-01T00:00:00Z&limit=1000", key=issuer.key)
    assert len(everything["certificates"]) >= 8 and "cursor" not in everything


def test_what_expires(issuer):
    issuer.issue(["short.example.com"], "short", profile="short")
    report = issuer.must("GET", "/v1/report/expiring?days=10&limit=1000", client="eve")
    assert any(row["order_id"] == "short" for row in report["certificates"])
    counts = {row["days"]: row["count"] for row in report["expiring"]}
    assert counts[7] >= 1 and counts[10] == len(report["certificates"])
    for query in ("days=0", "days=x", "limit=0", "cursor=!"):
        assert issuer.ask("GET", f"/v1/report/expiring?{query}", client="eve")[0] == 400


# Revocation


def test_revocation(issuer):
    answer = issuer.issue(["r.example.com"], "revoke-me")
    path = f"/v1/certificate/{answer['id']}"
    for body, status, word in (({"reason": "nonsense"}, 422, "bad-reason"), ({"reason": "certificateHold"}, 422, "bad-reason"),
                               ({"reason": "privilegeWithdrawn"}, 422, "bad-reason"), ({}, 400, "bad-field"),
                               ({"reason": "superseded", "evidence": "x" * 1025}, 400, "bad-field")):
        refused(issuer.ask("POST", path + "/revoke", body, key=issuer.key), status, word)
    done = issuer.must("POST", path + "/revoke", {"reason": "superseded", "evidence": "renewed"}, key=issuer.key)
    assert done["status"] == "revoked" and done["reason"] == "superseded"
    assert issuer.must("POST", path + "/revoke", {"reason": "superseded"}, key=issuer.key) == done
    refused(issuer.ask("POST", path + "/revoke", {"reason": "affiliationChanged"}, key=issuer.key), 409, "already-revoked")
    got = issuer.must("GET", path, key=issuer.key)
    assert (got["status"], got["reason"], got["revoked_at"]) == ("revoked", "superseded", done["revoked_at"])
    worse = issuer.must("POST", path + "/revoke", {"reason": "keyCompromise"}, client="alice")
    assert worse["reason"] == "keyCompromise"
    for wrong in ("0" * 64, answer["id"].upper(), answer["id"][:-1], "..", answer["id"] + "0"):
        refused(issuer.ask("POST", f"/v1/certificate/{wrong}/revoke", {"reason": "superseded"}, key=issuer.key), 404, "not-found")


# Records


def test_two_operators_before_ov(issuer):
    subject = {"country": "GB", "organization": "Example Ltd", "locality": "Leeds"}
    key, names = make_key(), ["ov.example.com"]
    csr = make_csr(names, key)
    refused(issuer.order([], "ov-1", csr=csr, profile="ov"), 403, "approval-missing")
    decision = {"customer": "acme", "order_id": "ov-1", "subject": subject, "decision": "approved", "note": "seen the register"}
    first = issuer.must("POST", "/v1/approval", decision, client="alice")
    assert (first["approved"], first["needed"]) == (1, 2)
    # The same operator does not count twice, whatever the way in.
    refused(issuer.ask("POST", "/v1/approval", decision, client="alice"), 409, "exists")
    for spelling in ("alice", "Alice", "alice "):
        as_alice = issuer.customer(spelling, "operator")
        refused(issuer.ask("POST", "/v1/approval", decision, key=as_alice), 409, "exists")
    refused(issuer.order([], "ov-1", csr=csr, profile="ov"), 403, "approval-missing")
    assert issuer.must("POST", "/v1/approval", decision, client="bob")["approved"] == 2
    # An approval that has grown old is not renewed, and says what to do.
    with contextlib.closing(sqlite3.connect(issuer.folder / "registry.db", timeout=30)) as db, db:
        db.execute("INSERT INTO approval SELECT customer, 'ov-old', subject_hash, operator_name, decision, subject, note,"
                   " recorded_at - 31 * 86400 FROM approval WHERE order_id = 'ov-1'")
    late = refused(issuer.order([], "ov-old", csr=csr, profile="ov"), 403, "approval-missing")
    again = refused(issuer.ask("POST", "/v1/approval", {**decision, "order_id": "ov-old"}, client="bob"), 409, "exists")
    assert "another order_id" in late["detail"] and "another order_id" in again["detail"]
    certificate = certificate_of(issuer.issue([], "ov-1", csr=csr, profile="ov"))
    assert "O=Example Ltd" in certificate.subject.rfc4514_string()
    rows = issuer.must("GET", "/v1/approval?customer=acme&order_id=ov-1", client="eve")["approvals"]
    assert [(row["operator"], row["decision"], row["subject"]) for row in rows] == [("alice", "approved", subject),
                                                                                   ("bob", "approved", subject)]
    for change in ({"decision": "maybe"}, {"subject": {}}, {"subject": "GB"}, {"subject": {"country": 1}}, {"customer": ""}):
        refused(issuer.ask("POST", "/v1/approval", {**decision, **change}, client="bob"), 400, "bad-field")


def test_validations(issuer):
    body = {"customer": "v", "domain": "V.Example.ORG", "method": "3.2.2.4.7"}
    made = issuer.must("POST", "/v1/dcv", {**body, "valid_for_s": 60}, client="alice")
    assert made["domain"] == "v.example.org" and made["result"] == "valid" and made["actor"] == "client:alice"
    key = issuer.customer("v")
    issuer.issue(["v.example.org"], "v", key=key)
    refused(issuer.order(["sub.v.example.org"], "v2", key=key), 403, "dcv-missing")
    issuer.must("POST", "/v1/dcv", {**body, "result": "revoked"}, client="bob")
    refused(issuer.order(["v.example.org"], "v3", key=key), 403, "dcv-missing")
    for change in ({"valid_for_s": 400 * 86400}, {"valid_for_s": 0}, {"domain": "*.example.org"}, {"result": "perhaps"},
                   {"wildcard": "yes"}, {"method": ""}, {"method": "m" * 65}):
        refused(issuer.ask("POST", "/v1/dcv", {**body, **change}, client="alice"), 400, "bad-field")
    refused(issuer.ask("POST", "/v1/dcv", {**body, "domain": "a b"}, client="alice"), 422, "bad-name")


def test_incidents(issuer):
    one = issuer.issue(["i.example.com"], "incident")
    made = issuer.must("POST", "/v1/incident", {"title": "Wrong \u00e9", "renew_by": "2027-01-01"}, client="alice")
    assert made["renew_by"] == "2027-01-01T00:00:00Z" and made["serial_count"] == 0
    path = f"/v1/incident/{made['id']}"
    add = {"ca": one["ca"], "serials": [one["serial"]]}
    for _ in range(2):  # the second time nothing happens
        assert issuer.ask("POST", path + "/serials", add, client="bob")[0] == 204
    refused(issuer.ask("POST", path + "/serials", {**add, "serials": ["77"]}, client="bob"), 404, "not-found")
    refused(issuer.ask("POST", path + "/serials", {**add, "serials": ["xyz"]}, client="bob"), 400, "bad-field")
    got = issuer.must("GET", path + "?limit=1", client="eve")
    assert got["serials"] == [{"ca": one["ca"], "serial": one["serial"]}] and got["serial_count"] == 1
    assert issuer.must("GET", f"{path}?cursor={got['cursor']}", client="eve")["serials"] == []
    assert issuer.ask("POST", path + "/close", client="alice")[0] == 204
    refused(issuer.ask("POST", path + "/serials", add, client="bob"), 409, "exists")
    assert "closed_at" in issuer.must("GET", path, client="eve")
    assert made["id"] in [row["id"] for row in issuer.must("GET", "/v1/incident?limit=1000", client="eve")["incidents"]]
    refused(issuer.ask("GET", "/v1/incident/999999", client="eve"), 404, "not-found")
    refused(issuer.ask("GET", path + "?cursor=xyz", client="eve"), 400, "bad-cursor")


def test_blocked_keys(issuer):
    key = make_key()
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    body = {"spki_sha256": hashlib.sha256(spki).hexdigest(), "source": "a test"}
    assert issuer.must("POST", "/v1/admin/blocked-key", body, client="root")["new"] is True
    assert issuer.must("POST", "/v1/admin/blocked-key", body, client="root")["new"] is False
    refused(issuer.order([], "blocked", csr=make_csr("k.example.com", key)), 422, "blocked-key")
    refused(issuer.ask("POST", "/v1/admin/blocked-key", {**body, "spki_sha256": "A" * 64}, client="root"), 400, "bad-field")


def test_authorities(issuer):
    row = issuer.must("GET", "/v1/ca", key=issuer.key)["authorities"][0]
    assert row["name"] == "i1" and row["profiles"] == ["dv", "ov", "ev", "short"]
    got = issuer.must("GET", f"/v1/ca/{row['ca']}/certificate", key=issuer.key)
    assert got["pem"] == (issuer.folder / "inter.pem").read_text()[-len(got["pem"]):]
    refused(issuer.ask("GET", f"/v1/ca/{'0' * 16}/certificate", key=issuer.key), 404, "not-found")


def test_every_change_is_in_the_audit_log(tmp_path):
    """With its request id, by its actor."""
    issuer = Issuer(tmp_path / "i", extra=NO_WAIT).start().prepare()
    fields = {}
    for name, body, client in (("approval", {"customer": "a", "order_id": "o", "subject": {"organization": "x"},
                                             "decision": "rejected"}, "alice"),
                               ("incident", {"title": "t"}, "bob"),
                               ("admin/blocked-key", {"spki_sha256": "0" * 64, "source": "s"}, "root")):
        status, _, got = issuer.ask("POST", f"/v1/{name}", body, client=client)
        assert status == 201
        fields[got["Request-Id"]] = f"client:{client}"
    status, _, got = issuer.order(["a.example.com"], "o1")
    assert status == 201
    assert issuer.stop() == 0
    leaves = issuer.leaves()
    events = [json.loads(leaf["event"]) if isinstance(leaf.get("event"), str) else leaf.get("event", leaf) for leaf in leaves]
    by_request = {event["request"]: event for event in events if event.get("request")}
    for request_id, actor in fields.items():
        assert by_request[request_id]["actor"] == actor
    types = {event["type"] for event in events}
    assert {"approval.recorded", "incident.changed", "key.blocked", "dcv.recorded", "admin.action", "cert.issued"} <= types
    assert any(event["request"] == got["Request-Id"] and event["type"] == "cert.issued" for event in events if "request" in event)
