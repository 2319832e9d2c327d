# SPDX-License-Identifier: Apache-2.0
"""CRLs from the status database to the publication, judged by others' programs."""

import datetime
import hashlib
import http.client
import os
import random
import shutil
import signal
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtensionOID

from site_under_test import NOT_AFTER_S, pass_time, run, wait_for

BASE = "http://crl.test/7"
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"


def use_crls(site, **keys):
    """Gives the issuer CRLs in presigner.yaml."""
    keys = {"url_base": BASE, "scope": "user", "shards": 2, "debounce_s": 1} | keys
    lines = "".join(f"      {key}: {value}\n" for key, value in keys.items())
    with open(site.dir / "presigner.yaml", "a", encoding="utf-8") as file:
        file.write("    crl:\n" + lines)


def short(data, at):
    return int.from_bytes(data[at:at + 2], "big")


def paths_of(data):
    """What a log entry says is at paths: (path, blob's hash) of each, as it came."""
    at = 6 + data[5] + 8 + 8 + 32
    count = int.from_bytes(data[at:at + 4], "big")
    at += 4
    for _ in range(count):
        kind, size = data[at], int.from_bytes(data[at + 1:at + 5], "big")
        item = data[at + 5:at + 5 + size]
        at += 5 + size
        if kind == 4:
            path_size = short(item, 0)
            yield item[2:2 + path_size].decode(), item[2 + path_size:34 + path_size].hex()


def published(site):
    """What the whole log says."""
    entries = sorted(int(path.name) for path in (site.dir / "pub").glob("log/*") if path.name.isdigit())
    return [there for entry in entries for there in paths_of((site.dir / "pub" / "log" / str(entry)).read_bytes())]


def blob(site, name):
    data = (site.dir / "pub" / "blob" / name).read_bytes()
    assert hashlib.sha256(data).hexdigest() == name
    return data


def newest(site, path):
    """The octets at a path now, or None."""
    names = [name for where, name in published(site) if where == path]
    return blob(site, names[-1]) if names else None


def load(site, path):
    return x509.load_der_x509_crl(newest(site, path))


def number(crl):
    return crl.extensions.get_extension_for_oid(ExtensionOID.CRL_NUMBER).value.crl_number


def serials(crl):
    return {entry.serial_number for entry in crl}


def all_numbers(site):
    """The numbers of all CRLs ever published whose files are still there, in order of the log."""
    return [number(x509.load_der_x509_crl(blob(site, name))) for path, name in published(site)
            if path.endswith(".crl") and set(name) != {"0"}]  # not withdrawn


def some_serial():
    return "4" + os.urandom(15).hex()


def judge(site, der, folder):
    """OpenSSL, GnuTLS and python3-cryptography, each by its own code."""
    path = folder / "judged.crl"
    path.write_bytes(der)
    done = run("openssl", "crl", "-inform", "DER", "-in", path, "-CAfile", site.ca, "-noout", check=False)
    by_openssl = "verify OK" in done.stderr
    ca_der = folder / "ca.der"
    run("openssl", "x509", "-in", site.ca, "-outform", "DER", "-out", ca_der)
    done = run("certtool", "--verify-crl", "--load-ca-certificate", ca_der, "--inder", "--infile", path,
               check=False)
    by_gnutls = "Verified. The certificate is trusted" in done.stdout
    ca = x509.load_pem_x509_certificate(site.ca.read_bytes())
    try:
        by_cryptography = x509.load_der_x509_crl(der).is_signature_valid(ca.public_key())
    except ValueError:
        by_cryptography = False
    return by_openssl, by_gnutls, by_cryptography


def judge_by_nss(site, der, folder):
    folder.mkdir()
    (folder / "judged.crl").write_bytes(der)
    run("certutil", "-N", "-d", folder, "--empty-password")
    run("certutil", "-A", "-d", folder, "-n", "ca", "-t", "C,C,C", "-i", site.ca)
    return run("crlutil", "-I", "-d", folder, "-i", folder / "judged.crl", "-t", "1", check=False).returncode == 0


