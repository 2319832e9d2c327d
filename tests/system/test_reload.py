# SPDX-License-Identifier: Apache-2.0
"""Reloads on trial: what fails with the new configuration leaves the old one in place."""

import http.client
import random
import signal
import threading
import time

import pytest

from hammer import Hammer
from site_under_test import free_port, wait_for
from test_control import answered, refused, request_of


@pytest.fixture
def site(make_site):
    """A site with one certificate, presigned, nothing running."""
    site = make_site()
    site.init()
    site.issue_certificate("good")
    site.import_certificates()
    site.presign_once()
    return site


FAILING = {
    "serve": (r"\Z", "user: no-such-user\n"),
    "sync": (r"^ca_certificates:$", "ca_certificates:\n  - edge.yaml"),
}


@pytest.mark.parametrize("role", FAILING)
@pytest.mark.parametrize("how", ["begin", "later"])
def test_a_reload_that_cannot_begin_leaves_the_old_one(site, role, how):
    """Also in the seconds in which a child that cannot begin ends the edge."""
    site.start_edge()
    if how == "later":
        site.reload_edge()
        site.wait_handed_over()
    before = (site.dir / "edge.yaml").read_text()
    taken, failed = ('statim_edge_reloads_total{result="%s"}' % result for result in ("taken", "failed"))
    count = site.metrics()[taken]
    serving, admin = site.child("serve"), site.child("admin")
    site.edit("edge.yaml", *FAILING[role])
    with Hammer(site.port, request_of(site)) as hammer:
        site.reload_edge()
        wait_for(lambda: site.metrics()[failed] == 1, "the failure counted", 10)
        wait_for(lambda: site.children("serve") == [serving] and site.children("admin") == [admin], "the old ones", 20)
    assert hammer.failures == []
    assert f"not reloaded: with the new one edge-{role} ended: exit 1" in site.edge_log()
    polls = site.metrics()["statim_edge_sync_polls_total"]
    wait_for(lambda: site.metrics()["statim_edge_sync_polls_total"] > polls + 1, "sync as before", 20)
    (site.dir / "edge.yaml").write_text(before)
    site.reload_edge()
    site.wait_handed_over()
    assert site.metrics()[taken] == count + 1 and site.metrics()[failed] == 1
    assert site.child("serve") != serving and answered(site.port, site)
    assert site.stop_process(site.edge) == 0


def test_the_admin_pages_stay_during_reloads(site):
    site.start_edge()
    failures, done = [], threading.Event()

    def ask():
        while not done.is_set():
            try:
                if site.admin("/healthz")[0] != 200:
                    failures.append("not healthy")
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        pages = set()
        for _ in range(5):
            site.reload_edge()
            site.wait_handed_over()
            pages.add(site.child("admin"))
        assert len(pages) == 5
    finally:
        done.set()
        asking.join()
    assert failures == []
    second = free_port()
    site.edit("edge.yaml", r"^admin: .*$", f"admin: '127.0.0.1:{second}'")
    site.reload_edge()
    assert site.admin("/healthz", second)[0] == 200
    wait_for(lambda: refused(site.admin_port), "the old address closed", 10)


@pytest.mark.long
def test_a_storm_of_reloads_costs_no_answer(site):
    """Also not those of a process that is still on trial, or that has just been told to stop."""
    site.start_edge()
    rng = random.Random(1)
    with Hammer(site.port, request_of(site)) as hammer:
        for _ in range(25):
            site.edge.send_signal(signal.SIGHUP)
            time.sleep(rng.uniform(0.02, 0.5))
        last = free_port()
        site.edit("edge.yaml", r"^admin: .*$", f"admin: '127.0.0.1:{last}'")
        site.edge.send_signal(signal.SIGHUP)
        wait_for(lambda: not refused(last), "what the last one asked for", 60, site.edge)
        # The new address is there from the beginning of the trial, the old one until its end.
        wait_for(lambda: refused(site.admin_port), "the last one taken", 60, site.edge)
        site.wait_handed_over()
    assert hammer.failures == []
    assert site.stop_process(site.edge) == 0
