# SPDX-License-Identifier: Apache-2.0
"""Who asks: wrk with a list of requests, or one connection a request for what can do no more."""

import re
import socket
import time
from dataclasses import dataclass, field

from . import ask
from .process import CLIENT_CPU, Failed, run, run_timed

LIST_COUNT = 50000   # requests that wrk goes through again and again

LUA = """
local texts, n = {}, 0
function setup(thread) asking = thread end
function init()
  local file = io.open("%s", "rb")
  while true do
    local size = file:read("*n")
    if not size then break end
    file:read(1)
    texts[#texts + 1] = file:read(size)
  end
  file:close()
  collectgarbage()
  began = os.clock()
end
function request()
  n = n %% #texts + 1
  return texts[n]
end
function done(summary)
  local e = summary.errors
  io.write(string.format("counted %%d %%d %%d %%d\\n", summary.requests, summary.duration,
                         e.connect + e.read + e.write + e.status + e.timeout,
                         (os.clock() - asking:get("began")) * 1e6))
end
"""


@dataclass
class Stretch:
    """What a client says of one stretch of load."""
    requests: int
    errors: int
    wall_s: float
    client_s: float | None = None                  # its processor time
    latency_us: dict = field(default_factory=dict) # p50, p99, p99.9 from the intended start
    limit: str = ""                                # why the figures are the client's, not the server's
    busy_share: float = 0.0                        # of the client's processor


def methods_of(case, count):
    return ["get", "post"] * (count // 2) if case.method == "mix" else [case.method] * count


class Wrk:
    """Closed loop only: it has no rate, so it measures no latency worth to be told."""
    name = "wrk"
    open_loop = False
    remark = f"asked by wrk: {LIST_COUNT:,} requests again and again, closed loop only"

    def __init__(self, build, folder):
        self.folder = folder
        self.lists = {}

    def script(self, candidate, case):
        key = (candidate.dir, case.name)
        if key not in self.lists:
            stem = self.folder / f"wrk-{len(self.lists)}"
            port = candidate.close_port if case.close else candidate.port
            serials = candidate.serials.pick(ask.draws(LIST_COUNT, candidate.serials.count, case.zipf))
            with open(f"{stem}.list", "wb") as file:
                for serial, method in zip(serials, methods_of(case, LIST_COUNT)):
                    text = ask.http_request(ask.request_der(candidate.issuer, serial), port, method, case.close)
                    file.write(b"%d " % len(text) + text)
            stem.with_suffix(".lua").write_text(LUA % f"{stem}.list")
            self.lists[key] = stem.with_suffix(".lua")
        return self.lists[key]

    def load(self, candidate, case, seconds, rate=None, verify="none"):
        """`verify` is not for wrk: it counts answers with a status from 400 on as errors."""
        if rate is not None:
            raise Failed("wrk has no rate: latency takes statim-bench")
        port = candidate.close_port if case.close else candidate.port
        out = run("wrk", "-t1", f"-c{case.connections}", f"-d{seconds}s", "-s", self.script(candidate, case),
                  f"http://127.0.0.1:{port}/", cpus={CLIENT_CPU})
        requests, wall_us, errors, client_us = map(int, re.search(r"counted (\d+) (\d+) (\d+) (\d+)", out).groups())
        return Stretch(requests, errors, wall_us / 1e6, client_us / 1e6)


def wrk_constant(port, target, connections, seconds, close):
    """wrk at its cheapest: the same GET again and again, without Lua."""
    ending = ["-H", "Connection: close"] if close else []
    out, client_s = run_timed("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *ending,
                              f"http://127.0.0.1:{port}{target}", cpus={CLIENT_CPU})
    requests, wall = re.search(r"(\d+) requests in ([\d.]+)s", out).groups()
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors", out)
    return Stretch(int(requests), 0 if failed is None else int(failed[1] or 1), float(wall), client_s)


class OneByOne:
    """For openssl ocsp: a connection for each request, one after another, and few of them."""
    open_loop = False
    REQUESTS = 400

    def load(self, candidate, case, seconds, rate=None, verify="none"):
        serials = candidate.serials.pick(ask.draws(self.REQUESTS, candidate.serials.count, case.zipf))
        errors = 0
        begin = time.monotonic()
        for done, (serial, method) in enumerate(zip(serials, methods_of(case, self.REQUESTS)), 1):
            text = ask.http_request(ask.request_der(candidate.issuer, serial), candidate.port, method, True)
            errors += not self.ask(candidate.port, text)
            if time.monotonic() - begin > seconds:
                break
        return Stretch(done, errors, time.monotonic() - begin)

    @staticmethod
    def ask(port, text):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(text)
            answer = b""
            while piece := sock.recv(65536):
                answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        return b" 200 " in head and len(body) > 200
