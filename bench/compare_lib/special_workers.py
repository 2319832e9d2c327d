# SPDX-License-Identifier: Apache-2.0
"""Two workers beside one. With as many processors as workers there is none left for a client, so
capacity is reckoned from processor time: at the same rate a worker, 2 · (CPU of one) ÷ (CPU of two)."""

import os
import re
from dataclasses import replace
from pathlib import Path

from . import ask, stats
from .candidates import Edge
from .cases import CASES
from .idle_client import Connections
from .process import CLIENT_CPU, SERVER_CPU
from .rounds import measure

CONNECTIONS = 256
WORKER_RATE = 40000
QUESTIONS = 5     # asked on a connection to see who answers


class Workers(Edge):
    """An edge of its own, whose workers may have both processors; each is pinned to one."""

    def __init__(self, world, count):
        super().__init__(world, workers=count, name=f"edge with {count} worker{'s' if count > 1 else ''}")

    def launch(self):
        return super().launch(cpus=frozenset({SERVER_CPU, CLIENT_CPU}))

    def find_workers(self):
        """The busiest threads, once there has been load; pinned to one processor each."""
        def spent(task):
            return int((task / "schedstat").read_text().split()[0])
        tasks = sorted(Path(f"/proc/{self.serve_pid()}/task").iterdir(), key=spent)[-self.workers:]
        self.tasks = sorted(tasks)
        for number, task in enumerate(self.tasks):
            os.sched_setaffinity(int(task.name), {(SERVER_CPU, CLIENT_CPU)[number % 2]})

    def waits(self):
        """How often each worker has gone to sleep."""
        return [int(re.search(r"\nvoluntary_ctxt_switches:\s*(\d+)", (task / "status").read_text())[1])
                for task in self.tasks]

    def worker_of(self, sock, request):
        """Which worker answers there: it wakes for each question."""
        before = self.waits()
        for _ in range(QUESTIONS):
            sock.sendall(request)
            sock.recv(4096)
        woken = [after - earlier for after, earlier in zip(self.waits(), before)]
        return woken.index(max(woken))


def skew_of(edge):
    """Largest ÷ mean number of connections of a worker."""
    request = ask.http_request(ask.request_der(edge.issuer, edge.serials.some(1)[0]), edge.port, "get")
    with Connections(edge.port, CONNECTIONS) as held:
        held.open_all(request)
        counts = [0] * edge.workers
        for sock in held.held:
            counts[edge.worker_of(sock, request)] += 1
    return stats.skew(counts)


def round_of(session, edge, case):
    o = session.options
    rate = WORKER_RATE * edge.workers if session.client.open_loop else None
    return stats.undisturbed(lambda: measure(edge, lambda: session.client.load(edge, case, o.seconds, rate)),
                             o.foreign_max, 1 + o.repeats)


def run_rounds(session, edges, case):
    us = {edge.workers: [] for edge in edges}
    for edge in edges:
        edge.start()
        round_of(session, edge, case)
        edge.find_workers()
    for number in range(session.options.rounds):
        for edge in edges:
            sample = round_of(session, edge, case)
            us[edge.workers].append(sample.server_us)
            session.tell(f"  {number + 1}: {edge.name:<26}{sample.server_us:8.2f} us  {sample.rate:10,.0f}/s"
                         f"{'  disturbed' if sample.disturbed else ''}")
    return us


def run(session, world):
    case = replace(CASES["get-uniform"], connections=CONNECTIONS)
    edges = [Workers(world, count) for count in (1, 2)]
    try:
        us = run_rounds(session, edges, case)
        skews = [skew_of(edges[1]) for _ in range(session.options.rounds)]
    finally:
        for edge in edges:
            if edge.process is not None:
                edge.stop()
    return report(us, skews, session.client.open_loop)


def report(us, skews, at_rate):
    capacity = [2 * ratio for ratio in stats.ratios(us[1], us[2])]
    lines = [f"one worker {stats.summary(us[1]).text()} us a request, two {stats.summary(us[2]).text()}: capacity "
             f"{stats.summary(capacity).text(3)} times",
             f"at {WORKER_RATE:,}/s a worker, {CONNECTIONS} connections" if at_rate
             else f"closed loop, {CONNECTIONS} connections; one of two workers shares its processor with the client",
             f"{CONNECTIONS} connections: largest / mean {stats.summary(skews).text(3)}"]
    return lines, {("statim-edge", "capacity"): capacity, ("statim-edge", "skew"): skews}
