# SPDX-License-Identifier: Apache-2.0
"""What is compared: one row a case. `bench/compare --cases` takes these names."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    name: str
    text: str
    method: str           # get, post, mix
    connections: int
    zipf: float           # exponent over the serials; 0: uniform
    close: bool = False   # one request a connection
    beside: str = ""      # the edge is asked in this way as well, in the same rounds

    @property
    def methods(self):
        """What a candidate must be able to answer."""
        return {"get", "post"} if self.method == "mix" else {self.method}


CASES = {case.name: case for case in (
    Case("get", "keep-alive GET, 64 connections, Zipf(1.0)", "get", 64, 1.0),
    Case("get-uniform", "keep-alive GET, 64 connections, uniform", "get", 64, 0.0),
    Case("post", "keep-alive POST, 64 connections, Zipf(1.0)", "post", 64, 1.0, beside="get"),
    Case("post-uniform", "keep-alive POST, 64 connections, uniform", "post", 64, 0.0),
    Case("close", "one connection per GET, 64 at a time, Zipf(1.0)", "get", 64, 1.0, close=True),
    Case("mix", "keep-alive GET and POST in turn, 64 connections, Zipf(1.0)", "mix", 64, 1.0),
    Case("get-1", "keep-alive GET, 1 connection, Zipf(1.0)", "get", 1, 1.0),
    Case("get-1024", "keep-alive GET, 1,024 connections, Zipf(1.0)", "get", 1024, 1.0),
)}

# Cases with a procedure of their own, each in a module of its name.
SPECIAL = {
    "clients": "statim-bench with every answer checked beside wrk with a constant GET",
    "workers": "two workers beside one: capacity by processor time, and how even connections are spread",
    "idle": "user memory of idle connections",
    "apply": "p99 at 70 % load while packs are applied, beside the quiet p99",
    "files": "CPU per octet of files of 1 and 10 MB, beside nginx sendfile",
}

QUICK = ("get", "post", "close")
