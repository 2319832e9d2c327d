# SPDX-License-Identifier: Apache-2.0
"""The presigner's side of the fast lane: what it puts into Redis, what it makes of what edges say there, and that
nothing that happens to Redis keeps it from publishing. The edges are played by the test."""

import re
import signal
import threading
import time

import pytest

from redis_under_test import RedisError
from site_under_test import NOT_AFTER_S, STATIM, pass_time, run, wait_for

QUICK_S = 60
# Who stops waits this long for Redis: FAST_LANE_STOP_MS.
STOP_S = 1


class Lane:
    """A site whose presigner has a fast lane, and its keys."""

    def __init__(self, site, *addresses, **options):
        self.site = site
        self.serial_next = 0x4100
        site.init()
        self.port = site.use_presigner_admin()
        network = re.search(r"^network: (.*)$", (site.dir / "presigner.yaml").read_text(), re.M)[1]
        self.log_key = f"statim:{{{network}}}:log"
        self.edges_key = f"statim:{{{network}}}:edges"
        lines = [f"  {key}: {value}" for key, value in options.items()]
        with open(site.dir / "presigner.yaml", "a", encoding="utf-8") as file:
            file.write("redis:\n  addresses:\n" + "".join(f"    - {address}\n" for address in addresses) +
                       "".join(line + "\n" for line in lines))

    def add(self, count=1):
        """New certificates; their serials."""
        serials = [f"{self.serial_next + i:X}" for i in range(count)]
        self.serial_next += count
        for serial in serials:
            self.site.add_row(serial)
        self.site.import_certificates()
        return serials

    def revoke(self, serial, *options, check=True):
        return self.site.statim("revoke", self.site.dir, serial, *options, check=check)

    def log_last(self):
        names = [path.name for path in self.site.dir.glob("pub/log/*")]
        return max((int(name) for name in names if name.isdigit()), default=0)

    def entry(self, number):
        return (self.site.dir / "pub" / "log" / str(number)).read_bytes()

    def in_stream(self, redis):
        """Whether the stream ends with the newest log entry, and all of it is what is published."""
        try:
            entries = redis.stream(self.log_key)
        except (OSError, RedisError):
            return False
        last = self.log_last()
        if not entries or entries[-1][0] != f"{last}-0":
            return False
        first = int(entries[0][0].removesuffix("-0"))
        return entries == [(f"{number}-0", {b"entry": self.entry(number)}) for number in range(first, last + 1)]

    def wait_stream(self, redis):
        wait_for(lambda: self.in_stream(redis), "the log in the stream", QUICK_S, self.site.presigner)

    def metric(self, name):
        try:
            samples = self.site.metrics(self.port)
        except OSError:
            return None
        name = f"statim_presigner_{name}"
        return samples[name] if name in samples else samples[f"{name}_total"]

    def wait_metric(self, name, value):
        """The thread shows what it has done at the end of its turn, one counter after the other."""
        wait_for(lambda: self.metric(name) == value, f"{name} = {value}", QUICK_S, self.site.presigner)

    def wait_metric_least(self, name, value):
        wait_for(lambda: (self.metric(name) or 0) >= value, f"{name} at least {value}", QUICK_S, self.site.presigner)

    def wait_log(self, text):
        wait_for(lambda: text in self.site.presigner_log(), text, QUICK_S, self.site.presigner)

    def presign_once(self, redis):
        """Adds what is new to the stream before it ends. Again when the time for that has not been enough."""
        for _ in range(5):
            begin = time.monotonic()
            self.site.presign_once()
            took_s = time.monotonic() - begin
            if self.in_stream(redis):
                return
            assert took_s >= STOP_S, "it has not waited for the stream"
        raise AssertionError(f"the log is not in the stream\n{self.site.log_text()}")

    def say(self, redis, name, number, age_ms=0):
        """What an edge says when it has applied a log entry."""
        now_ms = int(time.time() * 1000)
        redis.redis("HSET", self.edges_key, name, f"{number} {now_ms - age_ms} {now_ms}")

    def status(self):
        """The lines of `statim status` about edges."""
        lines = self.site.statim("status", self.site.dir).stdout.splitlines()
        return [re.sub(r" {2,}", " ", line) for line in lines
                if line.startswith(("fast lane", "silent edge", "as of"))]

    def wait_status(self, *lines):
        """The report that `statim status` reads is written a moment after it is known what it will say."""
        seen = []

        def is_so():
            seen[:] = self.status()
            return seen == list(lines)

        try:
            wait_for(is_so, f"the status {lines}", QUICK_S)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {seen}") from None


