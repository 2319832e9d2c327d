# SPDX-License-Identifier: Apache-2.0
"""The edge's end of the fast lane, with a real presigner and a real Redis: log entries come by the stream, nothing
that happens to Redis does harm, and without it all goes on over HTTP."""

import functools
import http.server
import os
import re
import signal
import threading
import time

import pytest

from redis_under_test import Redis, RedisError
from site_under_test import EDGE, run, wait_for

GOOD, REVOKED = ("GOOD", None), ("REVOKED", "superseded")
NEVER_MS = 3_000_000  # between two looks at the head
QUICK_S = 60
NAMES = [f"c{i}" for i in range(8)]


class Lane:
    """A site whose presigner and edge share a Redis."""

    def __init__(self, site, *servers, poll_ms=NEVER_MS, origin=None):
        self.site = site
        self.redis = servers[0]
        site.init()
        network = re.search(r"^network: (.*)$", (site.dir / "presigner.yaml").read_text(), re.M)[1]
        self.log_key = f"statim:{{{network}}}:log"
        self.edges_key = f"statim:{{{network}}}:edges"
        lines = "redis:\n  addresses:\n" + "".join(f"    - {server.address}\n" for server in servers)
        with open(site.dir / "presigner.yaml", "a", encoding="utf-8") as file:
            file.write(lines)
        site.append_edge(f"name: edge-1\npoll_ms: {poll_ms}\n{lines}")
        if origin is not None:
            site.use_origin(origin.url)
        for name in NAMES:
            site.issue_certificate(name)
        site.import_certificates()
        site.start()
        # The edge has followed the first fill over HTTP or the stream; from here on the lane is open.
        wait_for(lambda: self.count("lane_connected") == 1, "Redis at the edge", QUICK_S, site.edge)
        wait_for(lambda: all(site.answer(name) == GOOD for name in NAMES), "all certificates", QUICK_S, site.edge)
        self.wait_filled()

    def count(self, name):
        samples = self.site.metrics()
        return samples.get(f"statim_edge_sync_{name}", samples.get(f"statim_edge_sync_{name}_total"))

    def number(self):
        return int(self.count("log_number"))

    def stream_last(self):
        """The newest number of the stream; 0: there is none."""
        entries = self.redis.stream(self.log_key)
        return int(entries[-1][0].split("-")[0]) if entries else 0

    def add_next(self, field, value):
        """Puts something under the next number of the stream."""
        self.redis.redis("XADD", self.log_key, f"{self.stream_last() + 1}-0", field, value)

    def acknowledged(self):
        try:
            value = self.redis.redis("HGET", self.edges_key, "edge-1")
        except (OSError, RedisError):
            return None
        return int(value.split()[0]) if value else None

    def wait_acknowledged(self):
        """Until the edge has said in Redis that it has all that is published. What it answers comes before that, its
        counters between the two."""
        wait_for(lambda: self.acknowledged() == self.number() == self.site.head_log(), "the acknowledgement", QUICK_S,
                 self.site.edge)

    def wait_filled(self):
        """Until the presigner has made the stream whole and the edge has said that it has it."""
        wait_for(lambda: self.stream_last() == self.site.head_log(), "the stream whole", QUICK_S, self.site.presigner)
        self.wait_acknowledged()

    def revoke(self, name, deadline_s=QUICK_S):
        """Revokes and waits for the answer."""
        self.site.revoke(name)
        # Served is what the store has; the counters tell of it a moment later.
        wait_for(lambda: self.site.answer(name) == REVOKED, f"{name} revoked", deadline_s, self.site.edge)

    def revoke_by_stream(self, names, deadline_s=QUICK_S):
        """The lane carries again, at the latest the last of these; how many were needed."""
        for name in names:
            before = self.count("lane_entries_applied")
            self.revoke(name, deadline_s)
            wait_for(lambda: self.number() == self.site.head_log(), "the counters", QUICK_S, self.site.edge)
            if self.count("lane_entries_applied") > before:
                return
        raise AssertionError(f"nothing came by the stream\n{self.site.log_text()}")


