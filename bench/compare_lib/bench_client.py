# SPDX-License-Identifier: Apache-2.0
"""statim-bench as the client: closed loop for capacity, open loop for latency."""

import json
import os
import subprocess

from .clients import Stretch
from .process import CLIENT_CPU, Failed

OPEN_LOOP_CONNECTIONS_MIN = 256   # a late answer must not keep the next request waiting
ERRORS, OWN_LIMIT = 1, 3          # exit statuses with a result


class StatimBench:
    name = "statim-bench"
    open_loop = True
    remark = ""

    def __init__(self, build, folder):
        self.binary = build / "bench/statim-bench"
        self.json = folder / "statim-bench.json"
        if not self.is_built(build):
            raise Failed(f"{self.binary} is not built; --client wrk does without it")

    @staticmethod
    def is_built(build):
        return (build / "bench/statim-bench").exists()

    def command(self, candidate, case, seconds, rate, verify):
        """Without a warm-up: server and client count the same requests."""
        port = candidate.close_port if case.close else candidate.port
        words = [self.binary, f"http://127.0.0.1:{port}/", "--issuer", candidate.ca, "--serials",
                 candidate.serials.path, "--method", case.method, "--duration", seconds, "--warmup", 0, "--threads", 1,
                 "--verify", verify, "--quiet", "--json", self.json]
        words += ["--zipf", case.zipf] if case.zipf else []
        words += ["--close"] if case.close else []
        if rate is None:
            return words + ["--connections", case.connections]
        return words + ["--rate", f"{rate:.0f}", "--connections", max(case.connections, OPEN_LOOP_CONNECTIONS_MIN)]

    def load(self, candidate, case, seconds, rate=None, verify="none"):
        self.json.unlink(missing_ok=True)
        command = [str(word) for word in self.command(candidate, case, seconds, rate, verify)]
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              preexec_fn=lambda: os.sched_setaffinity(0, {CLIENT_CPU}))
        if done.returncode not in (0, ERRORS, OWN_LIMIT) or not self.json.exists():
            raise Failed(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return stretch_of(json.loads(self.json.read_text())["stretches"][0], open_loop=rate is not None)


def stretch_of(told, open_loop):
    """What compare wants of a stretch in statim-bench's JSON. Requests that found no connection in
    time are no errors of the server, but the stretch is none to rely on. A closed loop is meant to
    be as busy as can be: that the client was the limit is no news there."""
    unsent = told["ends"]["unsent"]
    reasons = [reason["name"] for reason in told["verdict"]["reasons"]] if open_loop else []
    return Stretch(requests=told["due"] - unsent, errors=told["errors"] - unsent, wall_s=told["wall_s"],
                   client_s=told["cpu_s"],
                   latency_us={name: told["latency_ns"][name] / 1000 for name in ("p50", "p99", "p99.9")},
                   limit="client: " + ", ".join(reasons) if reasons else "", busy_share=told["busy_share"])
