# SPDX-License-Identifier: Apache-2.0
"""bench/sign and bench/apply run to their end and measure what they say. No figure is judged."""

import json
import re
import shutil

from site_under_test import BUILD, ROOT, run

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


def test_sign_measures_each_key_beside_its_base(tmp_path):
    keys = ["p256", "token"] if SOFTHSM else ["p256"]
    text, figures = measured(tmp_path, "sign", "--keys", ",".join(keys), "--certs", 300, "--rounds", 1)
    assert set(figures) == set(keys)
    for key in keys:
        assert figures[key]["sample ÷ base"]["median"] > 0
        assert figures[key]["rates"]["base"][0] > 0
    assert "1 core, verify none" in text