class Origin:
    """The publication over HTTP, until it is stopped."""

    def __init__(self, folder):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=functools.partial(self.server.serve_forever, 0.05))
        self.thread.start()

    def stop(self):
        if self.thread is not None:
            self.server.shutdown()
            self.thread.join(10)
            self.server.server_close()
            self.thread = None


@pytest.fixture
def make_redis(tmp_path):
    servers = []

    def make(name="redis", *options):
        servers.append(Redis(tmp_path, name).start(*options))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def lane(make_site, make_redis):
    return Lane(make_site(), make_redis())


def test_revocations_come_by_the_stream(lane):
    """The head is not looked at in all this time."""
    polls, applied = lane.count("polls"), lane.count("lane_entries_applied")
    for name in NAMES[:3]:
        before_ms = int(time.time() * 1000)
        lane.revoke(name)
        lane.wait_acknowledged()
        number, wall_ms, said_ms = lane.redis.redis("HGET", lane.edges_key, "edge-1").split()
        assert int(number) == lane.number() and before_ms <= int(wall_ms) <= int(said_ms) <= time.time() * 1000
    assert lane.count("lane_entries_applied") >= applied + 3
    assert lane.count("polls") == polls
    assert lane.count("lane_refused") == lane.count("lane_gaps") == 0


@pytest.mark.long
def test_acknowledgements_are_repeated(lane):
    """Changes or not: an edge that is silent is dead."""
    lane.redis.redis("DEL", lane.edges_key)
    lane.wait_acknowledged()
    # What is no hash is taken away by the presigner, and neither of them loses its connection.
    lane.redis.redis("DEL", lane.edges_key)
    lane.redis.redis("SET", lane.edges_key, "not a hash")
    wait_for(lambda: lane.redis.redis("TYPE", lane.edges_key) not in ("string", b"string"), "the key taken away", QUICK_S)
    lane.wait_acknowledged()
    assert lane.count("lane_connected") == 1


def test_redis_is_killed_and_comes_back_empty(make_site, make_redis):
    lane = Lane(make_site(), make_redis(), poll_ms=1000)
    lane.revoke(NAMES[0])
    lane.redis.kill()
    wait_for(lambda: lane.count("lane_connected") == 0, "Redis gone", QUICK_S)
    lane.revoke(NAMES[1])
    assert lane.site.answer(NAMES[0]) == REVOKED and lane.site.answer(NAMES[7]) == GOOD
    lane.redis.start()
    wait_for(lambda: lane.count("lane_connected") == 1, "Redis back", QUICK_S)
    lane.wait_filled()
    lane.revoke_by_stream(NAMES[2:])
    assert lane.site.healthy()


def test_redis_that_does_not_answer(make_site, make_redis):
    """It holds the connection and says nothing: noticed, and HTTP goes on meanwhile."""
    lane = Lane(make_site(), make_redis(), poll_ms=1000)
    lane.redis.pause()
    try:
        lane.revoke(NAMES[0])
        wait_for(lambda: lane.count("lane_connected") == 0, "the silence noticed", QUICK_S)
        lane.revoke(NAMES[1])
    finally:
        lane.redis.go_on()
    lane.wait_filled()
    lane.revoke_by_stream(NAMES[2:])


def test_a_gap_leads_to_http(lane):
    """Entries are trimmed before the edge has seen them."""
    sync = lane.site.child("sync")
    os.kill(sync, signal.SIGSTOP)
    try:
        for name in NAMES[:4]:
            before = lane.stream_last()
            lane.site.revoke(name)
            wait_for(lambda: lane.stream_last() > before, "the entry in the stream", QUICK_S)
        lane.redis.redis("XTRIM", lane.log_key, "MAXLEN", 1)
    finally:
        os.kill(sync, signal.SIGCONT)
    wait_for(lambda: all(lane.site.answer(name) == REVOKED for name in NAMES[:4]), "all four", QUICK_S)
    assert lane.count("lane_gaps") > 0
    assert lane.count("chain_breaks") == lane.count("resyncs") - lane.count("resyncs_done") == 0
    lane.revoke_by_stream(NAMES[4:])


