# SPDX-License-Identifier: Apache-2.0
"""A revocation reaches the edge in seconds, and stays."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import ocsp_oracle
from site_under_test import IS_SANITIZED, NOT_AFTER_S, STATIM, run, wait_for


COUNT, AT_A_TIME, P99_S = (20, 2, 10) if IS_SANITIZED else (100, 8, 2)
TRIES = 3


def seconds_to_revoked(site, serial):
    """From the command's start to the first answer that says so."""
    issuer = ocsp_oracle.load(site.ca)
    der = ocsp_oracle.request_for_serial(issuer, int(serial, 16))
    ask = lambda: ocsp_oracle.judge(ocsp_oracle.exchange(site.port, der)[2], issuer, int(serial, 16))
    assert ask() == ("GOOD", None)
    begin = time.monotonic()
    run(STATIM, "revoke", site.dir, serial, "--reason", "keyCompromise")
    wait_for(lambda: ask() == ("REVOKED", "key_compromise"), f"{serial} revoked", 30)
    return time.monotonic() - begin


@pytest.mark.alone
def test_revoked_to_answered(make_site, capsys):
    """100 revocations at random instants, each polled until the edge answers revoked: p99 ≤ 2 s. Once more, with others,
    when the machine had a bad moment."""
    site = make_site()
    site.init()
    serials = ["4" + os.urandom(16).hex()[1:] for _ in range(TRIES * COUNT)]
    for serial in serials:
        site.add_row(serial)
    site.import_certificates()
    site.start()
    for first in range(0, TRIES * COUNT, COUNT):
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            took = sorted(pool.map(lambda serial: seconds_to_revoked(site, serial), serials[first:first + COUNT]))
        with capsys.disabled():
            print(f"\nrevoked to answered: median {took[len(took) // 2]:.2f} s, p99 {took[-2]:.2f} s, "
                  f"max {took[-1]:.2f} s")
        if took[-2] <= P99_S:
            return
    raise AssertionError(f"p99 above {P99_S} s in each of {TRIES} tries")


def test_revoke_refuses_what_it_does_not_know(make_site):
    site = make_site()
    site.init()
    site.add_row("41")
    site.import_certificates()
    for arguments in (["42"], ["41", "--reason", "because"], ["xyz"], ["41", "--at", "soon"]):
        done = run(STATIM, "revoke", site.dir, *arguments, check=False)
        assert done.returncode != 0 and done.stderr.strip(), arguments
    assert "good" in run(STATIM, "status", site.dir, "41").stdout


def test_a_revoked_certificate_never_becomes_good(make_site):
    site = make_site()
    site.init()
    site.issue_certificate("cert", revoked=("superseded", 1700000000))
    site.import_certificates()
    site.add_row(site.serial("cert"))
    site.import_certificates(check=False)
    site.start()
    assert ocsp_oracle.ask(site.port, site.certificates["cert"], site.ca) == ("REVOKED", "superseded")


@pytest.mark.parametrize("line,says", [
    ("zz,good,,,1900000000", "3"), ("44,maybe,,,1900000000", "3"), ("44,revoked,,,1900000000", "3"),
    ("44,revoked,1700000000,because,1900000000", "3"), ("44,good,,,", "3"), ("44,good", "3"),
    ("44,good,,,1900000000,7,8,9,10", "3"), ("4" * 200 + ",good,,,1900000000", "3"),
    ("44,good,,," + "1" * 40, "3"), ("44,good,,,1900000000\0", "3"),
])
def test_a_bad_line_takes_nothing_of_the_file(make_site, line, says):
    site = make_site()
    site.init()
    path = site.dir / "bad.csv"
    path.write_text(f"serial,status,revoked_at,reason,not_after\n43,good,,,{NOT_AFTER_S}\n{line}\n")
    done = run(STATIM, "import", site.dir, path, check=False)
    assert done.returncode != 0
    assert says in done.stderr, done.stderr
    assert run(STATIM, "status", site.dir, "43", check=False).returncode != 0


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>

static int wrote;

/* Read transactions fail once there has been one that writes. */
int mdb_txn_begin(void *env, void *parent, unsigned flags, void **ret)
{
    int (*real)(void *, void *, unsigned, void **) = dlsym(RTLD_NEXT, "mdb_txn_begin");
    if ((flags & 0x20000) == 0)
        wrote = 1;
    else if (wrote)
        return EIO;
    return real(env, parent, flags, ret);
}
"""


@pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer's library must come first")
def test_what_is_done_is_not_called_a_failure(make_site, tmp_path):
    """Nothing that happens behind the commit makes the command say that it failed."""
    site = make_site()
    site.init()
    site.issue_certificate("good")
    site.import_certificates()
    source, shim = tmp_path / "shim.c", tmp_path / "shim.so"
    source.write_text(SHIM)
    run("cc", "-shared", "-fPIC", "-o", shim, source)
    done = run(STATIM, "revoke", site.dir, site.serial("good"), "--reason", "superseded", check=False,
               env={**os.environ, "LD_PRELOAD": str(shim)})
    assert "revoked" in site.statim("status", site.dir, site.serial("good")).stdout
    assert done.returncode == 0 and "revoked at" in done.stdout and "superseded, sequence 2" in done.stdout
