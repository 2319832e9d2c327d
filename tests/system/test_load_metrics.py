# SPDX-License-Identifier: Apache-2.0
"""What an edge tells of its load, its news and its processes, for who sheds load by it."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

from hammer import Hammer
from site_under_test import wait_for
from test_control import request_of

CLOCK = "statim_edge_worker_clock_nanoseconds"
PROCESS = "statim_edge_serve_process_id"
SECOND_NS = 1e9


def row(kind, worker=0):
    return f'statim_edge_worker_{kind}_nanoseconds_total{{worker="{worker}"}}'


@pytest.fixture
def open_folder():
    """A folder that other users may go through. Those of pytest are not: the tests of all processes share them."""
    with tempfile.TemporaryDirectory(prefix="statim-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(params=["as it is", "as another user"])
def site(open_folder, make_site, request):
    """A running edge of two workers, whose serving process has given up what it can."""
    site = make_site(open_folder / "site")
    site.init()
    site.issue_certificate("good")
    site.import_certificates()
    site.presign_once()
    with (site.dir / "edge.yaml").open("a") as file:
        file.write("workers: 2\n")
        if request.param == "as another user":
            if os.geteuid() != 0:
                pytest.skip("only root becomes another user")
            file.write("user: nobody\n")
    site.start_edge()
    if not counts():
        pytest.skip("this kernel does not show the time of threads")
    wait_rows(site)
    return site


def wait_rows(site):
    """Until the workers of the serving process have their rows: it is ready before the last of its threads has run."""
    wait_for(lambda: {row("run", 0), row("run", 1)} <= site.metrics().keys() and
             site.metrics()[PROCESS] == site.child("serve"), "rows of both workers", 30, site.edge)


def counts():
    """Whether the kernel counts at all, asked of another thread than the edge's."""
    try:
        with open("/proc/thread-self/schedstat", encoding="ascii") as file:
            return file.read().split()[2] != "0"
    except OSError:
        return False


def shares(site):
    """Time of the workers on a processor, as a share of a second that begins now."""
    before = site.metrics()
    after = before

    def passed():
        nonlocal after
        after = site.metrics()
        return after[CLOCK] - before[CLOCK] >= SECOND_NS

    wait_for(passed, "a second by the edge's clock", 20)
    run = sum(after[row("run", worker)] - before[row("run", worker)] for worker in range(2))
    return run / (after[CLOCK] - before[CLOCK])


def test_busy_workers_show(site):
    """Every worker has its rows, of the right process; load shows in them, and its end."""
    samples = site.metrics()
    assert samples[PROCESS] == site.child("serve")
    assert row("run", 1) in samples and row("wait", 1) in samples and row("run", 2) not in samples
    seen = []

    def load_shows():
        """Whether load is told from quiet; on a machine with much else to do not at the first look."""
        quiet = shares(site)
        with Hammer(site.port, request_of(site)) as hammer:
            busy = shares(site)
        assert hammer.failures == []
        seen.append((quiet, busy))
        assert quiet >= 0 and 0 <= busy <= 2.1, seen
        return busy > 3 * quiet and busy > 0.005

    try:
        wait_for(load_shows, "load in the rows", 30)
    except AssertionError as error:
        raise AssertionError(f"{error}: {seen}") from None


def test_the_rows_follow_the_process(site):
    """A killed process has none, the next one begins at 0, and so it is over a reload."""
    before = site.metrics()
    assert before['statim_edge_processes_running{process="serve"}'] == 1
    assert 0 <= before["statim_edge_news_age_seconds"] < 3600
    killed = site.child("serve")
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: site.metrics()[PROCESS] not in (0, killed), "the next one", 30, site.edge)
    wait_rows(site)
    site.wait_healthy()
    site.reload_edge()
    site.wait_handed_over()
    wait_rows(site)
