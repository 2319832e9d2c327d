# SPDX-License-Identifier: Apache-2.0
"""statim crl-check: each rule broken by itself is found, and nothing else is."""

import base64
import contextlib
import http.server
import json
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import crl_maker as mk
from crl_maker import DAY_S, HOUR_S
from site_under_test import STATIM, free_port, run

URL = "http://crl.example/1/0.crl"
OTHER = "http://crl.example/1/1.crl"
NOW_S = time.time()
LONG_SERIAL = int("7f" + "01" * 24, 16)


@pytest.fixture(scope="module", name="ca")
def make_ca():
    return mk.Ca()


def check(*arguments):
    """Exit status, and for each CRL {finding: severity}."""
    done = run(STATIM, "crl-check", "--json", *arguments, check=False)
    assert done.returncode in (0, 1), done.stderr
    said = json.loads(done.stdout)
    found = [{row["name"]: row["severity"] for row in crl["findings"]} for crl in said["crls"]]
    errors = sum(severity == "error" for crl in found for severity in crl.values())
    assert said["errors"] == errors and done.returncode == (errors > 0)
    text = run(STATIM, "crl-check", *arguments, check=False)
    assert text.returncode == done.returncode and all(name in text.stdout for crl in found for name in crl)
    return said["drops"], found


def check_file(folder, ca, der, *arguments):
    """What is found in one file, by name."""
    (folder / "ca.pem").write_bytes(ca.pem())
    (folder / "it.crl").write_bytes(der)
    drops, found = check(folder / "it.crl", "--issuer", folder / "ca.pem", *arguments)
    return set(found[0]), drops


def exts(ca, *more, aki=None, no=None):
    return (mk.key_id(ca.key_id) if aki is None else aki, mk.number(7) if no is None else no, *more)


IDP = mk.distribution_point(URL)
# what, the finding, whether Mozilla's aggregator drops the issuer, the CRL's fields
DEFECTS = [
    ("nothing", None, False, lambda ca: {}),
    ("entries", None, False, lambda ca: {"entries": [mk.entry(5), mk.entry(9, mk.reason(1)), mk.entry(7)]}),
    ("flipped", "signature", True, lambda ca: {"flip": True}),
    ("issuer", "issuer", True, lambda ca: {"issuer": ca.name[:-1] + b"x"}),
    ("key id", "key_id", False, lambda ca: {"extensions": exts(ca, aki=mk.key_id(b"x" * 20))}),
    ("no key id", "no_key_id", False, lambda ca: {"extensions": (mk.number(7),)}),
    ("key id and serial", "key_id_form", False,
     lambda ca: {"extensions": exts(ca, aki=mk.key_id(ca.key_id, mk.tlv(0x82, b"\1")))}),
    ("expired", "expired", False, lambda ca: {"this": mk.utc(NOW_S - 9 * DAY_S), "until": mk.utc(NOW_S - HOUR_S)}),
    ("future", "future", False, lambda ca: {"this": mk.utc(NOW_S + DAY_S)}),
    ("future entry", "future", False, lambda ca: {"entries": [mk.entry(5, when=mk.utc(NOW_S + DAY_S))]}),
    ("no next", "no_next_update", False, lambda ca: {"until": b""}),
    ("eleven days", "validity", False, lambda ca: {"until": mk.utc(NOW_S + 11 * DAY_S)}),
    ("indirect", "indirect", False,
     lambda ca: {"extensions": exts(ca, mk.distribution_point(URL, more=b"\x84\x01\xff"))}),
    ("not critical", "idp_not_critical", False,
     lambda ca: {"extensions": exts(ca, mk.distribution_point(URL, critical=False))}),
    ("two URLs", "urls", False, lambda ca: {"extensions": exts(ca, mk.distribution_point(URL, OTHER))}),
    ("delta", "delta", False, lambda ca: {"extensions": exts(ca, mk.extension(27, mk.integer(3), True))}),
    ("no number", "no_number", False, lambda ca: {"extensions": (mk.key_id(ca.key_id),)}),
    ("long number", "no_number", False, lambda ca: {"extensions": exts(ca, no=mk.number(1 << 160))}),
    ("number critical", "critical", False, lambda ca: {"extensions": exts(ca, no=mk.number(7, True))}),
    ("twice", "repeated", False, lambda ca: {"extensions": exts(ca, mk.number(7))}),
    ("generalized", "time_form", False, lambda ca: {"this": mk.generalized(NOW_S - HOUR_S)}),
    ("generalized entry", "time_form", False,
     lambda ca: {"entries": [mk.entry(5, when=mk.generalized(NOW_S - DAY_S))]}),
    ("empty list", "empty_list", False, lambda ca: {"entries": mk.tlv(mk.SEQUENCE)}),
    ("unspecified", "reason_zero", False, lambda ca: {"entries": [mk.entry(5, mk.reason(0))]}),
    ("hold", "reason_bad", False, lambda ca: {"entries": [mk.entry(5, mk.reason(6))]}),
    ("reason 7", "form reason_bad", True, lambda ca: {"entries": [mk.entry(5, mk.reason(7))]}),
    ("entry extension", "entry_extension", False,
     lambda ca: {"entries": [mk.entry(5, mk.extension(18, b"\5\0"))]}),
    ("critical entry extension", "form entry_extension", True,
     lambda ca: {"entries": [mk.entry(5, mk.extension(29, mk.tlv(mk.SEQUENCE), True))]}),
    ("long serial", "serial_size", False, lambda ca: {"entries": [mk.entry(LONG_SERIAL)]}),
    ("serial twice", "serial_twice", False, lambda ca: {"entries": [mk.entry(5), mk.entry(9), mk.entry(5)]}),
    ("negative serial", "form", True,
     lambda ca: {"entries": [mk.tlv(mk.SEQUENCE, mk.tlv(mk.INTEGER, b"\x85"), mk.utc(NOW_S - DAY_S))]}),
    ("version 1", "form", True, lambda ca: {"version": b"", "extensions": ()}),
    ("algorithms", "algorithms", False, lambda ca: {"inner": mk.ECDSA_SHA384}),
]


