# SPDX-License-Identifier: Apache-2.0
"""statim inspect: every kind of file, as text and as JSON, and what it says of bad ones."""

import hashlib
import json
import os
import re
import shutil
import subprocess

import pytest

from site_under_test import IS_SANITIZED, NOT_AFTER_S, STATIM, Site, run

pytestmark = pytest.mark.long
GOOD, REVOKED = 120, 7
FIRST = 50  # of the good ones, signed into a range pack; the rest comes by log entries
LATER = GOOD - FIRST + REVOKED
REVOKED_AT_S = 1700000000
# In each kind of file. The fuzzers flip octets in a sanitizer's build, without a process for each.
FLIPS = 10 if IS_SANITIZED else 40


def serials(first, count):
    return [f"4{number:031x}" for number in range(first, first + count)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site that was served once and is at rest: the same files for every test."""
    made = Site(tmp_path_factory.mktemp("inspected") / "site")
    made.init("--network", "inspected.test")
    for serial in serials(0, FIRST):
        made.add_row(serial)
    made.import_certificates()
    made.presign_once()
    for serial in serials(FIRST, GOOD - FIRST):
        made.add_row(serial)
    for serial in serials(GOOD, REVOKED):
        made.add_row(serial, revoked=("superseded", REVOKED_AT_S))
    made.import_certificates()
    made.presign_once()
    made.start_edge()
    made.stop()
    return made


def inspect(*words, check=True):
    return run(STATIM, "inspect", *words, check=check)


def facts(*words):
    return json.loads(inspect("--json", *words).stdout)


def packs(site, kind):
    found = [path for path in (site.dir / "pub" / "pack").iterdir() if facts(path)["type"] == kind]
    return max(found, key=lambda path: path.stat().st_size)


def newest(folder):
    return max(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)


def flat(value, names=()):
    """Every scalar with its name, depth first."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from flat(inner, names + (name,))
    elif isinstance(value, list):
        for inner in value:
            yield from flat(inner, names)
    else:
        yield names[-1], value


def shown(value):
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def test_head(site):
    head = facts(site.dir / "pub" / "head")
    assert head["kind"] == "head" and head["network"] == "inspected.test"
    assert head["validity"] == "valid now"
    assert head["signature"].startswith("verified by ")
    entry = (site.dir / "pub" / "log" / str(head["log_last"])).read_bytes()
    assert head["log_hash"] == hashlib.sha256(entry).hexdigest()
    index = (site.dir / "pub" / "index" / head["index"]).read_bytes()
    assert head["index_bytes"] == len(index)
    vkey = (site.dir / "publish-key.pub").read_text().strip()
    assert head["signers"] == [{"name": "inspected.test", "key_id": vkey.split("+")[1]}]


def test_log_entries_are_a_chain(site):
    head = facts(site.dir / "pub" / "head")
    before = None
    statements = {}
    for number in range(head["log_first"], head["log_last"] + 1):
        entry = facts(site.dir / "pub" / "log" / str(number))
        assert entry["number"] == number and entry["previous"] == before
        assert entry["signature"].startswith("verified by ")
        before = entry["hash"]
        for item in entry["items"]:
            if item["item"] == "statement":
                statements[item["serial"]] = item
    assert before == head["log_hash"]
    assert set(statements) >= {serial.upper() for serial in serials(FIRST, LATER)}
    revoked = statements[serials(GOOD, 1)[0].upper()]
    assert (revoked["status"], revoked["reason"]) == ("revoked", "superseded")
    assert revoked["revoked_at"] == "2023-11-14T22:13:20Z"


def test_index_and_packs_agree(site):
    head = facts(site.dir / "pub" / "head")
    index = facts(site.dir / "pub" / "index" / head["index"])
    assert index["sha256"] == head["index"] and index["log_number"] == head["index_log"]
    assert index["ranges"][0]["after"] == "before all"
    assert index["ranges"][-1]["until"] == "after all"
    total = 0
    for line in index["ranges"] + index["tails"]:
        pack = facts(site.dir / "pub" / "pack" / line["pack"], "--signatures")
        assert pack["sha256"] == line["pack"] and pack["bytes"] == line["bytes"]
        assert pack["statements"] == line["statements"] == pack["good"] + pack["revoked"]
        assert pack["statement_signatures"] == "all verify"
        total += pack["statements"]
    assert total == GOOD + REVOKED


def test_edge_store(site):
    store = facts(site.dir / "edge", "--signatures")
    assert store["kind"] == "edge store"
    assert store["position"]["complete"] is True
    assert store["position"]["log_number"] == facts(site.dir / "pub" / "head")["log_last"]
    assert store["position"]["statements"] == GOOD + REVOKED
    (issuer,) = store["issuers"]
    assert (issuer["good"], issuer["revoked"]) == (GOOD, REVOKED)
    assert issuer["statements"] == GOOD + REVOKED
    assert issuer["block_bytes_per_statement"] < 90
    assert store["verified"] == "all invariants, all signatures"
    assert "problems" not in store
    assert facts(site.dir / "edge" / "store")["position"] == store["position"]


def test_status_database(site):
    status = facts(site.dir / "presigner", "--verify")
    assert status["kind"] == "status database"
    assert status["sequence"] == status["published_sequence"] == GOOD + REVOKED
    (issuer,) = status["issuers"]
    assert (issuer["good"], issuer["revoked"]) == (GOOD, REVOKED)
    records = {table["name"]: table["records"] for table in status["tables"]}
    assert records["cert"] == records["change"] == GOOD + REVOKED
    assert status["verified"] == "all invariants"


def test_text_says_what_json_says(site):
    head = facts(site.dir / "pub" / "head")
    for path in (site.dir / "pub" / "head", site.dir / "pub" / "log" / str(head["log_last"]),
                 site.dir / "pub" / "index" / head["index"], packs(site, "tail"), site.dir / "edge",
                 site.dir / "presigner"):
        text = inspect(path).stdout
        for name, value in flat(facts(path)):
            pattern = re.escape(name.replace("_", " ")) + r" +" + re.escape(shown(value))
            assert re.search(pattern, text), f"{path}: {name} {value} not in\n{text}"


# Keys

def test_key(site, tmp_path):
    head = site.dir / "pub" / "head"
    vkey = (site.dir / "publish-key.pub").read_text().strip()
    alone = tmp_path / "head"
    shutil.copy(head, alone)
    assert facts(alone)["signature"].startswith("not verified: no key")
    assert facts(alone, "--key", vkey)["signature"].startswith("verified by")
    assert facts(alone, "--key", site.dir / "publish-key.pub")["signature"].startswith("verified by")
    other = Site(tmp_path / "other")
    other.init("--network", "inspected.test")
    for path in (head, site.dir / "pub" / "log" / "1"):
        done = inspect(path, "--key", other.dir / "publish-key.pub", check=False)
        assert done.returncode == 1 and "key" in done.stderr and done.stdout == ""
    done = inspect(head, "--key", "nonsense", check=False)
    assert done.returncode == 1 and "--key" in done.stderr
    shutil.copy(other.dir / "publish-key.pub", tmp_path / "publish-key.pub")
    assert "another key" in facts(alone)["signature"]


def test_a_head_that_was_changed(site, tmp_path):
    (tmp_path / "pub").mkdir()
    shutil.copy(site.dir / "publish-key.pub", tmp_path)
    path = tmp_path / "pub" / "head"
    text = (site.dir / "pub" / "head").read_text()
    path.write_text(re.sub(r"^valid-until .*$", "valid-until 4000000000", text, flags=re.M))
    done = inspect(path, check=False)
    assert done.returncode == 1 and "signature does not verify" in done.stderr
    assert done.stdout == ""


# Bad files

def bad_copy(path, change, folder):
    octets = bytearray(path.read_bytes())
    octets = change(octets)
    copy = folder / "copy"
    copy.write_bytes(octets)
    return copy


def flip_last(octets):
    octets[-1] ^= 1
    return octets


CHANGES = {
    "cut": (lambda octets: octets[:-1], r"ends too early|required form|too small|by one"),
    "more": (lambda octets: octets + b"x", r"follow the end|required form|ends too early"),
    "version": (lambda octets: octets[:4] + b"\x09" + octets[5:], r"unsupported|required form"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["log", "index", "pack", "head"])
def test_bad_file(site, tmp_path, kind, change):
    path = {"log": site.dir / "pub" / "log" / "1", "index": newest(site.dir / "pub" / "index"),
            "pack": packs(site, "tail"), "head": site.dir / "pub" / "head"}[kind]
    if change == "version" and kind in ("index", "head"):
        changed = bad_copy(path, lambda octets: octets.replace(b" v1\n", b" v9\n", 1), tmp_path)
    else:
        changed = bad_copy(path, CHANGES[change][0], tmp_path)
    done = inspect(changed, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert re.search(CHANGES[change][1], done.stderr), done.stderr
    assert {"log": "log entry"}.get(kind, kind) in done.stderr


def test_a_signature_in_a_pack(site, tmp_path):
    changed = bad_copy(packs(site, "tail"), flip_last, tmp_path)
    assert facts(changed)["statements"] >= LATER  # the form is whole
    done = inspect(changed, "--signatures", check=False)
    assert done.returncode == 1 and "signature does not verify" in done.stderr
    assert serials(GOOD + REVOKED - 1, 1)[0].upper() in done.stderr


def test_a_name_that_is_another_hash(site, tmp_path):
    path = packs(site, "tail")
    shutil.copy(path, tmp_path / ("0" * 64))
    done = inspect(tmp_path / ("0" * 64), check=False)
    assert done.returncode == 1 and "named hash" in done.stderr


@pytest.mark.parametrize("content", [b"", b"STP", b"-----BEGIN CERTIFICATE-----\n", os.urandom(64)],
                         ids=["empty", "magic", "certificate", "noise"])
def test_no_kind(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    done = inspect(tmp_path / "file", check=False)
    assert done.returncode == 1 and str(tmp_path / "file") in done.stderr and done.stdout == ""


def test_no_file_and_usage(site, tmp_path):
    assert "not found" in inspect(tmp_path / "nothing", check=False).stderr
    done = inspect(site.dir / "pub", check=False)
    assert done.returncode == 1 and "pub/head" in done.stderr
    for words in ([], ["a", "b"], ["--nothing", "a"]):
        assert inspect(*words, check=False).returncode == 2


def test_many_flipped_octets(site, tmp_path):
    """Whatever is in a file, the command ends by itself with a verdict."""
    for path in (site.dir / "pub" / "log" / "1", packs(site, "tail"), newest(site.dir / "pub" / "index"),
                 site.dir / "pub" / "head"):
        octets = path.read_bytes()
        for at in range(0, len(octets), max(1, len(octets) // FLIPS)):
            copy = tmp_path / "copy"
            copy.write_bytes(octets[:at] + bytes([octets[at] ^ 0x81]) + octets[at + 1:])
            done = subprocess.run([STATIM, "inspect", "--signatures", str(copy)], capture_output=True,
                                  timeout=30, check=False)
            assert done.returncode in (0, 1), (path, at, done)


# Bad databases

def damaged(folder, target, old, new):
    """A copy of a database folder with every occurrence of some octets replaced."""
    shutil.copytree(folder, target)
    path = target / "data.mdb"
    octets = path.read_bytes()
    assert old in octets
    path.write_bytes(octets.replace(old, new))
    return target


def last_signature(site):
    return packs(site, "tail").read_bytes()[-64:]


def test_a_store_with_a_bad_signature(site, tmp_path):
    signature = last_signature(site)
    store = damaged(site.dir / "edge" / "store", tmp_path / "store", signature,
                    signature[:-1] + bytes([signature[-1] ^ 1]))
    assert facts(store, "--verify")["verified"] == "all invariants"
    done = inspect(store, "--signatures", check=False)
    assert done.returncode == 1 and "signature does not verify" in done.stdout
    assert "breaks its invariants" in done.stderr


def test_a_store_out_of_order(site, tmp_path):
    first, second = (bytes.fromhex(serial) for serial in serials(1, 2))
    store = damaged(site.dir / "edge" / "store", tmp_path / "store", first + second, second + first)
    assert inspect(store).returncode == 0  # not looked at
    done = inspect(store, "--verify", "--json", check=False)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["problem_count"] >= 1 and "not in key order" in found["problems"][0]


def test_a_store_that_is_cut(site, tmp_path):
    shutil.copytree(site.dir / "edge" / "store", tmp_path / "store")
    path = tmp_path / "store" / "data.mdb"
    os.truncate(path, path.stat().st_size // 2)
    done = inspect(tmp_path / "store", check=False)
    assert done.returncode == 1 and "shorter than what it holds" in done.stderr
    path.write_bytes(b"not a database" * 1000)
    done = inspect(tmp_path / "store", check=False)
    assert done.returncode == 1 and "database:" in done.stderr


def test_a_status_database_that_miscounts(site, tmp_path):
    serial = bytes.fromhex(serials(5, 1)[0])
    good = serial + b"\x01\x00\xff\x00\x00\x00\x00" + NOT_AFTER_S.to_bytes(4, "big")
    revoked = serial + b"\x01\x01\xff" + REVOKED_AT_S.to_bytes(4, "big") + NOT_AFTER_S.to_bytes(4, "big")
    status = damaged(site.dir / "presigner" / "status", tmp_path / "status", good, revoked)
    done = inspect(status, "--verify", check=False)
    assert done.returncode == 1
    assert f"{GOOD} good and {REVOKED} revoked are kept" in done.stdout
    assert f"{GOOD - 1} and {REVOKED + 1} are there" in done.stdout


def test_a_running_site(site, make_site):
    """Databases in use are read without disturbing who uses them."""
    running = make_site("running")
    running.init()
    running.add_row(serials(1, 1)[0])
    running.import_certificates()
    running.start()
    assert facts(running.dir / "edge", "--signatures")["position"]["complete"] is True
    assert facts(running.dir / "presigner", "--verify")["sequence"] == 1
    assert running.healthy()
