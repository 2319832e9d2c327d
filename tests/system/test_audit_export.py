# SPDX-License-Identifier: Apache-2.0
"""statim audit export to Avro: read by the specification, compared with what was appended, and with
what docs/formats.md says is in it."""

import json
import random
import re
import subprocess
from pathlib import Path

import pytest

import avro_reader
from site_under_test import STATIM
from test_audit import Log, audit, canonical, leaf

DOCS = Path(__file__).resolve().parents[2] / "docs"
COLUMNS = ("type", "actor", "request", "ca", "serial", "certificate", "customer", "order")


def exported(log, *more, check=True):
    return subprocess.run([STATIM, "audit", "export", log.folder, "--key", log.vkey, "--format", "avro", *more],
                          capture_output=True, check=check)


def schema_of_docs():
    text = (DOCS / "formats.md").read_text()
    return json.loads(re.search(r"## Audit log as Avro.*?```json\n(.*?)```", text, re.DOTALL)[1])


def plain(schema):
    """{"type": "long"} is "long": Parsing Canonical Form, PRIMITIVES."""
    if isinstance(schema, list):
        return [plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if list(schema) == ["type"]:
        return plain(schema["type"])
    return {name: plain(value) if name in ("type", "fields") else value for name, value in schema.items()}


def events(count):
    rng = random.Random(6)
    for n in range(count):
        event = {"time": rng.randrange(1 << 40), "n": n}
        for column in COLUMNS:
            if rng.random() < 0.7:
                event[column] = "".join(rng.choice("aZ09é€🔑\"\\\n") for _ in range(rng.randrange(30)))
        yield event


def test_every_entry_is_there(tmp_path):
    log = Log(tmp_path)
    made = list(events(900))
    made[3] = {"type": "big", "text": "x" * 65000}
    made[4] = {"time": "no number", "type": 7, "actor": None, "order": ["a"]}
    made[5] = {"time": 1.5, "type": True}
    log.append(made)
    metadata, rows = avro_reader.read(exported(log).stdout)
    assert metadata["avro.codec"] == b"deflate"
    assert plain(json.loads(metadata["avro.schema"])) == schema_of_docs()
    assert [row["index"] for row in rows] == list(range(900))
    assert [row["entry"] for row in rows] == log.entries
    assert [row["leaf_hash"] for row in rows] == [leaf(entry) for entry in log.entries]
    assert {row["log"] for row in rows} == {"audit.test"}
    for event, row in zip(made, rows):
        time = event.get("time")
        assert row["time"] == (time if isinstance(time, int) else None)
        for column in COLUMNS:
            text = event.get(column)
            assert row[column] == (text if isinstance(text, str) else None)


def test_part_and_nothing(tmp_path):
    log = Log(tmp_path)
    assert avro_reader.read(exported(log).stdout)[1] == []
    log.append([{"n": n} for n in range(300)])
    rows = avro_reader.read(exported(log, "--from", "255", "--until", "258").stdout)[1]
    assert [row["index"] for row in rows] == [255, 256, 257]
    assert [row["entry"] for row in rows] == [canonical({"n": n}) for n in (255, 256, 257)]


def test_refusals(tmp_path):
    log = Log(tmp_path)
    log.append([{"n": n} for n in range(300)])
    told = audit("export", log.folder, "--format", "parquet", check=False)
    assert told.returncode == 1 and "neither ndjson nor avro" in told.stderr
    assert audit("verify", log.folder, "--format", "avro", check=False).returncode == 2
    with open("/dev/full", "wb") as full:
        told = subprocess.run([STATIM, "audit", "export", log.folder, "--format", "avro"], stdout=full,
                              stderr=subprocess.PIPE)
    assert told.returncode == 1
    # What does not verify does not leave.
    (log.folder / "tile/0/000").write_bytes(bytes(8192))
    told = exported(log, check=False)
    assert told.returncode == 1 and told.stdout == b""


@pytest.mark.parametrize("spoil", [
    lambda octets: octets[:-1],
    lambda octets: octets + b"\0",
    lambda octets: b"Obj\2" + octets[4:],
    lambda octets: octets[:-20] + bytes([octets[-20] ^ 1]) + octets[-19:],
])
def test_the_reader_is_no_judge_that_says_yes_to_everything(tmp_path, spoil):
    log = Log(tmp_path)
    log.append([{"n": n} for n in range(3)])
    octets = exported(log).stdout
    avro_reader.read(octets)
    with pytest.raises((ValueError, EOFError, KeyError, avro_reader.zlib.error)):
        avro_reader.read(spoil(octets))
