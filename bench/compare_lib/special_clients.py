# SPDX-License-Identifier: Apache-2.0
"""What the load generator costs: its processor time per request beside wrk's."""

from dataclasses import replace

from . import ask, stats
from .bench_client import StatimBench
from .cases import CASES
from .clients import wrk_constant
from .process import Failed
from .rounds import measure

ROWS = (("get", "keep-alive, 64 connections"), ("close", "a connection each"))


def client_us(session, edge, load):
    sample = stats.undisturbed(lambda: measure(edge, load), session.options.foreign_max, 1 + session.options.repeats)
    return sample.client_us


def compare(session, world, case):
    """Interleaved: (ours, wrk's), microseconds of client per request, one a round."""
    ours = StatimBench(world.build, session.folder)
    seconds, edge = session.options.seconds, world.edge
    target = ask.get_target(ask.request_der(world.site.issuer, world.site.serials.some(1)[0]))
    loads = (lambda: ours.load(edge, case, seconds, verify="der"),
             lambda: wrk_constant(edge.port, target, case.connections, seconds, case.close))
    found = ([], [])
    for number in range(-1, session.options.rounds):
        for values, load in zip(found, loads):
            value = client_us(session, edge, load)
            if number >= 0:
                values.append(value)
    return found


def run(session, world):
    if not StatimBench.is_built(world.build):
        raise Failed("the case clients takes statim-bench")
    lines, values = [], {}
    for name, text in ROWS:
        ours, wrk = compare(session, world, replace(CASES[name], zipf=0.0))
        ratios = stats.ratios(ours, wrk)
        lines.append(f"{text}: statim-bench {stats.summary(ours).text()} us of client a request, "
                     f"wrk {stats.summary(wrk).text()}, ratio {stats.summary(ratios).text(3)}")
        values[("statim-edge", "client_us" if name == "get" else "client_us_close")] = ratios
    lines.append("statim-bench: any certificate, every answer decoded and compared; wrk: one constant GET, status only")
    return lines, values
