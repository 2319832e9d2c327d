# SPDX-License-Identifier: Apache-2.0
"""A publication with CRLs, an edge that relays it to a second one, Redis where there is one, and witnesses that ask
all of them without a pause while somebody kills them."""

import contextlib
import http.client
import os
import shutil
import signal
import threading

from cryptography import x509

import ocsp_oracle
from redis_under_test import Redis
from site_under_test import free_port
from test_crl import blob, get, load, newest, number, paths_of, serials, use_crls

SHARDS = 2
PATHS = [f"/7/1/{shard}.crl" for shard in range(SHARDS)]
# A witness asks again after this long: many a second, and the machine is for those that are watched.
PAUSE_S = 0.03
# Who answered was killed before, or in the middle of it.
LOST = (OSError, http.client.HTTPException)
RANK = {"UNAUTHORIZED": 0, "GOOD": 1, "REVOKED": 2}


class World:
    """What there is, and what was asked of it."""

    def __init__(self, make_site, tmp_path):
        self.known, self.to_be_revoked = [], set()
        self.crls = {}  # (path, number) → octets, wherever seen
        self.site = make_site()
        self.site.init()
        use_crls(self.site, debounce_s=0, shards=SHARDS)
        self.site.append_edge("poll_ms: 100\n")
        self.redis = None
        if shutil.which("redis-server"):
            self.redis = Redis(tmp_path)
            self.redis.start()
            for name in ("presigner.yaml", "edge.yaml"):
                with open(self.site.dir / name, "a", encoding="utf-8") as file:
                    file.write(f"redis:\n  addresses:\n    - {self.redis.address}\n")
            self.site.append_edge("name: near\n")
        self.far = self.behind(make_site("far"))
        self.edges = [self.site, self.far]
        self.issuer = ocsp_oracle.load(self.site.ca)

    def behind(self, far):
        """The second edge: it knows the first one's relay and nothing else."""
        (far.dir / "edge").mkdir(parents=True)
        for name in ("ca.pem", "publish-key.pub", "edge.yaml"):
            shutil.copy(self.site.dir / name, far.dir)
        far.edit("edge.yaml", rf"127\.0\.0\.1:{self.site.port}", f"127.0.0.1:{far.port}")
        far.edit("edge.yaml", rf"127\.0\.0\.1:{self.site.admin_port}", f"127.0.0.1:{far.admin_port}")
        if self.redis:
            far.edit("edge.yaml", "^name: near$", "name: far")
        port = free_port()
        self.site.append_edge(f"relay: true\nrelay_listen:\n  - 127.0.0.1:{port}\n")
        far.use_origin(f"http://127.0.0.1:{port}")
        return far

    def state(self, edge, serial):
        """A judged answer; why there is none; or None when nobody answered."""
        der = ocsp_oracle.request_for_serial(self.issuer, serial)
        try:
            return ocsp_oracle.judge(ocsp_oracle.exchange(edge.port, der)[2], self.issuer, serial)[0]
        except ocsp_oracle.Refused as refused:
            # Never a broken signature: only "not there (yet)".
            assert str(refused) in ("UNAUTHORIZED", "TRY_LATER"), refused
            return str(refused)
        except LOST:
            return None

    def wanted(self, serial):
        return "REVOKED" if serial in self.to_be_revoked else "GOOD"

    def see_crl(self, path, der):
        """Of one path and number there is one CRL; its signature is good; it lists nobody else. Its number."""
        crl = x509.load_der_x509_crl(der)
        first = self.crls.setdefault((path, number(crl)), der)
        assert first == der, f"{path}: two CRLs with number {number(crl)}"
        if first is der:
            assert crl.is_signature_valid(self.issuer.public_key())
            assert serials(crl) <= self.to_be_revoked
        return number(crl)

    # Killing

    def victims(self):
        """Name → what kills it, and starts it again where nothing else does."""
        kinds = {"presigner": self.kill_presigner}
        for name, edge, role in (("sync", self.site, "sync"), ("far sync", self.far, "sync"),
                                 ("relay", self.site, "serve")):
            kinds[name] = lambda edge=edge, role=role: kill_child(edge, role)
        if self.redis:
            kinds["redis"] = self.kill_redis
        return kinds

    def kill_presigner(self):
        self.site.presigner.send_signal(signal.SIGKILL)
        self.site.presigner.wait(30)
        self.site.start_presigner()

    def kill_redis(self):
        self.redis.kill()
        self.redis.start()

    # Afterwards

    def crl_is_whole(self, edge, shard):
        """The edge has the newest CRL of the shard, with all that was revoked of it."""
        octets = newest(self.site, PATHS[shard])
        there = {serial for serial in self.to_be_revoked if serial % SHARDS == shard}
        return serials(load(self.site, PATHS[shard])) == there and get(edge, PATHS[shard])[2] == octets

    def check_crls(self):
        """In order of number, no entry is lost, and time does not go back."""
        for path in PATHS:
            of_path = [x509.load_der_x509_crl(der) for (where, _), der in sorted(self.crls.items()) if where == path]
            for earlier, later in zip(of_path, of_path[1:]):
                assert serials(earlier) <= serials(later), f"{path}: an entry of {number(earlier)} is lost"
                assert earlier.last_update <= later.last_update


def kill_child(edge, role):
    pid = edge.child(role)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):  # the one before was still to be waited for
            os.kill(pid, signal.SIGKILL)


class Witness(threading.Thread):
    """Looks again and again; what it finds wrong is in `wrong`."""

    def __init__(self, look):
        super().__init__(daemon=True)
        self.look = look
        self.count = 0
        self.wrong = None
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(PAUSE_S):
            try:
                self.count += bool(self.look())
            except Exception as error:  # pylint: disable=broad-except
                self.wrong = error
                return


def ocsp_witness(world, edge, chance):
    """Random certificates: none ever goes back from what this edge has said of it."""
    said = {}

    def look():
        serial = chance.choice(world.known)
        state = world.state(edge, serial)
        if state in RANK:
            assert RANK[state] >= RANK[said.get(serial, state)], f"{serial:X}: {state} after {said[serial]}"
            assert state != "REVOKED" or serial in world.to_be_revoked
            said[serial] = state
        return state in ("GOOD", "REVOKED")

    return Witness(look)


def crl_witness(world, edge, chance):
    """CRLs over HTTP: the number never goes back."""
    numbers = {}

    def look():
        path = chance.choice(PATHS)
        try:
            status, _, der = get(edge, path)
        except LOST:
            return False
        if status == 200:
            found = world.see_crl(path, der)
            assert found >= numbers.get(path, 0), f"{path}: {found} after {numbers[path]}"
            numbers[path] = found
        return status == 200

    return Witness(look)


def origin_witness(world):
    """CRLs as the log names them: each has a greater number than all before it."""
    read_to, greatest = 0, 0

    def look():
        nonlocal read_to, greatest
        last = world.site.head_log()
        assert last >= read_to, f"the head went back: {last} after {read_to}"
        for entry in range(read_to + 1, last + 1):
            for path, name in paths_of((world.site.dir / "pub/log" / str(entry)).read_bytes()):
                if path in PATHS:
                    found = world.see_crl(path, blob(world.site, name))
                    assert found > greatest, f"{path}: {found} after {greatest}"
                    greatest = found
        read_to = last
        return True

    return Witness(look)