@pytest.mark.parametrize("finding, drops, fields", [row[1:] for row in DEFECTS], ids=[row[0] for row in DEFECTS])
def test_each_defect_alone(ca, tmp_path, finding, drops, fields):
    found, said = check_file(tmp_path, ca, ca.crl(**fields(ca)))
    assert (found, said) == (set(finding.split()) if finding else set(), drops)


def test_old(ca, tmp_path):
    der = ca.crl(this=mk.utc(NOW_S - 15 * DAY_S), until=mk.utc(NOW_S - 8 * DAY_S))
    assert check_file(tmp_path, ca, der) == ({"expired", "not_fresh"}, True)


def test_octets_that_are_no_crl(ca, tmp_path):
    der = ca.crl()
    for octets in (b"", b"0", der[:-1], der + b"\0", bytes(500), b"-----BEGIN X509 CRL-----\nMA==\n", ca.der()):
        assert check_file(tmp_path, ca, octets) == ({"form"}, True)


@pytest.mark.parametrize("algorithm", list(mk.SIGN), ids=["rsa", "sha1", "pss", "p256", "p384", "ed25519"])
def test_signatures_of_every_kind(tmp_path, algorithm):
    ca = mk.Ca(algorithm)
    weak = {"signature_hash"} if algorithm == mk.RSA_SHA1 else set()
    assert check_file(tmp_path, ca, ca.crl())[0] == weak
    assert check_file(tmp_path, ca, ca.crl(flip=True))[0] == weak | {"signature"}
    assert check_file(tmp_path, mk.Ca(algorithm), ca.crl())[0] == weak | {"signature", "key_id"}


def test_of_cas(ca, tmp_path):
    der = ca.crl(until=mk.utc(NOW_S + 300 * DAY_S), entries=[mk.entry(5, mk.reason(4)), mk.entry(9)])
    assert check_file(tmp_path, ca, der)[0] == {"validity"}
    assert check_file(tmp_path, ca, der, "--ca")[0] == {"no_reason"}
    der = ca.crl(until=mk.utc(NOW_S + 400 * DAY_S))
    assert check_file(tmp_path, ca, der, "--ca")[0] == {"validity"}


