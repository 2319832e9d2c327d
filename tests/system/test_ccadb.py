# SPDX-License-Identifier: Apache-2.0
"""statim ccadb says what the CRLs themselves say."""

import json

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from test_crl import BASE, newest, published, use_crls

SHARDS = "JSON Array of Partitioned CRLs"
FULL = "JSON Array of all Full CRL URLs"


def ccadb(site, *arguments):
    done = site.statim("ccadb", site.dir, *arguments, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def one(site):
    status, fields, said = ccadb(site)
    assert len(fields) == 1
    return status, next(iter(fields.values())), said


def distribution_points(site):
    """The URL in each published CRL that has one."""
    urls = set()
    for path in {path for path, _ in published(site) if path.endswith(".crl")}:
        crl = x509.load_der_x509_crl(newest(site, path))
        for extension in crl.extensions:
            if extension.oid == ExtensionOID.ISSUING_DISTRIBUTION_POINT:
                urls |= {name.value for name in extension.value.full_name or ()}
    return urls


def test_no_crls_is_the_placeholder(make_site):
    site = make_site()
    site.init()
    assert one(site)[:2] == (0, one(site)[1]) and one(site)[1][SHARDS] == [""]
    use_crls(site)
    status, fields, _ = one(site)
    assert (status, fields[SHARDS], fields[FULL]) == (0, [""], []), "nothing is published yet"


def test_every_set_is_disclosed(make_site):
    site = make_site()
    site.init()
    use_crls(site, shards=3)
    site.presign_once()
    first = [f"{BASE}/1/{place}.crl" for place in range(3)]
    status, fields, _ = one(site)
    assert (status, fields[SHARDS], fields[FULL]) == (0, first, [])
    assert set(fields[SHARDS]) == distribution_points(site)
    site.edit("presigner.yaml", r"shards: 3", "shards: 2\n      shard_set: 2")
    status, fields, said = one(site)
    assert status == 1 and "2 of these URLs" in said, "configured, not published"
    assert fields[SHARDS] == first + [f"{BASE}/2/{place}.crl" for place in range(2)]
    site.presign_once()
    status, fields, _ = one(site)
    assert status == 0 and set(fields[SHARDS]) == distribution_points(site)
    assert ccadb(site, "--array")[1] == fields[SHARDS]
    assert ccadb(site, "--array", "--issuer", "nobody")[0] == 1


def test_a_full_crl_is_no_partition(make_site):
    site = make_site()
    site.init()
    use_crls(site, partitioned="false", scope="all", shards=1)
    site.presign_once()
    status, fields, _ = one(site)
    assert (status, fields[SHARDS], fields[FULL]) == (0, [], [f"{BASE}/full.crl"])
    assert newest(site, "/7/full.crl")
