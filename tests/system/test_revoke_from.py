# SPDX-License-Identifier: Apache-2.0
"""A list of revocations: nothing lost, nothing twice, nothing by mistake."""

import random
import re
import signal
import subprocess
import time

import ocsp_oracle
from site_under_test import NOT_AFTER_S, STATIM, run, wait_for
from test_crl import newest, serials, use_crls
from cryptography import x509

MANY = 150000


def filled(site, count, prefix="4a"):
    """A site with that many good certificates; their serials in the order of keys."""
    site.init()
    names = [f"{prefix}{i:014X}".upper() for i in range(count)]
    site.rows += [f"{name},good,,,{NOT_AFTER_S}" for name in names]
    site.import_certificates()
    return names


def revoke(site, lines, *arguments):
    path = site.dir / "revoke.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return run(STATIM, "revoke", site.dir, "--from", path, *arguments, check=False)


def sequence(site):
    return int(re.search(r"^sequence +(\d+)$", site.statim("status", site.dir).stdout, re.M)[1])


def known(site, serial):
    text = site.statim("status", site.dir, serial).stdout
    field = lambda name: re.search(rf"^{name} +(.*)$", text, re.M)
    return tuple(field(name)[1] for name in ("status", "reason", "revoked at") if field(name))


def said(done):
    """The report's numbers, by name."""
    found = re.findall(r"^ *([a-zA-Z(][a-zA-Z() ]*?) {2,}(\d+)$", done.stdout, re.M)
    return {name: int(count) for name, count in found}


def test_a_dry_run_changes_nothing(make_site):
    site = make_site()
    names = filled(site, 300)
    use_crls(site, shards=4)
    site.presign_once()
    site.statim("revoke", site.dir, names[0], "--reason", "superseded")
    site.statim("revoke", site.dir, names[1])
    before = sequence(site)
    done = revoke(site, names[:200] + ["4B"] + names[5:9], "--reason", "keyCompromise", "--dry-run")
    report = said(done)
    assert done.returncode == 1 and "line 201: 4B:" in done.stderr
    assert {"lines": 205, "certificates": 201, "unknown": 1, "good": 198, "revoked already": 2, "superseded": 1,
            "(no reason)": 1, "to change": 200, "statements to sign": 200, "CRLs to make": 4, "expired": 0,
            "ranges touched": 1, "outside of packs then": 200}.items() <= report.items()
    assert "estimate" in done.stdout and sequence(site) == before
    with open(site.dir / "presigner.yaml", "a", encoding="utf-8") as file:
        file.write("tail_max: 150\n")
    done = revoke(site, names[:200], "--dry-run")
    assert "198, above tail_max (150)" in done.stdout
    done = revoke(site, names[:2], "--reason", "superseded", "--dry-run")
    assert done.returncode == 0 and said(done)["to change"] == 0 and "estimate" not in done.stdout


def test_known_ones_are_revoked_and_the_others_named(make_site):
    site = make_site()
    names = filled(site, 100)
    done = revoke(site, [names[3].lower(), "0x" + names[4], "4B", names[5], "4C"], "--reason", "superseded", "--at",
                  "2026-11-01")
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "line 3: 4B:" in line or "line 5: 4C:" in line] == \
        done.stderr.splitlines()
    assert "3 changed, 0 were so already, 2 unknown; sequence 103" in done.stdout
    assert known(site, names[4]) == ("revoked", "superseded", "2026-11-01T00:00:00Z")
    assert known(site, names[6]) == ("good",)
    done = revoke(site, names[3:6])
    assert done.returncode == 0 and "0 changed, 3 were so already" in done.stdout and sequence(site) == 103
    assert known(site, names[4]) == ("revoked", "superseded", "2026-11-01T00:00:00Z")


def test_lines_with_reason_and_time(make_site):
    site = make_site()
    names = filled(site, 10)
    lines = ["serial,reason,time", f"{names[0]},keyCompromise,2026-10-01T01:02:03Z", f"{names[1]},,2026-10-02", "",
             f"{names[2]},affiliationChanged\r", names[3], f"{names[4]},superseded,2026-10-05",
             f"{names[4]},keyCompromise,2026-10-04"]
    done = revoke(site, lines, "--reason", "cessationOfOperation", "--at", "2026-11-01")
    assert done.returncode == 0, done.stderr
    assert [known(site, name) for name in names[:6]] == [
        ("revoked", "keyCompromise", "2026-10-01T01:02:03Z"),
        ("revoked", "cessationOfOperation", "2026-10-02T00:00:00Z"),
        ("revoked", "affiliationChanged", "2026-11-01T00:00:00Z"),
        ("revoked", "cessationOfOperation", "2026-11-01T00:00:00Z"),
        ("revoked", "keyCompromise", "2026-10-04T00:00:00Z"), ("good",)]
    # The lattice: keyCompromise wins and has the earlier time, everything else stays.
    done = revoke(site, names[:3], "--reason", "keyCompromise", "--at", "2026-10-10")
    assert "2 changed, 1 were so already" in done.stdout
    assert known(site, names[1]) == ("revoked", "keyCompromise", "2026-10-02T00:00:00Z")
    assert known(site, names[2]) == ("revoked", "keyCompromise", "2026-10-10T00:00:00Z")


