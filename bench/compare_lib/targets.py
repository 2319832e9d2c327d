# SPDX-License-Identifier: Apache-2.0
"""The aims, one row each, and what a run says of them. An aim that is missed fails no test."""

from dataclasses import dataclass

from . import stats

EDGE, FLOOR, NGINX, STATIC = "statim-edge", "floor", "nginx return", "nginx static"
CFSSL, OPENSSL = "cfssl ocspserve", "openssl ocsp"
MANY = 20000000


@dataclass(frozen=True)
class Target:
    """`above` and `below` are (case, candidate, figure); without `below` the figure itself counts."""
    text: str
    above: tuple
    below: tuple | None
    sense: str            # "<=" or ">="
    bound: float
    certs: int = 0        # the data set it is meant for; 0: any

    def met(self, value):
        return value <= self.bound if self.sense == "<=" else value >= self.bound


def beside(text, case, below, bound, certs=MANY):
    return Target(text, (case, EDGE, "server_us"), (case, below, "server_us"), "<=", bound, certs)


def fewer(text, case, other, bound):
    return Target(text, (case, other, "server_us"), (case, EDGE, "server_us"), ">=", bound)


TARGETS = (
    beside("GET, Zipf, CPU: edge / floor", "get", FLOOR, 1.12),
    beside("GET, Zipf, CPU: edge / nginx return", "get", NGINX, 0.88),
    beside("GET, Zipf, CPU: edge / nginx static", "get", STATIC, 0.70),
    beside("POST, Zipf, CPU: edge / floor", "post", FLOOR, 1.12),
    beside("POST, Zipf, CPU: edge / nginx return", "post", NGINX, 0.88),
    beside("GET, uniform, CPU: edge / floor", "get-uniform", FLOOR, 1.18),
    beside("GET, uniform, CPU: edge / nginx return", "get-uniform", NGINX, 0.88),
    beside("GET, uniform, CPU: edge / nginx static", "get-uniform", STATIC, 0.70),
    beside("POST, uniform, CPU: edge / floor", "post-uniform", FLOOR, 1.18),
    beside("POST, uniform, CPU: edge / nginx return", "post-uniform", NGINX, 0.88),
    beside("connection per GET, CPU: edge / floor", "close", FLOOR, 1.05, 0),
    beside("connection per GET, CPU: edge / nginx return", "close", NGINX, 0.90, 0),
    fewer("POST, CPU: cfssl / edge", "post", CFSSL, 5),
    fewer("POST, CPU: openssl / edge", "post", OPENSSL, 20),
    fewer("GET, CPU: openssl / edge", "get", OPENSSL, 20),
    Target("CPU: own POST / own GET", ("post", EDGE, "server_us"), ("post", f"{EDGE}, get", "server_us"), "<=", 1.05),
    Target("GET, p99.9 at the fixed rate: edge / nginx return",
           ("get", EDGE, "p99.9"), ("get", NGINX, "p99.9"), "<=", 1.0),
    Target("capacity of 2 workers / 1 worker", ("workers", EDGE, "capacity"), None, ">=", 1.85),
    Target("connections of 2 workers at 256: largest / mean", ("workers", EDGE, "skew"), None, "<=", 1.25),
    Target("octets of user memory an idle connection, 100,000 of them", ("idle", EDGE, "octets"), None, "<=", 600),
    Target("p99 while packs are applied / quiet p99", ("apply", EDGE, "p99"), None, "<=", 1.5),
    Target("files of 1 MB, CPU per octet: edge / nginx sendfile", ("files", EDGE, "octet_1000000"), None, "<=", 1.0),
    Target("files of 10 MB, CPU per octet: edge / nginx sendfile", ("files", EDGE, "octet_10000000"), None, "<=", 1.0),
    Target("client CPU: statim-bench, every answer checked / wrk, constant GET", ("clients", EDGE, "client_us"), None,
           "<=", 1.0),
)


@dataclass(frozen=True)
class Verdict:
    target: Target
    certs: int
    value: stats.Summary

    @property
    def met(self):
        return self.target.met(self.value.median)

    @property
    def note(self):
        if self.target.certs > self.certs:
            return f"of {self.certs:,} certificates; the aim is for {self.target.certs:,}"
        return f"{self.certs:,} certificates"


def check(figures, certs, targets=TARGETS):
    """`figures`: {(case, candidate, figure): one value a round}. Says nothing of what was not
    measured."""
    found = []
    for target in targets:
        values = figures.get(target.above, [])
        if target.below is not None:
            values = stats.ratios(values, figures.get(target.below, []))
        value = stats.summary(values)
        if value is not None:
            found.append(Verdict(target, certs, value))
    return found