def test_judges(make_site, tmp_path):
    site = make_site()
    site.init()
    use_crls(site)
    revoked = site.issue_certificate("bad", revoked=("superseded", int(time.time()) - 50))
    site.issue_certificate("good")
    site.import_certificates()
    site.presign_once()
    found = set()
    for place in range(2):
        der = newest(site, f"/7/1/{place}.crl")
        assert judge(site, der, tmp_path) == (True, True, True)
        crl = load(site, f"/7/1/{place}.crl")
        found |= serials(crl)
        idp = crl.extensions.get_extension_for_oid(ExtensionOID.ISSUING_DISTRIBUTION_POINT)
        assert idp.critical and idp.value.only_contains_user_certs
        assert idp.value.full_name[0].value == f"{BASE}/1/{place}.crl"
        info = run("certtool", "--crl-info", "--inder", "--infile", tmp_path / "judged.crl").stdout
        assert "Authority Key Identifier" in info
        flipped = bytearray(der)
        flipped[random.randrange(len(der) - 60, len(der) - 8)] ^= 4
        assert judge(site, bytes(flipped), tmp_path) == (False, False, False)
    assert found == {int(revoked, 16)}
    ca = newest(site, "/7/ca.crt")
    assert x509.load_der_x509_certificate(ca) == x509.load_pem_x509_certificate(site.ca.read_bytes())


def test_beside_a_delegated_responder(make_site, tmp_path):
    """Its statements are the responder's, its CRLs the CA's; without the CA's key there are none."""
    site = make_site()
    site.init()
    site.statim("responder", site.dir)
    use_crls(site)
    site.presign_once()
    assert judge(site, newest(site, "/7/1/0.crl"), tmp_path) == (True, True, True)
    site.edit("presigner.yaml", r"^    key:\n +file: .*\n", "")
    assert "the CA's own" in site.presign_once(check=False).stderr


def test_full_crl_by_openssl_verify(make_site, tmp_path):
    """The whole path of a client: no distribution point, all certificates."""
    site = make_site()
    site.init()
    use_crls(site, partitioned="false", scope="all", shards=1)
    site.issue_certificate("bad", revoked=("keyCompromise", int(time.time()) - 50))
    site.issue_certificate("good")
    site.import_certificates()
    site.presign_once()
    (tmp_path / "full.crl").write_bytes(newest(site, "/7/full.crl"))
    run("openssl", "crl", "-inform", "DER", "-in", tmp_path / "full.crl", "-out", tmp_path / "full.pem")
    verify = lambda name: run("openssl", "verify", "-crl_check", "-CRLfile", tmp_path / "full.pem", "-CAfile",
                              site.ca, site.certificates[name], check=False)
    assert verify("good").returncode == 0
    assert "certificate revoked" in verify("bad").stderr
    # NSS takes no CRL with a distribution point, so only this one.
    der = bytearray((tmp_path / "full.crl").read_bytes())
    assert judge_by_nss(site, bytes(der), tmp_path / "nss")
    der[-20] ^= 4
    assert not judge_by_nss(site, bytes(der), tmp_path / "nss-flipped")


def test_a_revocation_is_on_its_crl_within_seconds(make_site):
    site = make_site()
    site.init()
    use_crls(site)
    names = [some_serial(), some_serial()]
    site.rows += [f"{serial},good,,,{NOT_AFTER_S},1/1" for serial in names]
    site.import_certificates()
    site.start_presigner()
    wait_for(lambda: newest(site, "/7/1/1.crl") and newest(site, "/7/1/0.crl"), "the first CRLs", 60)
    for serial in names:
        before = number(load(site, "/7/1/1.crl"))
        other = newest(site, "/7/1/0.crl")
        site.statim("revoke", site.dir, serial, "--reason", "keyCompromise")
        wait_for(lambda serial=serial: int(serial, 16) in serials(load(site, "/7/1/1.crl")), "the revocation", 20)
        assert number(load(site, "/7/1/1.crl")) > before
        # The other shard has nothing new to say. Once a day its own time comes, perhaps just now.
        if newest(site, "/7/1/0.crl") == other:
            break
    else:
        raise AssertionError("the other shard's CRL was made again, too")