def test_bad_lines_take_back_all_of_it(make_site):
    site = make_site()
    names = filled(site, 10)
    bad = ["xyz", f"{names[1]},because", f"{names[1]},superseded,soon", f"{names[1]},superseded,2026-11-01,more", ",,",
           f"{names[1]},removeFromCRL", f"{names[1]},superseded,2099-01-01", "4" * 80]
    done = revoke(site, [names[0], *bad])
    assert done.returncode == 1 and done.stdout == ""
    for line_no in range(2, 2 + len(bad)):
        assert f"revoke.txt:{line_no}: " in done.stderr, line_no
    assert f"{len(bad)} bad lines; nothing was revoked" in done.stderr
    done = revoke(site, [names[0], "4" * 5000])
    assert done.returncode == 1 and "too long" in done.stderr
    done = run(STATIM, "revoke", site.dir, "--from", site.dir / "none", check=False)
    assert done.returncode == 1 and "No such file" in done.stderr
    assert sequence(site) == 10
    assert run(STATIM, "revoke", site.dir, names[0], "--dry-run", check=False).returncode == 2


def wait_commits(site, process, count):
    """Until the database has been written to so many times, or the process is over. That is seen at once, where
    `statim status` comes too late for a list that takes a part of a second."""
    path = site.dir / "presigner" / "status" / "data.mdb"
    for _ in range(count):
        before = path.stat().st_mtime_ns
        wait_for(lambda: process.poll() is not None or path.stat().st_mtime_ns != before, "some to be revoked", 60,
                 pause_max_s=0.002)


def times_cut_short(site):
    """A list that is killed and begun again until it is through: how often it was not yet."""
    names = filled(site, MANY)
    path = site.dir / "revoke.txt"
    path.write_text("\n".join(names[::2]) + "\n")
    command = [STATIM, "revoke", str(site.dir), "--from", str(path), "--reason", "superseded"]
    seen = [MANY]
    cut_short = 0
    for _ in range(12):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_commits(site, process, random.randrange(1, 4))
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen.append(sequence(site))
        cut_short += MANY < seen[-1] < MANY + MANY // 2
        assert seen[-1] >= seen[-2]
        if seen[-1] == MANY + MANY // 2:
            break
    done = run(*command)
    assert sequence(site) == MANY + MANY // 2 and f"sequence {MANY + MANY // 2}" in done.stdout
    assert f"{MANY // 2} revoked" in site.statim("status", site.dir).stdout
    done = run(*command)
    assert "0 changed" in done.stdout and sequence(site) == MANY + MANY // 2
    return cut_short


def test_killed_and_run_again(make_site):
    """Nothing twice, nothing lost, at any instant of death: each change has one sequence. On a busy machine all may be
    over before the first kill."""
    assert any(times_cut_short(make_site(f"try-{number}")) for number in range(8)), "it was never killed on the way"


def sequence_beside_a_list(site):
    """Of a single revocation that is asked for while a list is at work; all of both are done."""
    names = filled(site, MANY)
    path = site.dir / "revoke.txt"
    path.write_text("\n".join(names[1:]) + "\n")
    with subprocess.Popen([STATIM, "revoke", str(site.dir), "--from", str(path)], stdout=subprocess.PIPE) as process:
        wait_commits(site, process, 1)
        done = site.statim("revoke", site.dir, names[0])
        own = int(re.search(r"sequence (\d+)", done.stdout)[1])
        process.communicate()
    assert process.returncode == 0 and own <= 2 * MANY == sequence(site)
    return own


def test_single_ones_go_between(make_site):
    """On a busy machine the list, which takes a part of a second, may be done before the single one has begun."""
    assert any(sequence_beside_a_list(make_site(f"try-{number}")) < 2 * MANY for number in range(8))


def test_from_a_list_to_an_answer(make_site):
    """Waits for the log and the CRLs; by then both have all of them, and the edge answers."""
    site = make_site()
    names = filled(site, 3000)
    site.issue_certificate("cert")
    site.import_certificates()
    use_crls(site, shards=4, debounce_s=0)
    lines = names[::3] + [site.serial("cert")]
    done = revoke(site, lines[:2], "--wait", "0")
    assert done.returncode == 3 and "all is accepted" in done.stderr
    site.start()
    begin = time.monotonic()
    done = revoke(site, lines, "--reason", "keyCompromise", "--wait", "60")
    assert done.returncode == 0, done.stderr
    assert "statements in the log" in done.stdout and "CRLs published" in done.stdout
    assert time.monotonic() - begin < 60
    found = set()
    for place in range(4):
        found |= serials(x509.load_der_x509_crl(newest(site, f"/7/1/{place}.crl")))
    assert found == {int(line, 16) for line in lines}
    wait_for(lambda: site.answer("cert") == ("REVOKED", "key_compromise"), "the edge", 60)
    oracle = ocsp_oracle.load(site.ca)
    der = ocsp_oracle.request_for_serial(oracle, int(lines[700], 16))
    # They may be in several log entries.
    wait_for(lambda: ocsp_oracle.judge(ocsp_oracle.exchange(site.port, der)[2], oracle, int(lines[700], 16)) ==
             ("REVOKED", "key_compromise"), "one from the middle of the list", 60)
    site.statim("revoke", site.dir, names[1], "--wait", "60")
