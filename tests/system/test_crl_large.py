# SPDX-License-Identifier: Apache-2.0
"""CRLs at the ends of their range: a million entries in one, and as many shards as a set can have."""

import os
import re
import time
from pathlib import Path

import pytest

from site_under_test import NOT_AFTER_S, run, wait_for
from test_crl import get, newest, published, use_crls

FULL = os.environ.get("STATIM_FULL") == "1"
ENTRIES = int(os.environ.get("STATIM_CRL_ENTRIES", "1000000" if FULL else "20000"))
SHARDS = int(os.environ.get("STATIM_CRL_SHARDS", "65535" if FULL else "500"))
# Of an entry: the list (40), the part to be signed and the CRL (53 each), twice; and the one before it.
ENTRY_MEMORY_BYTES = 260
BASE_MEMORY_BYTES = 96 << 20


def own_bytes(pid):
    """Without the files that it maps: those are the kernel's to drop."""
    return int(re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def write_rows(path, count, revoked_at_s):
    with open(path, "w", encoding="utf-8") as file:
        for i in range(count):
            file.write(f"4{i * 0x9e3779b97f4a7c15 % (1 << 64):016x}{i:08x}{'5a' * 7}c,"
                       f"revoked,{revoked_at_s},superseded,{NOT_AFTER_S}\n")


def watched(pid, condition, what, deadline_s):
    """Waits, and returns the most memory that was the process's own meanwhile."""
    most = 0

    def look():
        nonlocal most
        most = max(most, own_bytes(pid))
        return condition()
    wait_for(look, what, deadline_s, pause_max_s=0.02)
    return most


@pytest.mark.long
def test_a_million_entries_in_one(make_site, tmp_path):
    """From the import to a client of an edge, each in memory that the CRL's size bounds."""
    site = make_site()
    site.init()
    use_crls(site, partitioned="false", scope="all", shards=1, debounce_s=0, size_max_bytes=200000000)
    rows = tmp_path / "many.csv"
    write_rows(rows, ENTRIES, int(time.time()) - 50)
    site.statim("import", site.dir, rows)
    bad = site.issue_certificate("bad")
    site.issue_certificate("good")
    site.import_certificates()
    begin = time.monotonic()
    site.start_presigner()
    pid = site.presigner.pid
    most = watched(pid, lambda: newest(site, "/7/full.crl"), "the first CRL", 600)
    made_s = time.monotonic() - begin
    site.start_edge(wait=False)
    site.wait_healthy(300)
    site.revoke("bad")
    begin = time.monotonic()
    most = max(most, watched(pid, lambda: bytes.fromhex(bad) in newest(site, "/7/full.crl"), "the next CRL", 600))
    again_s = time.monotonic() - begin
    der = newest(site, "/7/full.crl")
    assert most < BASE_MEMORY_BYTES + ENTRIES * ENTRY_MEMORY_BYTES
    wait_for(lambda: get(site, "/7/full.crl")[2] == newest(site, "/7/full.crl"), "the CRL at the edge", 300)
    edge = {role: own_bytes(site.child(role)) for role in ("serve", "sync")}
    print(f"{ENTRIES} entries, {len(der)} octets: first after {made_s:.1f} s, the next {again_s:.1f} s after a "
          f"revocation; presigner {most >> 20} MiB of its own, edge "
          + ", ".join(f"{role} {size >> 20} MiB" for role, size in edge.items()))
    (tmp_path / "full.crl").write_bytes(der)
    run("openssl", "crl", "-inform", "DER", "-in", tmp_path / "full.crl", "-out", tmp_path / "full.pem")
    verify = lambda name: run("openssl", "verify", "-crl_check", "-CRLfile", tmp_path / "full.pem", "-CAfile",
                              site.ca, site.certificates[name], check=False)
    assert verify("good").returncode == 0
    assert "certificate revoked" in verify("bad").stderr


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.long
def test_as_many_shards_as_can_be(make_site):
    """All are made, all reach the edge, and a presigner with nothing to do does next to nothing."""
    site = make_site()
    site.init()
    use_crls(site, shards=SHARDS, debounce_s=0)
    site.issue_certificate("bad")
    site.import_certificates()
    port = site.use_presigner_admin()
    site.start_presigner()
    begin = time.monotonic()
    wait_for(lambda: "admin pages" in site.presigner_log(), "the admin pages")
    wait_for(lambda: site.metrics(port)["statim_presigner_crls_published_total"] >= SHARDS, "all CRLs", 1800)
    made_s = time.monotonic() - begin
    wait_for(lambda: site.metrics(port)["statim_presigner_crls_waiting"] == 0, "nothing to do", 60)
    begin, before = time.monotonic(), cpu_s(site.presigner.pid)
    wait_for(lambda: time.monotonic() > begin + 5, "five seconds of nothing", 10)
    idle = (cpu_s(site.presigner.pid) - before) / (time.monotonic() - begin)
    begin = time.monotonic()
    site.start_edge(wait=False)
    wait_for(lambda: edge_blobs(site) >= SHARDS and
             all(get_or_none(site, f"/7/1/{place}.crl") for place in range(0, SHARDS, SHARDS // 50)),
             "the CRLs at the edge", 1800)
    edge_s = time.monotonic() - begin
    serial = int(site.serial("bad"), 16)
    site.revoke("bad")
    path = f"/7/1/{serial % SHARDS}.crl"
    begin = time.monotonic()
    wait_for(lambda: serial.to_bytes(16, "big") in get(site, path)[2], "the revocation at the edge", 60)
    print(f"{SHARDS} shards: made in {made_s:.1f} s, idle {idle * 100:.1f} % of a core, at an empty edge in "
          f"{edge_s:.1f} s, a revocation in {time.monotonic() - begin:.1f} s")
    assert idle < 0.25
    assert len({where for where, _ in published(site)}) == SHARDS + 1


def edge_blobs(site):
    try:
        return site.metrics().get("statim_edge_sync_blobs_fetched_total", 0)
    except OSError:
        return 0


def get_or_none(site, path):
    try:
        status, _, body = get(site, path)
    except OSError:
        return None
    return body if status == 200 else None