class Edge(threading.Thread):
    """Says every 20 ms that it has what is in the stream, by a connection of its own."""

    def __init__(self, lane, redis, name):
        super().__init__(daemon=True)
        self.lane, self.name_, self.done = lane, name, threading.Event()
        self.connection = redis.connect()
        self.start()

    def run(self):
        while not self.done.wait(0.02):
            newest = self.connection("XREVRANGE", self.lane.log_key, "+", "-", "COUNT", 1)
            number = newest[0][0].decode().removesuffix("-0") if newest else 0
            now_ms = int(time.time() * 1000)
            self.connection("HSET", self.lane.edges_key, self.name_, f"{number} {now_ms} {now_ms}")

    def stop(self):
        self.done.set()
        self.join()
        self.connection.close()


@pytest.fixture
def redis(make_redis):
    return make_redis().start()


@pytest.fixture
def lane(make_site, redis):
    """A presigner that runs, with Redis on a unix socket."""
    lane = Lane(make_site(), redis.socket)
    lane.add(3)
    lane.site.start_presigner()
    lane.wait_stream(redis)
    return lane


def test_the_stream_is_the_log(lane, redis):
    for serial in ("4100", "4101"):
        lane.revoke(serial, "--wait", "30")
        lane.wait_stream(redis)
    assert redis.stream(lane.log_key)[0][0] == "1-0"
    lane.wait_metric("fast_lane_log_number", lane.log_last())
    lane.wait_metric("fast_lane_entries_added", lane.log_last())
    lane.wait_metric("fast_lane_connected", 1)
    assert lane.metric("fast_lane_streams_deleted") == lane.metric("fast_lane_errors") == 0
    # One that runs once adds what is new before it ends.
    lane.site.stop_process(lane.site.presigner)
    lane.revoke("4102")
    lane.presign_once(redis)


def test_killed_and_restarted_empty(lane, redis):
    redis.kill()
    lane.revoke("4100", "--wait", "30")
    lane.wait_metric("fast_lane_connected", 0)
    wait_for(lambda: "Redis is down" in lane.status()[0], "the status", QUICK_S)
    redis.start()
    lane.wait_stream(redis)
    lane.wait_metric("fast_lane_connected", 1)
    assert lane.metric("fast_lane_failures") >= 1
    lane.revoke("4101", "--wait", "30")
    lane.wait_stream(redis)
    assert "warning statim-presigner: redis: " in lane.site.presigner_log()
    lane.wait_log("info statim-presigner: redis: connected to")


def test_flushed_under_the_feet(lane, redis):
    redis.redis("FLUSHALL")
    lane.revoke("4100", "--wait", "30")
    lane.wait_stream(redis)
    redis.redis("DEL", lane.log_key)
    redis.redis("SET", lane.log_key, "what")
    lane.revoke("4101", "--wait", "30")
    lane.wait_stream(redis)
    lane.wait_metric("fast_lane_streams_deleted", 1)


def test_standing_still(lane, redis):
    redis.pause()
    begin = time.monotonic()
    lane.revoke("4100", "--wait", "30")
    lane.revoke("4101", "--wait", "30")
    assert time.monotonic() - begin < 15
    lane.wait_metric("fast_lane_connected", 0)
    redis.go_on()
    lane.wait_stream(redis)


def stopped_with_an_answer(lane, redis):
    """How many connections it costs that the presigner stands still while an answer comes, until it would be late."""
    before = lane.metric("fast_lane_failures")
    redis.pause()
    pass_time(1.2)  # once a second it asks for the edges, and must have an answer within two
    lane.site.stop_between_commits()
    redis.go_on()
    pass_time(2)
    lane.site.presigner.send_signal(signal.SIGCONT)
    lane.add()
    lane.wait_stream(redis)
    return lane.metric("fast_lane_failures") - before