@pytest.mark.long
def test_an_expired_entry_stays_for_one_crl(make_site):
    """RFC 5280 3.3: one of the schedule, which comes every interval_s; the next need not have it."""
    site = make_site()
    site.init()
    use_crls(site, interval_s=2, shards=1)
    now = int(time.time())
    serial = some_serial()
    site.rows.append(f"{serial},revoked,{now - 50},,{now + 4}")
    site.import_certificates()
    site.start_presigner()
    wait_for(lambda: newest(site, "/7/1/0.crl"), "the first CRL", 60)
    wait_for(lambda: int(serial, 16) not in serials(load(site, "/7/1/0.crl")), "the entry gone", 30)
    crls = [x509.load_der_x509_crl(blob(site, name)) for path, name in published(site)
            if path == "/7/1/0.crl"]
    having = [crl for crl in crls if int(serial, 16) in serials(crl)]
    made = having[-1].last_update.replace(tzinfo=datetime.timezone.utc).timestamp()
    assert made > now + 4 + 2
    assert all(crl.last_update.replace(tzinfo=datetime.timezone.utc).timestamp() <= now + 6 for crl in having[:-1])
    assert crls[len(having):] and crls[:len(having)] == having


def test_numbers_grow_over_kills(make_site):
    """Killed at any instant: no number twice, no revocation lost."""
    site = make_site()
    site.init()
    use_crls(site, debounce_s=0, shards=3)
    names = [some_serial() for _ in range(24)]
    for serial in names:
        site.rows.append(f"{serial},good,,,{NOT_AFTER_S},")
    site.import_certificates()
    for serial in names:
        site.start_presigner()
        site.statim("revoke", site.dir, serial, "--reason", "superseded")
        pass_time(random.random() * 0.3)
        site.stop_process(site.presigner, signal.SIGKILL)
    site.presign_once()
    numbers = all_numbers(site)
    assert numbers == sorted(set(numbers))
    found = set()
    for place in range(3):
        found |= serials(load(site, f"/7/1/{place}.crl"))
    assert found == {int(serial, 16) for serial in names}


def test_an_old_shard_set_goes_on(make_site):
    """Another count of shards: certificates of the old set are revoked on the CRLs that they name."""
    site = make_site()
    site.init()
    use_crls(site)
    old, new = some_serial(), some_serial()
    site.rows.append(f"{old},good,,,{NOT_AFTER_S},1/1")
    site.import_certificates()
    site.presign_once()
    first = number(load(site, "/7/1/1.crl"))
    site.edit("presigner.yaml", r"shards: 2", "shards: 5\n      shard_set: 2")
    site.rows.append(f"{new},good,,,{NOT_AFTER_S},")
    site.import_certificates()
    for serial in (old, new):
        site.statim("revoke", site.dir, serial, "--reason", "superseded")
    site.presign_once()
    assert serials(load(site, "/7/1/1.crl")) == {int(old, 16)}
    assert number(load(site, "/7/1/1.crl")) > first
    assert serials(load(site, f"/7/2/{int(new, 16) % 5}.crl")) == {int(new, 16)}
    assert sum(len(load(site, f"/7/{path}.crl")) for path in ("1/0", "2/0", "2/1", "2/2", "2/3", "2/4")) == 1
    idp = load(site, "/7/1/1.crl").extensions.get_extension_for_oid(ExtensionOID.ISSUING_DISTRIBUTION_POINT)
    assert idp.value.full_name[0].value == f"{BASE}/1/1.crl"


