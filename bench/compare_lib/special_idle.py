# SPDX-License-Identifier: Apache-2.0
"""User memory of idle connections: each has asked once and stays."""

from pathlib import Path

from . import ask
from .candidates import Edge
from .idle_client import Connections, raise_limit
from .process import wait_for

FIRST = 1000      # the growth is counted from here, the whole from none


def user_octets(pid):
    """Memory of its own: without the pages of the database, which the kernel may take back."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    return 0


def run(session, world):
    wanted = session.options.idle_connections
    possible = raise_limit(wanted)
    edge = Edge(world, name="edge for idle connections")
    request = ask.http_request(ask.request_der(world.site.issuer, world.site.serials.some(1)[0]), edge.port, "get")
    edge.start()
    try:
        pid = edge.serve_pid()
        before = user_octets(pid)
        with Connections(edge.port, min(FIRST, possible)) as held:
            held.open_all(request)
            first, first_count = user_octets(pid), held.count
            held.count = possible
            held.open_all(request)
            wait_for("all connections open", lambda: edge.metrics()["statim_edge_connections_open"] >= possible,
                     edge.process)
            last = user_octets(pid)
    finally:
        edge.stop()
    return report(wanted, possible, first_count, (before, first, last))


def report(wanted, count, first_count, octets):
    before, first, last = octets
    each = (last - before) / count
    growth = (last - first) / (count - first_count) if count > first_count else each
    lines = [f"{count:,} connections, each after one answer: {last / 2**20:.1f} MiB of user memory, "
             f"{before / 2**20:.1f} before the first",
             f"octets a connection: {each:.0f} over all, {growth:.0f} from {first_count:,} to {count:,}"]
    if count < wanted:
        # Extrapolated: what the first took is shared by more, each further one costs the growth.
        each = (last - before + growth * (wanted - count)) / wanted
        lines.append(f"the limits of this machine allow {count:,}; extrapolated to {wanted:,}: {each:.0f} a connection")
    return lines, {("statim-edge", "octets"): [each]}