def test_an_answer_that_waited_is_not_late(lane, redis):
    """Again when the machine was so slow that it was late before the presigner stood still."""
    assert any(stopped_with_an_answer(lane, redis) == 0 for _ in range(4))


@pytest.mark.parametrize("before", [
    [("XADD", "999-0", "entry", "x")],
    [("XADD", "1-0", "entry", "another publication's")],
    [("XADD", "1-0", "size", "2000000")],
    [("XADD", "1526919030474-55", "message", "apple")],
    [("RPUSH", "x")],
])
def test_what_is_not_ours_is_deleted(make_site, redis, before):
    lane = Lane(make_site(), redis.socket)
    lane.add()
    for command, *words in before:
        redis.redis(command, lane.log_key, *words)
    lane.site.start_presigner()
    lane.wait_stream(redis)
    assert redis.stream(lane.log_key)[0][0] == "1-0"
    lane.wait_metric("fast_lane_streams_deleted", 1)
    assert "of another time or publication" in lane.site.presigner_log()


def test_goes_on_where_the_stream_is(make_site, redis):
    lane = Lane(make_site(), redis.address)
    serials = lane.add(3)
    lane.presign_once(redis)
    before = lane.log_last()
    redis.stop()
    lane.revoke(serials[0])
    lane.site.presign_once()
    redis.start()
    redis.redis("XADD", lane.log_key, f"{before}-0", "entry", lane.entry(before))
    lane.revoke(serials[1])
    lane.presign_once(redis)
    assert redis.stream(lane.log_key)[0][0] == f"{before}-0"


def test_no_longer_than_it_may_be(make_site, redis):
    redis.redis("CONFIG", "SET", "stream-node-max-entries", 1)
    lane = Lane(make_site(), redis.socket, stream_length=2)
    serials = lane.add(5)
    lane.site.start_presigner()
    for serial in serials:
        lane.revoke(serial, "--wait", "30")
        lane.wait_stream(redis)
    assert redis.redis("XLEN", lane.log_key) == 2


@pytest.mark.long
def test_failover_to_a_replica(make_site, make_redis):
    first = make_redis("one").start()
    second = make_redis("two").start("--replicaof", "127.0.0.1", first.port)
    lane = Lane(make_site(), first.address, second.address)
    lane.add(3)
    lane.site.start_presigner()
    lane.wait_stream(first)
    lane.wait_stream(second)
    first.kill()
    # Not promoted yet: it takes nothing.
    lane.revoke("4100", "--wait", "30")
    assert not lane.in_stream(second)
    second.redis("REPLICAOF", "NO", "ONE")
    lane.wait_stream(second)
    lane.revoke("4101", "--wait", "30")
    lane.wait_stream(second)
    # The old one comes back as the replica of the new one, first in the list: it is passed over.
    first.start("--replicaof", "127.0.0.1", second.port)
    lane.site.stop_process(lane.site.presigner)
    lane.site.start_presigner()
    lane.revoke("4102", "--wait", "30")
    lane.wait_stream(second)
    lane.wait_stream(first)
    assert second.redis("ROLE")[0] == b"master"


def test_a_password(make_site, make_redis):
    redis = make_redis(password="s3cret").start()
    lane = Lane(make_site(), redis.socket, password_file="redis-password")
    path = lane.site.dir / "redis-password"
    path.write_text("wrong\n")
    lane.add()
    lane.site.start_presigner()
    lane.wait_log("WRONGPASS")
    assert lane.metric("fast_lane_connected") == 0
    path.write_text("s3cret\nonly the first line counts\n")
    lane.wait_stream(redis)
    assert "s3cret" not in lane.site.presigner_log()


def test_a_user_of_an_acl(make_site, redis):
    lane = Lane(make_site(), redis.socket, user="presigner", password_file="redis-password")
    (lane.site.dir / "redis-password").write_text("pw")
    redis.redis("ACL", "SETUSER", "presigner", "on", ">pw", "~statim:*", "+ping", "+xadd", "+xrevrange", "+del",
                "+hgetall", "+hdel")
    lane.add()
    lane.site.start_presigner()
    lane.wait_stream(redis)
    lane.say(redis, "edge", 1)
    lane.wait_metric("fast_lane_edges_live", 1)


