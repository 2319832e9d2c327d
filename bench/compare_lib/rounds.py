# SPDX-License-Identifier: Apache-2.0
"""Interleaved rounds: A B C, A B C ...; each stretch between two looks at the processor clocks."""

import os
import time
from dataclasses import dataclass, field

from . import cpu, fixed_rate, stats
from .clients import OneByOne
from .process import Failed


@dataclass
class Sample:
    """One stretch of load on one candidate."""
    server_us: float          # per request
    client_us: float | None
    rate: float
    foreign_share: float
    latency_us: dict = field(default_factory=dict)
    offered: float | None = None
    limit: str = ""
    disturbed: bool = False

    @property
    def total_us(self):
        return None if self.client_us is None else self.server_us + self.client_us

    def figure(self, name):
        """By its name in the reports."""
        return self.latency_us.get(name) if name.startswith("p") else getattr(self, name)


def measure(candidate, load):
    """Runs load() with the clocks of server, machine and ourselves read before and after."""
    begin_s, busy_s, server_s, own_s = time.monotonic(), cpu.machine_busy_s(), candidate.cpu_s(), cpu.own_s()
    stretch = load()
    server_s, own_s = candidate.cpu_s() - server_s, cpu.own_s() - own_s
    wall_s, busy_s = time.monotonic() - begin_s, cpu.machine_busy_s() - busy_s
    if stretch.requests == 0 or stretch.errors > 0:
        raise Failed(f"{candidate.name}: {stretch.errors} errors in {stretch.requests} requests (see {candidate.log})")
    return Sample(
        server_us=server_s * 1e6 / stretch.requests,
        client_us=None if stretch.client_s is None else stretch.client_s * 1e6 / stretch.requests,
        rate=stretch.requests / stretch.wall_s, latency_us=stretch.latency_us, limit=stretch.limit,
        foreign_share=stats.foreign_share(busy_s, server_s + own_s, wall_s, os.cpu_count()))


@dataclass(frozen=True)
class Entry:
    """A line of a case: who is asked, and how."""
    name: str
    candidate: object
    case: object


def entries_of(candidates, case, cases):
    """Who can answer the case, and the edge once more where it is also to be asked in another way."""
    found = [Entry(one.name, one, case) for one in candidates if one.can(case)]
    if case.beside:
        found += [Entry(f"{one.name}, {case.beside}", one, cases[case.beside]) for one in candidates if one.is_ours]
    return found


class Rounds:
    """Measures one case, entry by entry."""

    def __init__(self, options, client, tell):
        self.options, self.client, self.tell = options, client, tell
        self.one_by_one = OneByOne()

    def stretch(self, entry, rate=None, warms_up=False):
        """Answers are looked into while it warms up; then they cost every client the same."""
        candidate = entry.candidate
        verify = "der" if warms_up and not candidate.is_constant else "none"
        client = self.one_by_one if candidate.transient else self.client
        if candidate.transient:
            candidate.start()
        try:
            return stats.undisturbed(
                lambda: measure(candidate, lambda: client.load(candidate, entry.case, self.options.seconds, rate,
                                                               verify)),
                self.options.foreign_max, 1 if warms_up else 1 + self.options.repeats)
        finally:
            if candidate.transient:
                candidate.stop()

    def capacity(self, entries):
        """{entry's name: samples}: as fast as it goes, closed loop. The first round warms up."""
        samples = {one.name: [] for one in entries}
        for number in range(-1, self.options.rounds):
            for one in entries:
                sample = self.stretch(one, warms_up=number < 0)
                if number >= 0:
                    samples[one.name].append(sample)
                    self.tell(f"  {number + 1}: {one.name:<26}{sample.server_us:8.2f} us  {sample.rate:10,.0f}/s"
                              f"{'  disturbed' if sample.disturbed else ''}")
        return samples

    def latency(self, entries, samples):
        """At 70 % of what the slowest can do, or what the client can; a slow one at 70 % of its own."""
        if not self.client.open_loop:
            return {}
        capacity = {name: stats.summary([sample.rate for sample in some]).median for name, some in samples.items()}
        common = stats.latency_rate([capacity[one.name] for one in entries if not one.candidate.slow],
                                    self.options.load)
        lasting = [one for one in entries if not one.candidate.transient]
        if lasting and common:
            usual = next((one for one in lasting if not one.candidate.slow), lasting[0])
            common = fixed_rate.fitting(common, lambda rate: self.client.load(
                usual.candidate, usual.case, self.options.seconds, rate).busy_share)
        found = {one.name: [] for one in lasting}
        for _ in range(self.options.latency_rounds):
            for one in lasting:
                rate = min(filter(None, (common, self.options.load * capacity[one.name])))
                sample = self.stretch(one, rate)
                sample.offered = rate
                found[one.name].append(sample)
        return found