def test_withdrawn_by_word_only(make_site):
    """Without crl its CRLs stay at the edge, with a warning, until the operator names their paths."""
    site = make_site()
    site.init()
    port = site.use_presigner_admin()
    use_crls(site)
    site.start()
    # Both: a batch that takes long is published in parts.
    wait_for(lambda: get(site, "/7/1/0.crl")[0] == 200 == get(site, "/7/1/1.crl")[0], "the CRLs at the edge")
    assert site.metrics(port)["statim_presigner_crls_abandoned"] == 0
    site.edit("presigner.yaml", r"^network: ", "withdrawn_paths:\n  - /7/1/0.crl\nnetwork: ")
    site.stop_process(site.presigner)
    assert "which is configured" in site.presign_once(check=False).stderr
    site.edit("presigner.yaml", r"^withdrawn_paths:\n  - .*\n", "")
    crl = (site.dir / "presigner.yaml").read_text()
    site.edit("presigner.yaml", r"^    crl:\n(?:      .*\n)+", "")
    site.start_presigner()
    wait_for(lambda: "/7/1/0.crl the first" in site.presigner_log(), "the warning")
    wait_for(lambda: site.metrics(port).get("statim_presigner_crls_abandoned") == 2, "the gauge")
    assert "no configured issuer makes" in site.admin("/healthz", port)[1]
    site.stop_process(site.presigner)
    assert newest(site, "/7/1/0.crl") and get(site, "/7/1/0.crl")[0] == 200
    site.edit("presigner.yaml", r"^network: ", "withdrawn_paths:\n  - /7/1/\nnetwork: ")
    site.start_presigner()
    wait_for(lambda: get(site, "/7/1/0.crl")[0] == 404 == get(site, "/7/1/1.crl")[0], "the edge without them")
    assert get(site, "/7/ca.crt")[0] == 200
    assert site.metrics(port)["statim_presigner_crls_abandoned"] == 0
    # Configured again they are there again, with numbers that go on.
    site.stop_process(site.presigner)
    numbers = all_numbers(site)
    (site.dir / "presigner.yaml").write_text(crl)
    site.start_presigner()
    wait_for(lambda: get(site, "/7/1/0.crl")[0] == 200, "the CRL again")
    assert number(x509.load_der_x509_crl(get(site, "/7/1/0.crl")[2])) > max(numbers)


def test_a_key_on_a_token(make_site, tmp_path, monkeypatch):
    """The CA's key in SoftHSM: the same CRLs as by the file, which is gone."""
    site = make_site()
    site.init()
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    run("softhsm2-util", "--init-token", "--free", "--label", "statim", "--pin", "1234", "--so-pin", "5678")
    run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", site.dir / "ca-key.pem", "-out", tmp_path / "p8.pem")
    run("softhsm2-util", "--import", tmp_path / "p8.pem", "--token", "statim", "--label", "ca", "--id", "01",
        "--pin", "1234")
    (site.dir / "pin").write_text("1234\n")
    site.edit("presigner.yaml", r"^    key:\n +file: .*\n",
              f"    key:\n      module: {SOFTHSM}\n      token: statim\n      pin_file: pin\n      label: ca\n")
    use_crls(site, partitioned="false", scope="all", shards=1, delta="true", debounce_s=0)
    serial = site.issue_certificate("bad")
    (site.dir / "ca-key.pem").rename(tmp_path / "away.pem")
    site.import_certificates()
    site.start_presigner()
    wait_for(lambda: newest(site, "/7/full.crl"), "the CRL", 60)
    site.revoke("bad")
    wait_for(lambda: newest(site, "/7/full-delta.crl"), "the delta", 60)
    for path in ("/7/full.crl", "/7/full-delta.crl"):
        assert serials(load(site, path)) == {int(serial, 16)}
        assert judge(site, newest(site, path), tmp_path) == (True, True, True)
    assert judge_by_nss(site, newest(site, "/7/full.crl"), tmp_path / "nss")


