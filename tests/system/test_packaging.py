# SPDX-License-Identifier: Apache-2.0
"""What `meson install` puts where, and whether the units fit to it."""

import json
import re
import shutil

import pytest

from site_under_test import BUILD, ROOT, run

PACKAGING = ROOT / "packaging"
UNITS = sorted(path for path in PACKAGING.iterdir() if path.suffix in (".service", ".timer"))


def installed():
    """What is installed, by its place."""
    plan = json.loads((BUILD / "meson-info" / "intro-install_plan.json").read_text())
    return {row["destination"]: source for kind in plan.values() for source, row in kind.items()}


def word(unit, key):
    found = re.search(rf"^{key}=(.*)$", unit.read_text(), re.M)
    return found and found[1]


def test_everything_is_installed():
    places = set(installed())
    for program in ("statim", "statim-edge", "statim-presigner", "statim-issuer", "statim-bench"):
        assert f"{{bindir}}/{program}" in places
    for unit in UNITS:
        # statim-shed is built where libbpf is.
        wanted = unit.stem != "statim-shed" or "{bindir}/statim-shed" in places
        assert (f"{{prefix}}/lib/systemd/system/{unit.name}" in places) == wanted
    for folder in ("sysusers.d", "tmpfiles.d"):
        assert f"{{prefix}}/lib/{folder}/statim.conf" in places


@pytest.mark.parametrize("unit", [path for path in UNITS if path.suffix == ".service"], ids=lambda path: path.name)
def test_units_fit(unit):
    """They start programs that are installed, as users that are made, and name the prefix of this build."""
    program = word(unit, "ExecStart").split()[0].rsplit("/", 1)[1]
    if program == "statim-shed" and not (BUILD / "packaging" / unit.name).exists():
        pytest.skip("statim-shed is not built: it needs libbpf, clang and bpftool")
    assert f"{{bindir}}/{program}" in installed()
    user = word(unit, "User")
    users = re.findall(r"^u (\S+)", (PACKAGING / "statim.sysusers").read_text(), re.M)
    assert user is None or user in users
    text = (BUILD / "packaging" / unit.name).read_text()
    prefix = re.search(r"ExecStart=(\S+)/bin/", text)[1]
    assert text == unit.read_text().replace("/usr/local/bin/", f"{prefix}/bin/")


def test_users_and_folders(tmp_path):
    if shutil.which("systemd-sysusers") is None:
        pytest.skip("systemd is not installed")
    for name, folder in (("statim.sysusers", "sysusers.d"), ("statim.tmpfiles", "tmpfiles.d")):
        (tmp_path / "usr" / "lib" / folder).mkdir(parents=True)
        shutil.copy(PACKAGING / name, tmp_path / "usr" / "lib" / folder / "statim.conf")
    (tmp_path / "etc").mkdir()
    run("systemd-sysusers", f"--root={tmp_path}")
    made = (tmp_path / "etc" / "passwd").read_text()
    for name in ("presigner", "edge", "issuer"):
        assert f"statim-{name}:" in made
    run("systemd-tmpfiles", "--create", f"--root={tmp_path}", "statim.conf")
    assert (tmp_path / "var" / "lib" / "statim-issuer").stat().st_mode & 0o777 == 0o700
