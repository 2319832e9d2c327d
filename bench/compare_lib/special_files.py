# SPDX-License-Identifier: Apache-2.0
"""Processor time per octet of a file, beside nginx with sendfile and its files kept open."""

import http.client
import os
import time

from . import stats
from .candidates import Edge, NginxReturn
from .clients import wrk_constant
from .process import run, wait_for
from .rounds import measure

SIZES = (1000000, 10000000)
CONNECTIONS = 4
LASTS_S = 3600     # what the files say of themselves


def target(size):
    return f"/file-{size}.crl"


def fetched(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.read() if response.status == 200 else None
    finally:
        connection.close()


class NginxFiles(NginxReturn):
    """As one would let it serve CRLs."""

    def __init__(self, world, folder):
        self.name, self.folder = "nginx sendfile", folder
        super().__init__(world)

    def location(self):
        return (f"root {self.folder}; sendfile on; tcp_nopush on; open_file_cache max=100 inactive=3600s; "
                "open_file_cache_valid 3600s;")


def put(world, edge, source, path):
    """Into the edge's store, as its sync would."""
    now = int(time.time())
    run(world.build / "tests/store-file", world.site.dir / edge.dir.name / "store", "put", path, source,
        "application/pkix-crl", now - 100, now + LASTS_S, now + 2 * LASTS_S)
    octets = source.read_bytes()
    wait_for(f"{path} served", lambda: fetched(edge.port, path) == octets, edge.process)


def round_of(session, server, size):
    o = session.options
    return stats.undisturbed(
        lambda: measure(server, lambda: wrk_constant(server.port, target(size), CONNECTIONS, o.seconds, False)),
        o.foreign_max, 1 + o.repeats)


def compare(session, servers, size):
    """Picoseconds an octet, one a round, of each server; the first round warms up."""
    found = {server.name: [] for server in servers}
    for number in range(-1, session.options.rounds):
        for server in servers:
            sample = round_of(session, server, size)
            if number >= 0:
                found[server.name].append(sample.server_us * 1e6 / size)
                session.tell(f"  {number + 1}: {size:>10,} octets, {server.name:<16}"
                             f"{sample.server_us * 1e6 / size:8.1f} ps an octet"
                             f"{'  disturbed' if sample.disturbed else ''}")
    return found


def run_sizes(session, world, edge, folder):
    servers = [edge, NginxFiles(world, folder)]
    lines, values = [], {}
    servers[1].start()
    try:
        for size in SIZES:
            source = folder / target(size)[1:]
            source.write_bytes(os.urandom(size))
            put(world, edge, source, target(size))
            ours, other = compare(session, servers, size).values()
            ratios = stats.ratios(ours, other)
            values[("statim-edge", f"octet_{size}")] = ratios
            lines.append(f"{size:,} octets: edge {stats.summary(ours).text(0)} ps an octet, nginx "
                         f"{stats.summary(other).text(0)}, ratio {stats.summary(ratios).text(3)}")
    finally:
        servers[1].stop()
    return lines, values


def run_case(session, world):
    folder = world.folder / "files"
    folder.mkdir()
    edge = Edge(world, name="edge with files")
    edge.start()
    try:
        return run_sizes(session, world, edge, folder)
    finally:
        edge.stop()
