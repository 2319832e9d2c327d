# SPDX-License-Identifier: Apache-2.0
"""Keeping an audit log: whole tiles are made immutable, what is gone is named, the promise is told."""

import os
import subprocess

import pytest

from test_audit import Log, audit


def whole_files(log):
    return sorted(path for path in (log.folder / "tile").rglob("*")
                  if path.is_file() and not path.parent.name.endswith(".p"))


def unseal(log):
    subprocess.run(["chattr", "-i", *whole_files(log)], check=False, capture_output=True)


@pytest.fixture()
def log(tmp_path):
    log = Log(tmp_path)
    yield log
    unseal(log)


def seals(log):
    """Whether files can be made immutable here."""
    told = audit("seal", log.folder, "--key", log.vkey, check=False)
    if told.returncode == 1 and ("no right" in told.stderr or "no immutable files" in told.stderr):
        pytest.skip(told.stderr.strip())
    assert told.returncode == 0, told.stderr
    return told.stdout


def test_sealed_is_for_good(log):
    log.append([{"n": n} for n in range(700)])
    assert "files sealed" in seals(log)
    assert audit("seal", log.folder).stdout == "0 files sealed, 4 in all\n"
    assert len(whole_files(log)) == 4
    for path in whole_files(log):
        for harm in (path.unlink, lambda: path.write_bytes(b""), lambda: path.rename(path.parent / "away"),
                     lambda: os.truncate(path, 1), lambda: os.replace(log.folder / "state", path)):
            with pytest.raises(PermissionError):
                harm()
    assert "4 of 4 whole files are sealed" in log.verify("--sealed").stdout
    # It grows beyond what is sealed.
    log.append([{"n": n} for n in range(700, 1000)])
    told = log.verify("--sealed", check=False)
    assert told.returncode == 1 and "4 of 6 whole files" in told.stdout and "entries/002: is not sealed" in told.stderr
    assert audit("seal", log.folder).stdout == "2 files sealed, 6 in all\n"
    log.verify("--sealed")


def test_nothing_wrong_is_sealed(log):
    log.append([{"n": n} for n in range(300)])
    entries = log.folder / "tile/entries/000"
    good = entries.read_bytes()
    entries.write_bytes(good.replace(b'{"n":7}', b'{"n":8}'))
    told = audit("seal", log.folder, check=False)
    assert told.returncode == 1 and "tile/entries/000" in told.stderr or "tile/0/000" in told.stderr
    entries.write_bytes(good)  # it could still be put right
    log.verify()


def test_all_that_is_gone_is_named(log):
    log.append([{"n": n} for n in range(1100)])
    gone = ["tile/entries/001", "tile/entries/003", "tile/0/002", "tile/1/000.p/4"]
    for name in gone:
        (log.folder / name).unlink()
    told = log.verify(check=False)
    assert told.returncode == 1
    assert sorted(line.split()[2][:-1] for line in told.stderr.splitlines() if "is GONE" in line) == sorted(gone)
    assert "4 files of the log are missing" in told.stderr


def test_the_promise_is_told(log):
    log.append([{"n": 1}])
    assert "promises" not in log.verify().stdout
    log.append([{"actor": "a", "new": "9", "policy": "audit.retention_years", "request": "", "time": 1,
                 "type": "policy.changed"}])
    assert "promises to keep entries for 9 years" in log.verify().stdout
    log.append([{"policy": "audit.retention_years", "new": "12", "type": "policy.changed"}, {"n": 2}])
    assert "promises to keep entries for 12 years" in log.verify().stdout
    log.append([{"policy": "audit.retention_years", "new": new, "type": "policy.changed"}
                for new in ("3", "13y", "", "101", 14)])
    assert "promises to keep entries for 12 years" in log.verify().stdout


@pytest.mark.parametrize("words", [["seal"], ["seal", "--sealed"], ["append", "--sealed"]])
def test_usage(log, words):
    assert audit(*words, check=False).returncode == 2