def test_how_far_the_edges_are(lane, redis):
    last = lane.log_last()
    lane.wait_status("fast lane live at 0 of 0 edges")
    lane.say(redis, "lon-1", last)
    lane.say(redis, "par.2", last)
    lane.say(redis, "fra_3", last - 1)
    redis.redis("HSET", lane.edges_key, "a b", "1 1 1", "bad", "nonsense")
    lane.wait_metric("fast_lane_edges_live", 3)
    lane.wait_metric("fast_lane_low_water", last - 1)
    lane.wait_metric("fast_lane_edges_current", 2)
    lane.wait_metric_least("fast_lane_edges_ignored", 2)
    lane.wait_status(f"fast lane live at 2 of 3 edges, slowest fra_3 at log {last - 1} (behind by 1)")
    lane.say(redis, "fra_3", last)
    lane.wait_metric("fast_lane_low_water", last)
    lane.wait_status("fast lane live at 3 of 3 edges")
    # To one that starts they are strangers until they stir.
    lane.site.stop_process(lane.site.presigner)
    lane.site.start_presigner()
    lane.wait_metric("fast_lane_edges_silent", 3)
    wait_for(lambda: [re.sub(r", for \d+ s$", "", line) for line in lane.status()] ==
             ["fast lane live at 0 of 0 edges"] +
             [f"silent edge {name}, at log {last}" for name in ("fra_3", "lon-1", "par.2")],
             "the silent ones told of", QUICK_S)
    lane.say(redis, "lon-1", last)
    lane.wait_metric("fast_lane_edges_live", 1)


def test_another_key_where_edges_report(lane, redis):
    redis.redis("RPUSH", lane.edges_key, "x")
    failures = lane.metric("fast_lane_failures")
    lane.wait_metric_least("fast_lane_errors", 1)
    lane.add()
    lane.wait_stream(redis)
    lane.say(redis, "lon-1", lane.log_last())
    lane.wait_metric("fast_lane_edges_live", 1)
    assert lane.metric("fast_lane_failures") == failures
    assert "is of another type" in lane.site.presigner_log()


def test_a_report_of_yesterday(lane):
    lane.site.stop_process(lane.site.presigner)
    path = next(lane.site.dir.glob("*/edges"))
    path.write_text(re.sub(r"written \d+", "written 1764000000000", path.read_text()))
    assert lane.status()[-1] == "as of at 2025-11-24T16:00:00Z; the presigner does not run"
    path.write_text("statim edges 1\n\x1b[2J")
    assert lane.status() == ["fast lane no report of the presigner"]


@pytest.mark.long
def test_an_edge_that_is_long_gone_is_forgotten(lane, redis):
    """Seven days by its own last word, and a minute in which it does not stir."""
    week_ms = 7 * 86400 * 1000
    then_ms = int(time.time() * 1000) - week_ms - 60000
    redis.redis("HSET", lane.edges_key, "gone", f"1 {then_ms} {then_ms}")
    lane.say(redis, "here", 1)
    wait_for(lambda: redis.redis("HKEYS", lane.edges_key) == [b"here"], "the edge forgotten", 150,
             lane.site.presigner)
    lane.wait_log("edge gone has been silent")


def histogram(lane, name):
    """Count, and how many above each bound."""
    samples = lane.site.metrics(lane.port)
    prefix = f"statim_presigner_{name}_seconds"
    count = samples[f"{prefix}_count"]
    assert samples[f'{prefix}_bucket{{le="+Inf"}}'] == count
    buckets = [value for key, value in samples.items() if key.startswith(f"{prefix}_bucket")]
    assert buckets == sorted(buckets) and len(buckets) == 13
    return count, samples[f"{prefix}_sum"]