def test_too_large_is_told_of(make_site):
    site = make_site()
    site.init()
    port = site.use_presigner_admin()
    use_crls(site, shards=1, size_max_bytes=1024)
    for _ in range(30):
        site.add_row(some_serial(), revoked=("superseded", int(time.time()) - 50))
    site.import_certificates()
    site.start_presigner()
    wait_for(lambda: newest(site, "/7/1/0.crl"), "the CRL, all the same", 60)
    assert len(load(site, "/7/1/0.crl")) == 30
    wait_for(lambda: site.metrics(port)["statim_presigner_crls_oversize"] == 1, "the gauge")
    wait_for(lambda: site.admin("/healthz", port) == (200, "ok\nwarning: a CRL is larger than size_max_bytes\n"),
             "the line")
    assert "more than size_max_bytes" in site.presigner_log()
    assert site.metrics(port)["statim_presigner_crl_oversize_total"] >= 1


def test_what_configuration_and_import_refuse(make_site):
    site = make_site()
    site.init()
    use_crls(site)
    site.rows.append(f"41,good,,,{NOT_AFTER_S},{BASE}/1/2.crl")
    assert "distribution point" in site.import_certificates(check=False).stderr
    site.rows.append(f"41,good,,,{NOT_AFTER_S},{BASE}/1/1.crl")
    site.import_certificates()
    site.rows.append(f"41,good,,,{NOT_AFTER_S},1")
    assert site.import_certificates().stderr == ""
    site.rows.append(f"41,revoked,{int(time.time()) - 5},,{NOT_AFTER_S},{BASE}/1/0.crl")
    told = site.import_certificates().stderr
    assert "1 lines name another CRL" in told and "41, of 1/1 and not 1/0" in told
    site.presign_once()
    assert serials(load(site, "/7/1/1.crl")) == {0x41} and not serials(load(site, "/7/1/0.crl"))
    site.edit("presigner.yaml", r"shards: 2", "shards: 3")
    assert "shard_set" in site.presign_once(check=False).stderr
    site.edit("presigner.yaml", r"shards: 3", "shards: 3\n      shard_set: 2")
    site.presign_once()
    assert {path for path, _ in published(site)} == {"/7/ca.crt", "/7/1/0.crl", "/7/1/1.crl", "/7/2/0.crl",
                                                     "/7/2/1.crl", "/7/2/2.crl"}


