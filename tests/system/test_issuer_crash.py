# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the issuer, and of PostgreSQL under it, at every stage of the cycle and at any time under load. Afterwards no
certificate is without its audit leaf, no serial is signed twice, no event is lost or out of order, and every order that was
begun can be brought to its one certificate."""

import http.client
import os
import random
import re
import ssl
import threading
import time

import pytest

from issuer_world import BUILD, Issuer, make_csr, make_key, read_events
from pg_world import make_postgresql  # noqa: F401
from site_under_test import IS_SANITIZED, ROOT, wait_for

STAGED = str(BUILD / "tests" / "issuer-staged")
STAGES = [word for word in re.findall(r'X\([A-Z]+, "(\w+)"', (ROOT / "issuer" / "issue_stage.h").read_text())
          if word != "publish"]
LOST = (OSError, ssl.SSLError, http.client.HTTPException)
FULL = bool(os.environ.get("STATIM_FULL"))
ROUNDS = 20 if FULL else 3 if IS_SANITIZED else 6
PATIENCE_S = 60
NO_WAIT = "publish_wait_ms: 0\nworkers: 3\n"

# What a customer's thread finds wrong counts.
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")]


class Orders:
    """What was asked for, and what was answered, over all crashes."""

    def __init__(self, issuer):
        self.issuer, self.count, self.open, self.done, self.revoked = issuer, 0, {}, {}, set()
        self.csr = make_csr([f"{name}.example.com" for name in "ab"], make_key())
        self.lock = threading.Lock()

    def new(self):
        with self.lock:
            self.count += 1
            order_id = f"order-{self.count}"
            self.open[order_id] = None
        return order_id

    def ask(self, order_id):
        """One try; whether it was answered with a certificate. The same one each time."""
        try:
            status, body, _ = self.issuer.order([], order_id, csr=self.csr)
        except LOST:
            return False
        if status not in (200, 201):
            assert status == 503 or body["type"] == "urn:statim:problem:order-pending", (status, body)
            return False
        with self.lock:
            assert self.done.setdefault(order_id, body["id"]) == body["id"], "two certificates for one order"
            self.open.pop(order_id, None)
        return True

    def revoke(self, order_id):
        try:
            status, body, _ = self.issuer.ask("POST", f"/v1/certificate/{self.done[order_id]}/revoke",
                                              {"reason": "superseded"}, key=self.issuer.key)
        except LOST:
            return
        assert status in (200, 503), (status, body)
        if status == 200:
            with self.lock:
                self.revoked.add(self.done[order_id])

    def finish(self):
        """Everything that was begun comes to its end."""
        for order_id in list(self.open):
            wait_for(lambda order_id=order_id: self.ask(order_id), f"{order_id} is fulfilled", PATIENCE_S,
                     self.issuer.process)


def check_status(events):
    """Per serial: issued, revoked after it, or only revoked when it was given up."""
    status = {}
    for event in events:
        before = status.get(event["serial"])
        assert (before, event["type"]) in ((None, "issued"), ("issued", "revoked"), (None, "revoked")), event
        status[event["serial"]] = event["type"]
    return status


def check(orders, before=()):
    """All promises, against registry, feed and audit log."""
    issuer = orders.issuer
    events = read_events(issuer)
    assert events[:len(before)] == list(before), "history has changed"
    status = check_status(events)
    for certificate_id in orders.done.values():
        body = issuer.must("GET", f"/v1/certificate/{certificate_id}", key=issuer.key)
        expected = "revoked" if certificate_id in orders.revoked else status[body["serial"]]
        assert status[body["serial"]] == expected
    issuer.stop()
    leaves = issuer.leaves()
    issuer.start()
    signing = [leaf["serial"] for leaf in leaves if leaf["type"] == "cert.signing"]
    assert len(signing) == len(set(signing)), "a serial was to be signed twice"
    issued = {leaf["serial"]: leaf["certificate"] for leaf in leaves if leaf["type"] == "cert.issued"}
    revoked = {leaf["serial"] for leaf in leaves if leaf["type"] == "cert.revoked"}
    refused = {leaf.get("serial") for leaf in leaves if leaf["type"] == "cert.refused"}
    for event in events:
        assert event["serial"] in (issued if event["type"] == "issued" else revoked), event
        assert event["serial"] in signing or event["type"] == "revoked", event
    assert set(orders.done.values()) <= set(issued.values())
    # What the log says would be signed has a status, or was certainly not signed.
    assert set(signing) <= set(status) | refused
    return events


@pytest.fixture
def begin(tmp_path):
    issuers = []

    def begin(registry="sqlite: registry.db"):
        issuer = Issuer(tmp_path / "issuer", registry=registry, extra=NO_WAIT)
        issuers.append(issuer)
        issuer.start().prepare()
        return Orders(issuer)

    yield begin
    for issuer in issuers:
        issuer.kill()


def given_up(events):
    """Serials that were only ever revoked."""
    types = {}
    for event in events:
        types.setdefault(event["serial"], []).append(event["type"])
    return [serial for serial, seen in types.items() if seen == ["revoked"]]


def test_killed_at_every_stage(begin):
    orders = begin()
    issuer = orders.issuer
    issuer.stop()
    for stage in STAGES:
        # Each start is the recovery from the stage before.
        issuer.start(STAGED, STAGED_AT=stage)
        assert not orders.ask(orders.new()), f"{stage}: it did not die"
        assert issuer.process.wait(PATIENCE_S) == -9, stage
    issuer.start()
    orders.finish()
    events = check(orders)
    # From the first transaction on a serial was used up each time.
    assert len(given_up(events)) == len(STAGES) - STAGES.index("announce")


def load(orders, stop):
    """Orders and revocations, until told to stop."""
    rng = random.Random(threading.get_ident())
    while not stop.is_set():
        order_id = orders.new()
        while not orders.ask(order_id):
            if stop.wait(0.02):
                return
        if rng.random() < 0.3:
            orders.revoke(order_id)


def under_load(orders, hit):
    stop = threading.Event()
    threads = [threading.Thread(target=load, args=(orders, stop)) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(ROUNDS):
            count = len(orders.done)
            wait_for(lambda count=count: len(orders.done) > count + 5, "orders are fulfilled", PATIENCE_S)
            stop.wait(random.random() * 0.1)  # at any time, which no condition can name
            hit()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    orders.finish()
    return check(orders)


def test_killed_under_load(begin):
    orders = begin()

    def hit():
        orders.issuer.kill()
        orders.issuer.start()

    events = under_load(orders, hit)
    assert len(events) > 6 * ROUNDS


# PostgreSQL


def registry_of(server):
    return f'postgresql: "{server.conninfo}", wait_ms: 1000'


def killed_at_stage(orders, server, stage, file, is_short):
    """One order that meets the end of its database. It is back before the cycle goes on, or after it has given up."""
    order_id, want = orders.new(), file.with_suffix(".want")
    want.write_text(stage)

    def ask():
        # A database that has just come back may take longer for an answer than is waited for.
        while not orders.ask(order_id) and want.exists():
            time.sleep(0.05)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_for(file.exists, "the stage", PATIENCE_S, orders.issuer.process)
    server.kill()
    if is_short:
        server.start()
    file.unlink()
    asking.join()
    if not is_short:
        server.start()


@pytest.mark.parametrize("first_is_short", (True, False) if FULL else (True,))
def test_database_killed_at_every_stage(begin, make_postgresql, first_is_short):  # noqa: F811
    server = make_postgresql()
    orders = begin(registry_of(server))
    orders.issuer.stop()
    file = orders.issuer.folder / "reached"
    orders.issuer.start(STAGED, STAGED_FILE=str(file))
    for number, stage in enumerate(STAGES):
        killed_at_stage(orders, server, stage, file, (number % 2 == 0) == first_is_short)
    orders.finish()
    check(orders)


def test_database_killed_under_load(begin, make_postgresql):  # noqa: F811
    server = make_postgresql()
    orders = begin(registry_of(server))

    def hit():
        server.kill()
        server.start()

    under_load(orders, hit)
    assert orders.issuer.process.poll() is None