@pytest.mark.parametrize("octets", [b"garbage", b"x" * (3 << 20), b""], ids=["garbage", "huge", "empty"])
def test_garbage_in_the_stream(lane, octets):
    """An entry under the next number that is none: refused; what is published comes over HTTP."""
    lane.add_next("entry", octets)
    wait_for(lambda: lane.count("lane_refused") > 0, "the refusal", QUICK_S)
    for name in NAMES[:2]:
        lane.revoke(name, 60)
    assert lane.count("chain_breaks") == 0 and lane.site.answer(NAMES[7]) == GOOD


def test_a_replay_of_old_entries(lane):
    """The stream is filled with what was there before, under the numbers to come."""
    lane.revoke(NAMES[0])
    old = lane.redis.stream(lane.log_key)[-1][1][b"entry"]
    lane.add_next("entry", old)
    wait_for(lambda: lane.count("lane_refused") > 0, "the refusal", QUICK_S)
    lane.revoke(NAMES[1], 60)
    assert lane.site.answer(NAMES[0]) == REVOKED


def test_a_key_of_another_type(make_site, make_redis):
    lane = Lane(make_site(), make_redis(), poll_ms=1000)
    lane.redis.redis("DEL", lane.log_key)
    lane.redis.redis("SET", lane.log_key, "not a stream")
    wait_for(lambda: lane.count("lane_refused") > 0, "the refusal", QUICK_S)
    lane.revoke(NAMES[0])
    lane.redis.redis("DEL", lane.log_key)
    lane.revoke_by_stream(NAMES[1:], 40)


def test_an_announced_entry_is_fetched(lane):
    """Too large for Redis, or so it says: the head is asked for at once."""
    polls, time_s = lane.count("polls"), time.monotonic()
    lane.add_next("size", 2 << 20)
    wait_for(lambda: lane.count("lane_announced") > 0 and lane.count("polls") > polls, "a look at the head", QUICK_S)
    wait_for(lambda: lane.count("lane_announced") > 2, "it again", 60)
    assert lane.count("polls") - polls <= 3 + (time.monotonic() - time_s) * 2


def test_the_replica_takes_over(make_site, make_redis):
    """The first server dies; the second one becomes the master."""
    first = make_redis("a")
    second = make_redis("b", "--replicaof", "127.0.0.1", str(first.port))
    lane = Lane(make_site(), first, second, poll_ms=1000)
    lane.revoke(NAMES[0])
    first.kill()
    lane.revoke(NAMES[1])
    second.redis("REPLICAOF", "NO", "ONE")
    lane.redis = second
    lane.wait_filled()
    lane.revoke_by_stream(NAMES[2:])
    lane.wait_acknowledged()


def test_without_an_origin_the_stream_goes_on(make_site, make_redis):
    site = make_site()
    origin = Origin(site.dir / "pub")
    try:
        lane = Lane(site, make_redis(), poll_ms=1000, origin=origin)
        origin.stop()
        wait_for(lambda: lane.count("poll_failures") > 1, "the origin missed", QUICK_S)
        applied = lane.count("lane_entries_applied")
        for name in NAMES[:3]:
            lane.revoke(name)
        assert site.healthy()  # not for long: head_age_max_s
        wait_for(lambda: lane.count("lane_entries_applied") >= applied + 3, "the counter", QUICK_S)
    finally:
        origin.stop()


def test_an_edge_without_a_name_has_the_host_s(make_site, make_redis):
    lane = Lane(make_site(), make_redis())
    lane.site.edit("edge.yaml", r"^name: edge-1\n", "")
    lane.site.reload_edge()
    # What it said by its old name stays for days.
    names = wait_for(lambda: set(lane.redis.redis("HKEYS", lane.edges_key)) - {b"edge-1"}, "the host's name", QUICK_S)
    assert len(names) == 1 and re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", names.pop())
    lane.site.edit("edge.yaml", r"^poll_ms", "name: not fit\npoll_ms")
    done = run(EDGE, "--check", lane.site.dir / "edge.yaml", check=False)
    assert done.returncode == 1 and "name: not fit" in done.stderr
