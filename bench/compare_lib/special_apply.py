# SPDX-License-Identifier: Apache-2.0
"""Latency while packs are applied. The publications are made beforehand; during the load a thread
puts one after another before the edge, as a mirror would: files first, then the head."""

import os
import shutil
import threading
from pathlib import Path

from . import fixed_rate, stats
from .candidates import Edge
from .cases import CASES
from .process import Failed, wait_for
from .rounds import measure
from .site import Site

CERTS_MAX = 1000000
TURNS = 3            # publications applied in one stretch
STRETCH_MIN_S = 4
APPLIED = "statim_edge_sync_statements_applied_total"


def mirror(origin, target):
    """Hard links to what is new; then the head by rename."""
    for kind in ("pack", "log", "index"):
        for path in (Path(origin) / kind).iterdir():
            link = Path(target) / kind / path.name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                os.link(path, link)
    shutil.copy(Path(origin) / "head", Path(target) / "head.new")
    os.replace(Path(target) / "head.new", Path(target) / "head")


class Turner:
    """Makes further publications of the same certificates, and keeps each."""

    def __init__(self, site):
        self.site, self.kept = site, []

    def make(self, count):
        for _ in range(count):
            self.site.turn()
            copy = self.site.dir / f"turn-{len(self.kept)}"
            mirror(self.site.dir / "pub", copy)
            self.kept.append(copy)

    def apply(self, target, seconds, done):
        """One after another, evenly over the stretch; all of them, even when that ends early."""
        for _ in range(TURNS):
            done.wait(seconds / (TURNS + 1))
            mirror(self.kept.pop(0), target)


def turning(turner, target, seconds, load):
    """Load with publications coming in."""
    done = threading.Event()
    thread = threading.Thread(target=turner.apply, args=(target, seconds, done))
    thread.start()
    try:
        return load()
    finally:
        done.set()
        thread.join()


def run_rounds(session, edge, turner, served):
    o, case = session.options, CASES["get-uniform"]
    seconds = max(o.seconds, STRETCH_MIN_S)
    capacity = measure(edge, lambda: session.client.load(edge, case, o.seconds)).rate
    rate = fixed_rate.fitting(o.load * capacity,
                              lambda rate: session.client.load(edge, case, o.seconds, rate).busy_share)
    quiet, busy = [], []

    def load():
        return session.client.load(edge, case, seconds, rate)

    for _ in range(o.latency_rounds):
        quiet.append(measure(edge, load).latency_us["p99"])
        due = edge.metrics()[APPLIED] + TURNS * edge.site.certs
        busy.append(measure(edge, lambda: turning(turner, served, seconds, load)).latency_us["p99"])
        wait_for("all packs applied", lambda: edge.metrics()[APPLIED] >= due, edge.process)
    return rate, quiet, busy


def run(session, world):
    if not session.client.open_loop:
        raise Failed("the case apply takes statim-bench, for its fixed rate")
    site = Site(world.build, world.folder / "apply", min(world.site.certs, CERTS_MAX))
    turner = Turner(site)
    served = site.dir / "served"
    mirror(site.dir / "pub", served)
    turner.make(TURNS * session.options.latency_rounds)
    edge = Edge(world, origin="served", name="edge that applies", site=site)
    edge.start()
    try:
        rate, quiet, busy = run_rounds(session, edge, turner, served)
    finally:
        edge.stop()
    ratios = stats.ratios(busy, quiet)
    lines = [f"{site.certs:,} certificates, all replaced {TURNS} times in each stretch by packs, "
             f"{rate:,.0f} requests/s, no error; the edge applies and serves on the same processor",
             f"p99 us: quiet {stats.summary(quiet).text(0)}, applying {stats.summary(busy).text(0)}, ratio "
             f"{stats.summary(ratios).text(3)}"]
    return lines, {("statim-edge", "p99"): ratios}
