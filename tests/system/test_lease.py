# SPDX-License-Identifier: Apache-2.0
"""Two presigners on one state directory: stopped, continued and killed, they publish as one."""

import fcntl
import hashlib
import os
import random
import re
import signal
import subprocess
import threading
import time

import pytest

from site_under_test import IS_SANITIZED, NOT_AFTER_S, PRESIGNER, STATIM, free_port, pass_time, run, wait_for
from test_crl import all_numbers, load, serials, some_serial, use_crls

FULL = os.environ.get("STATIM_FULL") == "1"
LEASE_S = 3 if IS_SANITIZED else 1
ROUNDS = 40 if FULL else 5
ROUNDS_MAX = 4 * ROUNDS


class Pair:
    """Two standbys, each with a log of its own."""

    def __init__(self, site, count):
        self.site = site
        site.init()
        use_crls(site, debounce_s=0, shards=2)
        site.edit("presigner.yaml", r"^network: ", f"lease_s: {LEASE_S}\nnetwork: ")
        self.names = [some_serial() for _ in range(count)]
        self.revoked = []
        site.rows += [f"{serial},good,,,{NOT_AFTER_S}," for serial in self.names]
        site.import_certificates()
        self.processes = {}

    def start(self, name, *arguments):
        self.processes[name] = self.site.spawn(name, PRESIGNER, self.site.dir / "presigner.yaml", *arguments)
        return self.processes[name]

    def log(self, name):
        return (self.site.dir / f"{name}.log").read_text(errors="replace")

    def generation(self, name):
        """Of the newest lease that this one had."""
        found = re.findall(r"lease (\d+) is ours", self.log(name))
        return int(found[-1]) if found else 0

    def stands_by_again(self, name):
        """Whether it has lost the lease that it had and knows."""
        log = self.log(name)
        return log.rfind("has taken over") > log.rfind("is ours") and log.endswith("standing by\n")

    def revoke(self):
        """Starts one: a presigner that is stopped in the middle of a commit holds it up."""
        serial = self.names[len(self.revoked)]
        self.revoked.append(serial)
        return subprocess.Popen([STATIM, "revoke", self.site.dir, serial, "--reason", "superseded"],
                                stdout=subprocess.DEVNULL)

    def stop(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(30)


class Watch(threading.Thread):
    """Sees every log entry that a head named, and that its octets are the same ever after."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.entries = {}
        self.changed = []
        self.last = 0
        self.end = threading.Event()

    def look(self):
        try:
            lines = (self.folder / "head").read_text().splitlines()
        except FileNotFoundError:
            return
        last = max(int(number) for line in lines for number in re.findall(r"^log \d+ (\d+)", line))
        if last < self.last:
            self.changed.append(f"head from {self.last} to {last}")
        self.last = last
        for number in range(1, last + 1):
            octets = hashlib.sha256((self.folder / "log" / str(number)).read_bytes()).hexdigest()
            if self.entries.setdefault(number, octets) != octets:
                self.changed.append(f"log/{number}")

    def run(self):
        while not self.end.wait(0.01):
            try:
                self.look()
            except Exception as error:  # pylint: disable=broad-except
                self.changed.append(repr(error))
                return


def assert_chain(folder):
    """Each entry has the hash of the one before: none was written over."""
    before = bytes(32)
    numbers = sorted(int(path.name) for path in (folder / "log").iterdir() if path.name.isdigit())
    assert numbers == list(range(1, len(numbers) + 1))
    for number in numbers:
        data = (folder / "log" / str(number)).read_bytes()
        at = 6 + data[5]
        assert int.from_bytes(data[at:at + 8], "big") == number
        assert number == 1 or data[at + 16:at + 48] == before, f"log/{number} does not follow"
        before = hashlib.sha256(data).digest()


def wait_published(pair):
    wait_for(lambda: {int(serial, 16) for serial in pair.revoked} ==
             serials(load(pair.site, "/7/1/0.crl")) | serials(load(pair.site, "/7/1/1.crl")), "all revoked", 60)


def assert_whole(pair, watch):
    site = pair.site
    wait_published(pair)
    watch.end.set()
    watch.join()
    watch.look()
    assert not watch.changed
    assert_chain(site.dir / "pub")
    numbers = all_numbers(site)
    assert numbers == sorted(set(numbers))


def started(pair):
    """The first holds the lease, the second waits; something is published."""
    pair.start("one", "--standby")
    wait_for(lambda: pair.generation("one"), "the first lease")
    pair.start("two", "--standby")
    wait_for(lambda: "standing by" in pair.log("two"), "the standby")
    watch = Watch(pair.site.dir / "pub")
    wait_for(lambda: (pair.site.dir / "pub" / "head").exists(), "the first head")
    watch.start()
    return watch


def overtaken(process, condition):
    """Stops it until the other has taken over; False when it stopped in the middle of a commit each time."""
    for _ in range(10):
        process.send_signal(signal.SIGSTOP)
        try:
            return wait_for(condition, "the takeover", 2 * LEASE_S + 2)
        except AssertionError:
            process.send_signal(signal.SIGCONT)  # nobody else could
    return False


@pytest.mark.long
def test_stopped_and_continued(make_site):
    """SIGSTOP at any instant, the other takes over, SIGCONT: the first publishes nothing more."""
    seed = int(os.environ.get("STATIM_SEED", time.time_ns() % 1000000))
    print(f"STATIM_SEED={seed}")
    chance = random.Random(seed)
    pair = Pair(make_site(), 8 * ROUNDS_MAX)
    taken = rounds = 0
    try:
        watch = started(pair)
        # Where the disk is slow most of the time is spent in commits.
        while rounds < ROUNDS or (taken < ROUNDS / 2 and rounds < ROUNDS_MAX):
            rounds += 1
            holder, other = sorted(pair.processes, key=pair.generation, reverse=True)
            waiting = [pair.revoke() for _ in range(4)]
            generation = pair.generation(holder)
            pass_time(chance.random() * 0.4)
            pair.processes[holder].send_signal(signal.SIGSTOP)
            try:
                wait_for(lambda: pair.generation(other) > generation, "the other", 4 * LEASE_S + 2)
                took = True
            except AssertionError:
                took = False  # stopped in the middle of a commit: nobody else can
            if took:
                waiting += [pair.revoke() for _ in range(4)]
                wait_for(lambda: all(one.poll() is not None for one in waiting), "the revocations")
            pair.processes[holder].send_signal(signal.SIGCONT)
            wait_for(lambda: all(one.poll() is not None for one in waiting), "the revocations")
            if took:
                wait_for(lambda: pair.stands_by_again(holder), "the first to see it")
                taken += 1
            else:
                wait_published(pair)  # whoever has the lease by now
        assert taken >= ROUNDS / 2
        assert_whole(pair, watch)
    finally:
        watch.end.set()
        pair.stop()


@pytest.mark.long
def test_killed(make_site):
    """SIGKILL: the standby takes over at once, without waiting for the lease to run out."""
    pair = Pair(make_site(), 4 * ROUNDS)
    pair.site.edit("presigner.yaml", r"^lease_s: .*$", "lease_s: 3600")
    try:
        watch = started(pair)
        holder, other = "one", "two"
        for _ in range(ROUNDS):
            waiting = [pair.revoke() for _ in range(4)]
            generation = pair.generation(holder)
            pair.processes[holder].kill()
            pair.processes[holder].wait(30)
            wait_for(lambda: pair.generation(other) > generation, "the other", 30)
            pair.start(holder, "--standby")
            wait_for(lambda: all(one.poll() is not None for one in waiting), "the revocations")
            holder, other = other, holder
        assert_whole(pair, watch)
    finally:
        watch.end.set()
        pair.stop()


def test_without_standby(make_site):
    """A second one says so and ends; one that is overtaken ends with an error."""
    pair = Pair(make_site(), 4)
    site = pair.site
    try:
        first = pair.start("one")
        wait_for(lambda: "ready" in pair.log("one"), "the first")
        for more in ([], ["--once"]):
            done = run(PRESIGNER, site.dir / "presigner.yaml", *more, check=False)
            assert done.returncode == 1
            assert f"another presigner (process {first.pid}) works in this folder" in done.stderr
        # A configuration of its own for its own admin address.
        port = free_port()
        text = (site.dir / "presigner.yaml").read_text()
        (site.dir / "two.yaml").write_text(re.sub(r"^#admin: .*$", f"admin: 127.0.0.1:{port}", text, flags=re.M))
        pair.processes["two"] = site.spawn("two", PRESIGNER, site.dir / "two.yaml", "--standby")
        wait_for(lambda: "standing by" in pair.log("two"), "the standby")
        assert site.admin("/healthz", port) == (200, "standby\n")
        assert site.metrics(port)["statim_presigner_lease_standby"] == 1
        assert overtaken(first, lambda: site.metrics(port)["statim_presigner_lease_generation"] == 2)
        assert site.metrics(port)["statim_presigner_lease_standby"] == 0
        site.statim("revoke", site.dir, pair.names[0])
        first.send_signal(signal.SIGCONT)
        assert first.wait(60) == 1
        assert "has taken over" in pair.log("one")
        wait_for(lambda: site.admin("/healthz", port) == (200, "ok\n"), "health")
        assert site.stop_process(pair.processes["two"]) == 0
    finally:
        pair.stop()


def test_an_older_version(make_site):
    """Presigners before the lease took state_dir/lock for themselves: neither kind starts beside the other."""
    site = make_site()
    site.init()
    with open(site.dir / "presigner" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.write("4711\n")
        lock.flush()
        for more in ("--once", "--standby"):
            done = run(PRESIGNER, site.dir / "presigner.yaml", more, check=False)
            assert done.returncode == 1
            assert "another presigner, of an older version, (process 4711) works in this folder" in done.stderr
        assert not (site.dir / "presigner" / "status").exists()
    site.start_presigner()
    wait_for(lambda: (site.dir / "pub" / "head").exists(), "the first head")
    with open(site.dir / "presigner" / "lock") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
