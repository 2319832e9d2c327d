# SPDX-License-Identifier: Apache-2.0
"""Processor time: of process trees in nanoseconds, and of the whole machine for the guard."""

import contextlib
import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def children_of(pid):
    """The direct children of all threads of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def tree_of(pid):
    """The process and all its descendants."""
    pids, at = [pid], 0
    while at < len(pids):
        with contextlib.suppress(OSError):
            pids += children_of(pids[at])
        at += 1
    return pids


def process_s(pid):
    """Seconds on a processor, user and system, of all threads alive. schedstat counts both in
    nanoseconds, where stat has ticks of 10 ms; a thread that is not running is exact."""
    total_ns = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            total_ns += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    return total_ns / 1e9


def tree_s(pids):
    """Of several processes; one that has ended is an error, since its time is gone."""
    return sum(process_s(pid) for pid in pids)


def own_s():
    """Of this process, and of its children that have been waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def machine_busy_s(stat=None):
    """Seconds of all processors that were not idle, the hypervisor's included."""
    text = stat if stat is not None else Path("/proc/stat").read_text()
    fields = [int(word) for word in text.split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / TICKS_PER_S


def check():
    """What must be there for the figures to mean anything."""
    try:
        if int(Path("/proc/self/schedstat").read_text().split()[0]) > 0:
            return
    except OSError:
        pass
    raise SystemExit("bench/compare: /proc/PID/schedstat counts nothing: a kernel with CONFIG_SCHED_INFO is needed")
