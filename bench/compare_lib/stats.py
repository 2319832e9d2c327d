# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of a comparison: medians with their range, ratios round by round, the guard."""

import math
import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """A figure of several rounds."""
    median: float
    low: float
    high: float
    count: int

    def text(self, digits=2):
        if self.count == 1:
            return f"{self.median:.{digits}f}"
        return f"{self.median:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"

    def as_json(self):
        return {"median": self.median, "low": self.low, "high": self.high, "rounds": self.count}


def summary(values):
    """The median and the range, or None when nothing was measured."""
    values = [value for value in values if value is not None]
    if not values:
        return None
    return Summary(statistics.median(values), min(values), max(values), len(values))


def quantile(values, part):
    """The smallest value that at least this part of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered) - 1e-9) - 1)]


def ratios(above, below):
    """One ratio a round, of the rounds in which both were measured: what changed on the machine
    between two rounds changed for both. Without such a round, the ratio of the medians."""
    found = [a / b for a, b in zip(above, below) if a is not None and b]
    a, b = summary(above), summary(below)
    return found if found or a is None or b is None or not b.median else [a.median / b.median]


def foreign_share(busy_s, own_s, wall_s, processors):
    """The part of the whole machine that was spent by anybody but us, 0 to 1."""
    if wall_s <= 0:
        return 1.0
    return min(1.0, max(0.0, (busy_s - own_s) / (wall_s * processors)))


def undisturbed(attempt, limit, attempts_max):
    """Calls attempt() until its sample's foreign_share is within the limit and the client was not
    its limit, at most so often, and returns the best sample with `disturbed` set. attempts_max is
    at least 1."""
    best = None
    for _ in range(attempts_max):
        sample = attempt()
        sample.disturbed = sample.foreign_share > limit
        if best is None or worse(best) > worse(sample):
            best = sample
        if not best.disturbed and not best.limit:
            break
    return best


def worse(sample):
    return sample.disturbed, bool(sample.limit), sample.foreign_share


def latency_rate(capacities, share):
    """The rate of the latency runs: a share of what the slowest can do."""
    capacities = [capacity for capacity in capacities if capacity]
    return share * min(capacities) if capacities else None


def skew(counts):
    """Largest ÷ mean, or None without any."""
    total = sum(counts)
    return max(counts) * len(counts) / total if total else None