def test_from_a_revocation_to_all_edges(lane, redis):
    edges = [Edge(lane, redis, name) for name in ("a", "b", "c")]
    lane.wait_metric("fast_lane_edges_current", 3)
    assert histogram(lane, "revoked_to_applied") == (0, 0)
    begin = time.monotonic()
    done = lane.revoke("4100", "--wait-edges", "3")
    took = time.monotonic() - begin
    assert f"log entry {lane.log_last()}; 3 edges have it" in done.stdout
    wait_for(lambda: histogram(lane, "revoked_to_applied_everywhere")[0] == 1, "the sample", QUICK_S)
    count, total = histogram(lane, "revoked_to_applied")
    assert count == 3
    assert 0 < histogram(lane, "revoked_to_applied_everywhere")[1] <= took + 0.1
    assert total / 3 <= histogram(lane, "revoked_to_applied_everywhere")[1] + 0.001
    # No more than there are, and it says so; a slow machine needs longer until the three have it.
    for limit_s in ("2", "10", "30"):
        done = lane.revoke("4101", "--wait-edges", "4", "--wait", limit_s, check=False)
        assert done.returncode == 3 and "revoked" in done.stdout
        if "only 3 of 4 edges have it" in done.stderr:
            break
    assert "only 3 of 4 edges have it" in done.stderr
    for edge in edges:
        edge.stop()


def test_an_import_that_edges_have(lane, redis):
    edge = Edge(lane, redis, "a")
    site = lane.site
    path = site.dir / "more.csv"
    path.write_text("serial,status,revoked_at,reason,not_after\n" +
                    "".join(f"{0x5000 + i:X},good,,,{NOT_AFTER_S}\n" for i in range(2000)))
    before = lane.log_last()
    done = run(STATIM, "import", site.dir, path, "--wait-edges", "1")
    number = int(re.search(r"log entry (\d+); 1 edges have it", done.stdout)[1])
    assert number > before
    assert "not yet" not in site.statim("status", site.dir, "5000").stdout
    edge.stop()


def test_waits_in_vain(make_site, redis):
    lane = Lane(make_site(), redis.socket)
    site = lane.site
    path = site.dir / "one.csv"
    path.write_text(f"serial,status,revoked_at,reason,not_after\n41,good,,,{NOT_AFTER_S}\n")
    done = run(STATIM, "import", site.dir, path, "--wait", "0", check=False)
    assert done.returncode == 3 and "not published within 0 s" in done.stderr
    site.start_presigner()
    done = run(STATIM, "import", site.dir, path, "--wait", "30")
    assert "published, log entry" in done.stdout
    for wrong in (["--wait", "x"], ["--wait-edges", "0"], ["--wait-edges", "100000"], ["--wait"]):
        assert run(STATIM, "import", site.dir, path, *wrong, check=False).returncode == 2
    site.edit("presigner.yaml", r"^redis:\n(  .*\n)+", "")
    path.write_text(f"serial,status,revoked_at,reason,not_after\n42,good,,,{NOT_AFTER_S}\n")
    done = run(STATIM, "import", site.dir, path, "--wait-edges", "1", check=False)
    assert done.returncode == 1 and "has no redis" in done.stderr
    assert run(STATIM, "status", site.dir, "42", check=False).returncode == 1
    assert lane.status() == []


def test_an_import_waits_where_a_presigner_works(make_site):
    site = make_site()
    site.init()
    path = site.dir / "one.csv"

    def take(serial, *options):
        path.write_text(f"serial,status,revoked_at,reason,not_after\n{serial},good,,,{NOT_AFTER_S}\n")
        return run(STATIM, "import", site.dir, path, *options, check=False)

    done = take("41")
    assert done.returncode == 0 and "no presigner works here" in done.stdout
    site.start_presigner()
    wait_for(lambda: "ready" in site.presigner_log(), "the presigner at work", QUICK_S, site.presigner)
    done = take("42")
    assert done.returncode == 0 and "published, log entry" in done.stdout
    assert "not yet" not in site.statim("status", site.dir, "42").stdout
    site.stop_between_commits()
    try:
        done = take("43", "--no-wait")
        assert done.returncode == 0 and "published" not in done.stdout
        assert take("44", "--wait", "0").returncode == 3
    finally:
        site.presigner.send_signal(signal.SIGCONT)
    assert take("44", "--no-wait", "--wait", "1").returncode == 2
    assert "published, log entry" in take("44").stdout
    site.stop_process(site.presigner)
    assert "no presigner works here" in take("45").stdout