def test_beside_the_one_before(ca, tmp_path):
    entries = [mk.entry(serial) for serial in (5, 9, 11)]
    before = tmp_path / "before.crl"

    def found(**fields):
        return check_file(tmp_path, ca, ca.crl(**({"url": URL, "entries": entries} | fields)), "--previous", before)

    before.write_bytes(ca.crl(url=URL, entries=entries))
    exts_8 = exts(ca, IDP, no=mk.number(8))
    assert found(extensions=exts_8) == (set(), False)
    assert found(extensions=exts_8, entries=list(reversed(entries))) == (set(), False)
    assert found(extensions=exts_8, entries=entries[:1]) == ({"entry_gone"}, False)
    assert found(extensions=exts(ca, IDP, no=mk.number(6))) == ({"number_back"}, False)
    assert found() == ({"number_reused"}, False)
    assert found(extensions=exts_8, this=mk.utc(NOW_S - 3 * HOUR_S)) == ({"older"}, True)
    assert found(extensions=exts(ca, mk.distribution_point(OTHER), no=mk.number(8))) == ({"scope_moved"}, False)
    der = ca.crl(url=URL, entries=entries)
    before.write_bytes(der)
    assert check_file(tmp_path, ca, der, "--previous", before) == (set(), False), "the very same"


def test_shards_in_files(ca, tmp_path):
    shards = tmp_path / "shards.json"
    shards.write_text(json.dumps([URL, OTHER]))
    found = lambda **fields: check_file(tmp_path, ca, ca.crl(**fields), "--shards", shards)
    assert found(url=URL) == (set(), False)
    assert found() == ({"no_distribution_point"}, True)
    assert found(url="http://crl.example/2/0.crl") == ({"not_disclosed"}, False)
    both = exts(ca, mk.distribution_point(URL, OTHER))
    assert found(extensions=both) == ({"urls", "distribution_point"}, True)
    shards.write_text('[""]')
    assert found() == ({"no_distribution_point"}, True)


def test_a_large_one(ca, tmp_path):
    entry = lambda i: mk.tlv(mk.SEQUENCE, mk.integer(i + (1 << 134)), b"\x17\x0d251124110000Z")
    der = ca.crl(entries=mk.tlv(mk.SEQUENCE, *map(entry, range(330000))))
    assert check_file(tmp_path, ca, der) == ({"size"}, False)


