# SPDX-License-Identifier: Apache-2.0
"""bench/sign, apply, drill and fanout run to their end and measure what they say. No figure is judged."""

import json
import re
import shutil

import pytest

from site_under_test import BUILD, ROOT, run

REDIS = shutil.which("redis-server") is not None
SOFTHSM = shutil.which("softhsm2-util") is not None


def measured(tmp_path, script, *arguments):
    path = tmp_path / "figures.json"
    done = run(ROOT / "bench" / script, "--build", BUILD, "--dir", tmp_path, "--json", path, *arguments, timeout=300)
    return done.stdout, json.loads(path.read_text())


def test_apply_fills_a_store_and_follows_a_turn(tmp_path):
    text, figures = measured(tmp_path, "apply", "--certs", 160000, "--signed-certs", 300, "--rounds", 1)
    assert set(figures) == {"none", "sample", "all"}
    assert figures["none"]["statements"] == [160000]
    assert figures["sample"]["statements"] == figures["all"]["statements"] == [300]
    assert figures["none"]["turn"][0] > 0 and "turn" not in figures["all"]
    assert re.search(r"hashes only, 160,000 statements:\n  first filling: \d", text)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()], "scratch space is left"


@pytest.mark.long
def test_sign_measures_each_key_beside_its_base(tmp_path):
    keys = ["p256", "token"] if SOFTHSM else ["p256"]
    text, figures = measured(tmp_path, "sign", "--keys", ",".join(keys), "--certs", 300, "--rounds", 1)
    assert set(figures) == set(keys)
    for key in keys:
        assert figures[key]["sample ÷ base"]["median"] > 0
        assert figures[key]["rates"]["base"][0] > 0
    assert "1 core, verify none" in text


@pytest.mark.long
def test_drill_sees_every_step(tmp_path):
    text, figures = measured(tmp_path, "drill", "--certs", 4000, "--revoke", 3000, "--shards", 3, "--edges", 2)
    steps = figures["steps_s"]
    assert {"accepted by the status database", "signed", "in the log", "statim revoke has returned",
            *(f"edge-{i}: {what}" for i in range(2) for what in (
                "answers revoked for the first", "answers revoked for all that are asked for",
                "all are on its CRLs"))} == set(steps)
    assert all(seconds > 0 for seconds in steps.values())
    assert figures["counts"]["signatures"] >= 3000 and figures["counts"]["crls_published"] >= 3
    assert "3,000 of 4,000 certificates, 3 CRLs, 2 edges" in text


@pytest.mark.long
def test_drill_in_two_parts_and_again(tmp_path):
    drill = [ROOT / "bench/drill", "--build", BUILD, "--folder", tmp_path / "kept", "--certs", 1000, "--revoke", 400,
             "--shards", 2, "--edges", 1]
    run(*drill, "--prepare", timeout=300)
    for _ in range(2):
        assert "edge-0: all are on its CRLs" in run(*drill, "--measure", timeout=300).stdout
    again = run(*drill, "--measure", check=False, timeout=300)
    assert again.returncode == 1 and "only 190 good certificates are left" in again.stderr


@pytest.mark.parametrize("lane", ["no", pytest.param("yes", marks=pytest.mark.skipif(not REDIS, reason="no Redis"))])
def test_fanout_asks_every_edge(tmp_path, lane):
    text, figures = measured(tmp_path, "fanout", "--certs", 300, "--revoke", 3, "--edges", 2, "--redis", lane)
    found = figures["poll" if lane == "no" else "redis"]
    assert {name: len(values) for name, values in found.items()} == {
        "from the command": 6, "from acceptance": 6, "command": 3, "last edge after first": 3, "gap": 3}
    assert all(seconds > 0 for seconds in found["from the command"])
    assert "3 revocations, 2 edges" in text and "p99" in text