def test_delta_crls_by_openssl_verify(make_site, tmp_path):
    """A client with an older complete CRL and the delta knows what the newest complete one says."""
    site = make_site()
    site.init()
    use_crls(site, partitioned="false", scope="all", shards=1, delta="true", debounce_s=0)
    site.issue_certificate("old", revoked=("keyCompromise", int(time.time()) - 50))
    site.issue_certificate("bad")
    site.issue_certificate("good")
    site.import_certificates()
    site.start_presigner()
    wait_for(lambda: newest(site, "/7/full.crl"), "the base", 60)
    base = newest(site, "/7/full.crl")
    assert newest(site, "/7/full-delta.crl") is None
    site.revoke("bad")
    wait_for(lambda: newest(site, "/7/full-delta.crl"), "the delta", 60)
    delta, complete = newest(site, "/7/full-delta.crl"), newest(site, "/7/full.crl")
    assert judge(site, delta, tmp_path) == (True, True, True)
    assert judge(site, complete, tmp_path) == (True, True, True)
    crls = {name: x509.load_der_x509_crl(der) for name, der in
            (("base", base), ("delta", delta), ("complete", complete))}
    indicator = crls["delta"].extensions.get_extension_for_oid(ExtensionOID.DELTA_CRL_INDICATOR)
    assert indicator.critical and indicator.value.crl_number == number(crls["base"])
    assert number(crls["delta"]) == number(crls["complete"]) > number(crls["base"])
    assert crls["delta"].last_update == crls["complete"].last_update
    freshest = crls["complete"].extensions.get_extension_for_oid(ExtensionOID.FRESHEST_CRL)
    assert not freshest.critical and freshest.value[0].full_name[0].value == f"{BASE}/full-delta.crl"
    with pytest.raises(x509.ExtensionNotFound):
        crls["delta"].extensions.get_extension_for_oid(ExtensionOID.FRESHEST_CRL)
    assert serials(crls["delta"]) == {int(site.serial("bad"), 16)}
    assert serials(crls["base"]) | serials(crls["delta"]) == serials(crls["complete"])
    # The next delta is to the same base; a client keeps the complete CRL that has a freshestCRL.
    site.issue_certificate("later")
    site.import_certificates()
    site.revoke("later")
    wait_for(lambda: len(load(site, "/7/full-delta.crl")) == 2, "the next delta", 60)

    def verify(name, *files, flags=("-extended_crl", "-use_deltas")):
        bundle = tmp_path / "bundle.pem"
        bundle.write_text("".join(x509.load_der_x509_crl(der).public_bytes(serialization.Encoding.PEM).decode()
                                  for der in files))
        done = run("openssl", "verify", "-crl_check", *flags, "-CRLfile", bundle, "-CAfile", site.ca,
                   site.certificates[name], check=False)
        return "revoked" if "certificate revoked" in done.stderr else "good" if done.returncode == 0 else done.stderr

    # Without -extended_crl OpenSSL takes a delta for a complete CRL.
    newer = newest(site, "/7/full-delta.crl")
    assert verify("later", complete) == "good"
    assert verify("later", complete, newer) == "revoked"
    assert verify("later", complete, newer, flags=("-extended_crl",)) == "good"
    assert [verify(name, complete, newer) for name in ("old", "bad", "good")] == ["revoked", "revoked", "good"]
    flipped = bytearray(newer)
    flipped[-20] ^= 4
    assert verify("later", complete, bytes(flipped)) != "revoked"


@pytest.mark.parametrize("key, value, said", [("validity_s", 864001, "10 days"), ("url_base", "https://x/y", "http"),
                                              ("interval_s", 604800, "interval_s"), ("scope", "some", "scope")])
def test_bad_keys(make_site, key, value, said):
    site = make_site()
    site.init()
    use_crls(site, **{key: value})
    done = site.presign_once(check=False)
    assert done.returncode != 0 and said in done.stderr


def get(site, path):
    """Status and body of what the edge serves at the path."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()
    finally:
        connection.close()


def test_from_the_presigner_to_a_client(make_site, tmp_path):
    """An edge that replicates by HTTP serves the published octets, and a revocation reaches them."""
    site = make_site()
    site.init()
    use_crls(site, shards=1)
    serial = site.issue_certificate("good")
    site.import_certificates()
    site.start()
    path = "/7/1/0.crl"
    wait_for(lambda: get(site, path)[0] == 200, "the CRL at the edge")
    status, media, der = get(site, path)
    assert (status, media) == (200, "application/pkix-crl")
    assert judge(site, der, tmp_path) == (True, True, True)
    assert serials(x509.load_der_x509_crl(der)) == set()
    assert get(site, "/7/ca.crt")[1] == "application/pkix-cert"
    assert get(site, "/7/1/1.crl")[0] == 404
    site.revoke("good")
    wait_for(lambda: serials(x509.load_der_x509_crl(get(site, path)[2])) == {int(serial, 16)},
             "the revocation in the CRL at the edge")
    after = get(site, path)[2]
    assert judge(site, after, tmp_path) == (True, True, True)
    assert number(x509.load_der_x509_crl(after)) > number(x509.load_der_x509_crl(der))
    # The same edge from empty: it takes the CRL from the index and the log.
    site.stop_process(site.edge)
    shutil.rmtree(site.dir / "edge")
    site.start_edge()
    # That of `after`, if its hour did not come meanwhile.
    wait_for(lambda: get(site, path) == (200, "application/pkix-crl", newest(site, path)), "the same CRL again")
