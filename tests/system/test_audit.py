# SPDX-License-Identifier: Apache-2.0
"""statim audit: a log that shows tampering. Judged by statim itself, by Go's sumdb packages, and by
the definition of the tree written down once more."""

import base64
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from issuer_world import Issuer
from site_under_test import STATIM, run
from small_disk import SmallDisk

ORIGIN = "audit.test"
GO_LIBRARY = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog")
HERE = Path(__file__).parent


def audit(*words, stdin=None, check=True):
    return run(STATIM, "audit", *words, input=stdin, check=check)


class Log:
    def __init__(self, folder):
        self.folder, self.key = folder / "log", folder / "audit.pem"
        self.vkey = audit("init", self.folder, "--key", self.key, "--origin", ORIGIN).stdout.strip()
        self.entries = []

    def append(self, events):
        lines = "".join(json.dumps(event) + "\n" for event in events)
        audit("append", self.folder, "--key", self.key, stdin=lines)
        self.entries += [canonical(event) for event in events]

    def verify(self, *more, check=True):
        return audit("verify", self.folder, "--key", self.vkey, *more, check=check)


def canonical(event):
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def leaf(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def root(hashes):
    """RFC 6962, section 2.1."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\1" + root(hashes[:k]) + root(hashes[k:])).digest()


@pytest.fixture()
def log(tmp_path):
    return Log(tmp_path)


def events(count, first=0):
    return [{"type": "test", "n": n, "text": "é\"\\" + "x" * (n % 90)} for n in range(first, first + count)]


@pytest.fixture(scope="module")
def go_verifier(tmp_path_factory):
    if shutil.which("go") is None or not GO_LIBRARY.exists():
        pytest.skip("golang-go and golang-golang-x-mod-dev are not installed")
    built = tmp_path_factory.mktemp("go") / "tlog"
    env = dict(os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode", GOFLAGS="",
               GOCACHE=str(built.parent / "cache"))
    subprocess.run(["go", "build", "-o", built, str(HERE / "tlog" / "main.go")], check=True, env=env)
    return built


def test_entries_come_back(log):
    log.append(events(3))
    log.append(events(700, 3))
    lines = [json.loads(line) for line in audit("export", log.folder, "--key", log.vkey).stdout.splitlines()]
    assert [line["index"] for line in lines] == list(range(703))
    assert [canonical(line["entry"]) for line in lines] == log.entries
    assert [line["leaf_hash"] for line in lines] == [leaf(entry).hex() for entry in log.entries]
    some = audit("export", log.folder, "--from", "255", "--until", "257").stdout.splitlines()
    assert [json.loads(line)["index"] for line in some] == [255, 256]
    told = log.verify().stdout
    assert f"{ORIGIN}: 703 entries, root {root([leaf(entry) for entry in log.entries]).hex()}" in told


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_an_entry_of_several_lines_is_one_line(log, end):
    """Of another writer, who has the key: what statim appends has no lines."""
    entry = b'{"n":' + end + b"1}"
    name, key_id, _ = log.vkey.split("+", 2)
    text = f"{ORIGIN}\n1\n{base64.b64encode(leaf(entry)).decode()}\n"
    key = serialization.load_pem_private_key(log.key.read_bytes(), None)
    signature = base64.b64encode(bytes.fromhex(key_id) + key.sign(text.encode())).decode()
    for tile, octets in (("entries", len(entry).to_bytes(2, "big") + entry), ("0", leaf(entry))):
        part = log.folder / "tile" / tile / "000.p" / "1"
        part.parent.mkdir(parents=True)
        part.write_bytes(octets)
    (log.folder / "checkpoint").write_text(f"{text}\n— {name} {signature}\n")
    [line] = subprocess.check_output([STATIM, "audit", "export", log.folder, "--key", log.vkey]).splitlines()
    assert base64.b64decode(json.loads(line)["entry_base64"]) == entry


def test_go_agrees(log, go_verifier):
    for count in (0, 1, 254, 1, 1, 300, 2000):
        if count:
            log.append(events(count, len(log.entries)))
        told = subprocess.run([go_verifier, log.folder, log.vkey], check=True, capture_output=True, text=True)
        size, hashed = told.stdout.split()
        assert int(size) == len(log.entries)
        assert base64.b64decode(hashed) == root([leaf(entry) for entry in log.entries])
    # And it is no judge that says yes to everything.
    for name in ("tile/0/001", "tile/entries/003", "checkpoint"):
        path = log.folder / name
        good = path.read_bytes()
        spoilt = bytearray(good)
        spoilt[len(good) // 2] ^= 1
        path.write_bytes(spoilt)
        assert subprocess.run([go_verifier, log.folder, log.vkey], capture_output=True).returncode != 0
        assert log.verify(check=False).returncode == 1
        path.write_bytes(good)
    log.verify()


def climb(hashed, index, size, proof):
    """The root that a proof of inclusion leads to: RFC 9162, section 2.1.3.2."""
    fn, sn = index, size - 1
    for p in proof:
        assert sn > 0
        if fn % 2 or fn == sn:
            hashed = hashlib.sha256(b"\1" + p + hashed).digest()
            while fn and fn % 2 == 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            hashed = hashlib.sha256(b"\1" + hashed + p).digest()
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return hashed


def test_proofs(log):
    log.append(events(600))
    expected = root([leaf(entry) for entry in log.entries])
    for index in (0, 1, 255, 256, 511, 512, 598, 599):
        proof = audit("prove", log.folder, "--index", str(index)).stdout
        head, checkpoint = proof.split("\n\n", 1)
        title, named, *hashes = head.split("\n")
        assert (title, named) == ("c2sp.org/tlog-proof@v1", f"index {index}")
        assert checkpoint == (log.folder / "checkpoint").read_text()
        hashes = [base64.b64decode(line) for line in hashes]
        assert climb(leaf(log.entries[index]), index, 600, hashes) == expected
    assert audit("prove", log.folder, "--index", "600", check=False).returncode == 1
    assert len(audit("prove", log.folder, "--since", "300").stdout.splitlines()) > 3
    assert audit("prove", log.folder, "--since", "601", check=False).returncode == 1


def test_older_checkpoints(log, tmp_path):
    log.append(events(300))
    kept = tmp_path / "kept"
    shutil.copy(log.folder / "checkpoint", kept)
    shutil.copytree(log.folder, tmp_path / "fork")
    log.append(events(300, 300))
    assert "follows the checkpoint of 300 entries" in log.verify("--against", kept).stdout
    # Another history from the same beginning, by the same key.
    fork = tmp_path / "fork"
    audit("append", fork, "--key", log.key, stdin='{"other":1}\n')
    audit("verify", fork, "--key", log.vkey, "--against", kept)
    later = audit("verify", fork, "--key", log.vkey, "--against", log.folder / "checkpoint", check=False)
    assert later.returncode == 1 and "entries are GONE" in later.stderr
    audit("append", fork, "--key", log.key,
          stdin="".join(json.dumps(event) + "\n" for event in events(400)))
    later = audit("verify", fork, "--key", log.vkey, "--against", log.folder / "checkpoint", check=False)
    assert later.returncode == 1 and "does NOT begin" in later.stderr


@pytest.mark.parametrize("line, why", [
    ("", "no entry"),
    ("not json", "not a JSON object"),
    ("[1]", "not a JSON object"),
    ('{"a":1,"a":2}', "not a JSON object"),
    ('{"a":1', "not a JSON object"),
    (json.dumps({"a": "x" * 65536}), "longer than an entry may be"),
])
def test_bad_lines_take_nothing(log, line, why):
    log.append(events(2))
    before = (log.folder / "checkpoint").read_bytes()
    told = audit("append", log.folder, "--key", log.key, stdin='{"good":1}\n' + line if line else "", check=False)
    assert told.returncode == 1 and why in told.stderr
    assert (log.folder / "checkpoint").read_bytes() == before


def test_keys(log, tmp_path):
    log.append(events(2))
    other = tmp_path / "other.pem"
    vkey = audit("init", tmp_path / "second", "--key", other, "--origin", ORIGIN).stdout.strip()
    assert oct(other.stat().st_mode & 0o777) == "0o600"
    told = audit("append", log.folder, "--key", other, stdin='{"a":1}\n', check=False)
    assert told.returncode == 1 and "key" in told.stderr
    assert audit("verify", log.folder, "--key", vkey, check=False).returncode == 1
    assert audit("init", log.folder, "--key", log.key, "--origin", ORIGIN, check=False).returncode == 1
    assert audit("init", tmp_path / "bad", "--key", log.key, "--origin", "no good", check=False).returncode == 1
    assert "by the key that lies beside the log" in audit("verify", log.folder).stdout
    for words in (["verify"], ["prove", log.folder], ["append", log.folder], ["burn", log.folder],
                  ["export", log.folder, "--since", "1"], ["prove", log.folder, "--index", "1", "--since", "1"]):
        assert audit(*words, check=False).returncode == 2


def test_an_init_that_was_cut_off_is_finished(log, tmp_path):
    """Killed, or out of disk, between the checkpoint and the public key beside it."""
    public = log.folder / "audit-key.pub"
    public.unlink()
    other = tmp_path / "other.pem"
    assert audit("init", log.folder, "--key", other, "--origin", ORIGIN, check=False).returncode == 1
    assert not public.exists()
    assert audit("init", log.folder, "--key", log.key, "--origin", ORIGIN).stdout.strip() == log.vkey
    log.append(events(2))
    log.verify()


def test_input_that_cannot_be_read(log, tmp_path):
    told = audit("append", log.folder, "--key", log.key, tmp_path, check=False)
    assert told.returncode == 1 and "directory" in told.stderr


def test_output_that_cannot_be_written(log):
    log.append(events(3))
    for words in (["verify"], ["prove", "--index", "1"], ["export"]):
        with open("/dev/full", "w") as full:
            told = subprocess.run([STATIM, "audit", words[0], log.folder, *words[1:]], stdout=full,
                                  stderr=subprocess.PIPE, text=True)
        assert told.returncode == 1 and "No space left" in told.stderr


def test_a_full_disk_says_what_it_took(tmp_path):
    """More than goes into the log at once, on a disk with room for the first part."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        disk = SmallDisk(folder, 1600)
    except OSError as error:
        pytest.skip(str(error))
    try:
        log = Log(disk.path())
        lines = "".join(json.dumps({"n": n, "text": "x" * 300}) + "\n" for n in range(6000))
        told = audit("append", log.folder, "--key", log.key, stdin=lines, check=False)
        assert told.returncode == 1
        assert "the first 4096 of 6000 entries are in the log nonetheless" in told.stderr
    finally:
        disk.remove()


def test_killed_at_any_time(log):
    """What was acknowledged is there, in order, and what follows goes on from it."""
    chosen = random.Random(7)
    acknowledged = 0
    for turn in range(40):
        lines = "".join(json.dumps({"turn": turn, "n": n}) + "\n" for n in range(chosen.randrange(1, 400)))
        with subprocess.Popen([STATIM, "audit", "append", log.folder, "--key", log.key], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdin.write(lines)
            process.stdin.close()
            try:
                process.wait(timeout=chosen.random() * 0.03)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            told = process.stdout.read()
            process.wait()
        if " from " in told:
            acknowledged += lines.count("\n")
        log.verify()
    log.append([{"last": True}])
    kept = [json.loads(line)["entry"] for line in audit("export", log.folder).stdout.splitlines()]
    assert acknowledged < len(kept) and kept[-1] == {"last": True}
    turns = [entry["turn"] for entry in kept[:-1]]
    assert turns == sorted(turns)
    for turn in set(turns):
        numbers = [entry["n"] for entry in kept[:-1] if entry["turn"] == turn]
        assert numbers == list(range(len(numbers)))


def test_go_agrees_on_an_issuers_log(tmp_path, go_verifier):
    """What an issuer wrote, killed in between."""
    issuer = Issuer(tmp_path / "issuer", extra="publish_wait_ms: 0\n")
    try:
        issuer.start().prepare()
        for number in range(45):
            issuer.issue("www.example.com", f"order-{number}")
            if number % 15 == 10:
                issuer.kill()
                issuer.start()
    finally:
        issuer.stop()
    folder = issuer.folder / "audit"
    vkey = (folder / "audit-key.pub").read_text().strip()
    told = subprocess.run([go_verifier, folder, vkey], check=True, capture_output=True, text=True)
    assert int(told.stdout.split()[0]) == len(issuer.leaves()) > 4 * 45