@contextlib.contextmanager
def origin(replies):
    """Serves {path: (status, type, octets)} on loopback; gives the base URL and the paths that were asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # pylint: disable=invalid-name
            asked.append(self.path)
            status, media_type, octets = replies.get(self.path, (404, "text/plain", b"no"))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", octets.decode())
                octets = b""
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_fetched(ca, tmp_path):
    replies = {}
    crl_type = "application/pkix-crl"
    (tmp_path / "ca.der").write_bytes(ca.der())
    shards = tmp_path / "shards.json"
    with origin(replies) as (base, asked):
        zero, one = f"{base}/1/0.crl", f"{base}/1/1.crl"
        shards.write_text(json.dumps([zero, one]))
        pem = (b"-----BEGIN X509 CRL-----\n" + base64.encodebytes(ca.crl(url=zero)) +
               b"-----END X509 CRL-----\n")
        both = exts(ca, mk.distribution_point(zero, one))
        for reply, finding, drops in [
                ((200, crl_type, ca.crl(url=zero)), set(), False),
                ((200, "text/plain", ca.crl(url=zero)), {"content_type"}, False),
                ((200, crl_type, pem), {"pem"}, True),
                ((200, crl_type, ca.crl(url=one)), {"distribution_point"}, True),
                ((200, crl_type, ca.crl(url=zero.upper())), {"distribution_point"}, True),
                ((200, crl_type, ca.crl()), {"no_distribution_point"}, True),
                ((200, crl_type, ca.crl(extensions=both)), {"urls", "distribution_point"}, True),
                ((200, crl_type, b"<html>"), {"form"}, True)]:
            replies["/1/0.crl"] = reply
            said, found = check(zero, "--issuer", tmp_path / "ca.der", "--shards", shards)
            assert (set(found[0]), said) == (finding, drops), reply[:2]
        replies["/full.crl"] = (200, crl_type, ca.crl())
        said, found = check(f"{base}/full.crl", "--issuer", tmp_path / "ca.der", "--shards", shards)
        assert (found, said) == ([{}], False), "a full CRL is no shard"
        replies["/2/0.crl"] = (200, crl_type, ca.crl(url=f"{base}/2/0.crl"))
        found = check(f"{base}/2/0.crl", "--issuer", tmp_path / "ca.der", "--shards", shards)[1]
        assert set(found[0]) == {"not_disclosed"}
        replies["/there"] = (302, "text/plain", b"/full.crl")
        assert check(f"{base}/there", "--issuer", tmp_path / "ca.der")[1] == [{}]
        # All that is disclosed, one of them missing: asked for three times.
        replies["/1/0.crl"] = (200, crl_type, ca.crl(url=zero))
        del asked[:]
        done = run(STATIM, "crl-check", "--json", "--shards", shards, check=False)
        said = json.loads(done.stdout)
        assert [{row["name"] for row in crl["findings"]} for crl in said["crls"]] == [{"not_verified"}, {"download"}]
        assert (done.returncode, said["drops"], asked) == (1, True, ["/1/0.crl"] + 3 * ["/1/1.crl"])


def test_what_is_no_judgement(ca, tmp_path):
    (tmp_path / "ca.pem").write_bytes(ca.pem())
    (tmp_path / "it.crl").write_bytes(ca.crl())
    (tmp_path / "bad.json").write_text('{"a": 1}')
    for arguments in (["--issuer", tmp_path / "it.crl"], ["--issuer", tmp_path / "none"],
                      ["--shards", tmp_path / "bad.json"], ["--previous", tmp_path / "ca.pem"]):
        done = run(STATIM, "crl-check", tmp_path / "it.crl", *arguments, check=False)
        assert done.returncode == 2 and "statim crl-check:" in done.stderr, arguments
    done = run(STATIM, "crl-check", tmp_path / "none.crl", check=False)
    assert done.returncode == 2 and "no verdict" in done.stdout
    done = run(STATIM, "crl-check", tmp_path / "none.crl", "--json", check=False)
    assert done.returncode == 2 and json.loads(done.stdout)["drops"] is None
    assert run(STATIM, "crl-check", check=False).returncode == 2


def test_openssl_ca(tmp_path):
    """What another program makes: `openssl ca -gencrl` with its usual configuration has no number and no key id."""
    (tmp_path / "index.txt").write_text("R\t301124110000Z\t251124110000Z,superseded\t41\tunknown\t/CN=x\n")
    (tmp_path / "crlnumber").write_text("1F\n")
    (tmp_path / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={tmp_path}/index.txt\ndefault_md=sha256\ncrlnumber={tmp_path}/crlnumber\n"
        "[x]\nauthorityKeyIdentifier=keyid:always\n[req]\ndistinguished_name=n\n[n]\n")
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "k.pem", "-out",
        tmp_path / "c.pem", "-subj", "/CN=theirs", "-config", tmp_path / "ca.cnf", "-addext",
        "subjectKeyIdentifier=hash")
    make = lambda *how: run("openssl", "ca", "-gencrl", "-config", tmp_path / "ca.cnf", "-keyfile", tmp_path / "k.pem",
                            "-cert", tmp_path / "c.pem", "-out", tmp_path / "it.pem", *how)
    judge = lambda: check(tmp_path / "it.pem", "--issuer", tmp_path / "c.pem")[1][0]
    make("-crldays", "7", "-crlexts", "x")
    assert judge() == {}
    make("-crldays", "30")
    assert set(judge()) == {"validity", "no_key_id"}


def test_ours(make_site):
    """What the presigner publishes breaks no rule, and is where statim ccadb says it is."""
    site = make_site()
    site.init()
    base = site.url + "/7"
    with open(site.dir / "presigner.yaml", "a", encoding="utf-8") as file:
        file.write(f"    crl:\n      url_base: {base}\n      scope: user\n      shards: 3\n")
    site.issue_certificate("bad", revoked=("superseded", int(time.time()) - 50))
    site.import_certificates()
    site.presign_once()
    site.start_edge()
    shards = site.dir / "shards.json"
    shards.write_text(site.statim("ccadb", site.dir, "--array").stdout)
    said, found = check("--shards", shards, "--issuer", site.ca)
    assert (said, found) == (False, 3 * [{}])


def test_a_pass_phrase_is_not_asked_for(tmp_path):
    """Encrypted PEM: whoever serves a CRL must not get the checker to read a secret from the terminal."""
    (tmp_path / "it.crl").write_text("-----BEGIN X509 CRL-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC," +
                                     "00" * 16 + "\n\n" + "A" * 43 + "=\n-----END X509 CRL-----\n")
    done = run(STATIM, "crl-check", tmp_path / "it.crl", check=False, input="secret\n", start_new_session=True)
    assert done.returncode == 1 and " form " in done.stdout and done.stderr == ""


def test_pem_in_a_file_is_no_defect(ca, tmp_path):
    der = ca.crl()
    crl = x509.load_der_x509_crl(der)
    assert check_file(tmp_path, ca, crl.public_bytes(serialization.Encoding.PEM)) == (set(), False)
