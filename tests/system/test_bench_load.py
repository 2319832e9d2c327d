# SPDX-License-Identifier: Apache-2.0
"""The load generator against a real edge, and against servers that answer wrongly: what it counts is
what the edge counted, and what is wrong is called by its name."""

import http.server
import json
import signal
import subprocess
import threading
import urllib.request

import pytest

from site_under_test import BUILD, IS_SANITIZED, Site, run, wait_for

BENCH = str(BUILD / "bench" / "statim-bench")
GOOD, REVOKED = 300, 100


def write_serials(path, rows):
    path.write_text("".join(row.split(",")[0] + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """400 certificates, one in four revoked, behind a running edge."""
    site = Site(tmp_path_factory.mktemp("bench") / "site")
    site.init()
    for number in range(GOOD + REVOKED):
        serial = f"{0x51000000000000000000000000000000 + number * 0x10001f3:032x}"
        site.add_row(serial, ("superseded", 1700000000) if number % 4 == 3 else None)
    write_serials(site.dir / "serials.txt", site.rows)
    site.import_certificates()
    site.start()
    yield site
    site.stop()


def command(site, tmp_path, *options, url=None, serials=None, issuer=None, duration=0.5):
    return [BENCH, url or site.url, "--issuer", issuer or site.ca, "--serials",
            serials or site.dir / "serials.txt", "--duration", duration, "--warmup", 0, "--timeout", 20,
            "--quiet", "--json", tmp_path / "result.json", *options]


def result_of(tmp_path):
    """The stretch of a steady run; its ends must add up."""
    stretch = json.loads((tmp_path / "result.json").read_text())["stretches"][0]
    ends = {name.upper(): count for name, count in stretch["ends"].items() if count}
    assert sum(ends.values()) == stretch["due"] > 0
    return stretch, ends


def bench(site, tmp_path, *options, **where):
    run(*command(site, tmp_path, *options, **where), check=False, timeout=120)
    return result_of(tmp_path)


def answered(site):
    """What the edge counted: statements good and revoked, and everything."""
    metrics = site.metrics()
    return {name: metrics[f'statim_edge_outcomes_total{{outcome="{name.lower()}",status="200"}}']
            for name in ("GOOD", "REVOKED", "UNKNOWN_SERIAL", "UNKNOWN_ISSUER")}


@pytest.mark.parametrize("method", ["get", "post", "mix"])
@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
@pytest.mark.parametrize("connections", [[], ["--close"], ["--close-share", 0.5]])
def test_counts_what_the_edge_counts(site, tmp_path, method, hash_name, connections):
    before = answered(site)
    stretch, ends = bench(site, tmp_path, "--method", method, "--hash", hash_name, "--threads", 2,
                          "--connections", 7, "--verify", "signature", "--signature-sample", 3, *connections)
    after = answered(site)
    assert set(ends) <= {"GOOD", "REVOKED"}
    for name in ("GOOD", "REVOKED"):
        assert ends.get(name, 0) == after[name] - before[name]
    # One in four, by chance: no run in a million is five deviations away. From 75 requests on that is some.
    assert abs(ends.get("REVOKED", 0) - stretch["due"] / 4) < 5 * (stretch["due"] * 3 / 16) ** 0.5
    assert abs(stretch["signatures_verified"] - stretch["due"] / 3) <= 2


def test_open_loop(site, tmp_path):
    stretch, ends = bench(site, tmp_path, "--rate", 400, "--zipf", 1, duration=1)
    assert set(ends) <= {"GOOD", "REVOKED", "UNSENT"} and 398 <= stretch["due"] <= 402


def test_not_issued(site, tmp_path):
    serials = tmp_path / "serials.txt"
    serials.write_text("52" * 16 + "\n")
    before = answered(site)
    _, ends = bench(site, tmp_path, serials=serials)
    assert set(ends) == {"OCSP_ERROR"}
    assert ends["OCSP_ERROR"] == answered(site)["UNKNOWN_SERIAL"] - before["UNKNOWN_SERIAL"]


def test_another_issuer(site, tmp_path):
    other = tmp_path / "other.pem"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
        tmp_path / "other.key", "-subj", "/CN=Other", "-out", other)
    before = answered(site)
    _, ends = bench(site, tmp_path, issuer=other)
    assert set(ends) == {"OCSP_ERROR"}
    assert ends["OCSP_ERROR"] == answered(site)["UNKNOWN_ISSUER"] - before["UNKNOWN_ISSUER"]


def test_plain_path(site, tmp_path):
    """One path that is answered 404, one that is answered 200 (malformed, but who asks)."""
    run(BENCH, site.url, "--path", "/%00", "--path", "/MAA=", "--duration", 0.3, "--warmup", 0, "--quiet", "--json",
        tmp_path / "result.json", check=False)
    _, ends = result_of(tmp_path)
    assert set(ends) == {"HTTP_STATUS", "PLAIN"}


# Servers that are wrong

def real_answer(site, serial):
    """An answer of the edge for one serial, through OpenSSL's client."""
    request = site.dir / "request.der"
    run("openssl", "ocsp", "-issuer", site.ca, "-serial", f"0x{serial}", "-no_nonce", "-reqout", request)
    question = urllib.request.Request(site.url + "/", data=request.read_bytes(),
                                      headers={"Content-Type": "application/ocsp-request"})
    with urllib.request.urlopen(question, timeout=10) as reply:
        return reply.read()


@pytest.fixture
def impostor():
    """An HTTP server that answers every request with `body`, `status` and `fields`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(self.server.status)
            for name, value in (self.server.fields or {"Content-Length": len(self.server.body)}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(self.server.body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.status, server.fields, server.body = 200, None, b""
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def first_serial(site):
    return (site.dir / "serials.txt").read_text().split()[0]


def ends_of(site, tmp_path, impostor, *options):
    """What the generator says of the impostor when only the first serial is asked for."""
    serials = tmp_path / "serials.txt"
    serials.write_text(first_serial(site) + "\n")
    _, ends = bench(site, tmp_path, "--connections", 2, *options, url=impostor.url, serials=serials, duration=0.3)
    return ends


def test_the_impostor_is_believed_when_right(site, tmp_path, impostor):
    impostor.body = real_answer(site, first_serial(site))
    every = ["--verify", "signature", "--signature-sample", 1]
    assert set(ends_of(site, tmp_path, impostor, *every)) == {"GOOD"}


def test_another_certificates_answer(site, tmp_path, impostor):
    impostor.body = real_answer(site, (site.dir / "serials.txt").read_text().split()[1])
    assert set(ends_of(site, tmp_path, impostor)) == {"WRONG_SERIAL"}


def test_one_flipped_bit_of_the_signature(site, tmp_path, impostor):
    body = bytearray(real_answer(site, first_serial(site)))
    body[-5] ^= 0x10
    impostor.body = bytes(body)
    every = ["--verify", "signature", "--signature-sample", 1]
    assert set(ends_of(site, tmp_path, impostor, *every)) == {"SIGNATURE"}
    # The structure does not tell: that is what the sample is for.
    assert set(ends_of(site, tmp_path, impostor)) == {"GOOD"}


def test_a_status_turned_from_revoked_to_good(site, tmp_path, impostor):
    """The dangerous forgery, with everything consistent but the signature."""
    body = real_answer(site, first_serial(site))
    assert b"\x80\x00\x18\x0f20" in body
    impostor.body = body.replace(b"\x80\x00\x18\x0f20", b"\x82\x00\x18\x0f20")
    every = ["--verify", "signature", "--signature-sample", 1]
    assert set(ends_of(site, tmp_path, impostor)) == {"UNKNOWN"}
    assert set(ends_of(site, tmp_path, impostor, *every)) == {"SIGNATURE"}


@pytest.mark.parametrize("change, end", [
    (lambda body: body.replace(b"\x18\x0f202", b"\x18\x0f200"), "NOT_FRESH"),
    (lambda body: body.replace(b"\x18\x0f20", b"\x18\x0f30"), "NOT_FRESH"),
    (lambda body: body[:-1], "DER"),
    (lambda body: body + b"\0", "DER"),
    (lambda body: b"", "DER"),
    (lambda body: b"<html>sorry</html>", "DER"),
    (lambda body: b"\x30\x03\x0a\x01\x03", "OCSP_ERROR"),
], ids=["past", "future", "cut", "longer", "empty", "page", "try-later"])
def test_answers_that_are_wrong(site, tmp_path, impostor, change, end):
    impostor.body = change(real_answer(site, first_serial(site)))
    assert set(ends_of(site, tmp_path, impostor)) == {end}


@pytest.mark.parametrize("status, fields, end", [
    (500, None, "HTTP_STATUS"),
    (200, {"Transfer-Encoding": "chunked"}, "HTTP_FRAMING"),
    (200, {"Content-Length": "1"}, "HTTP_FRAMING"),
], ids=["status", "chunked", "short-length"])
def test_http_that_is_wrong(site, tmp_path, impostor, status, fields, end):
    impostor.body = real_answer(site, first_serial(site))
    impostor.status, impostor.fields = status, fields
    ends = ends_of(site, tmp_path, impostor)
    # With a length that is too short the end of an answer may come before what follows it.
    assert end in ends and set(ends) <= {end, "DER"}


@pytest.mark.parametrize("rate", [[], ["--rate", 500]], ids=["closed", "open"])
def test_the_edge_is_killed(make_site, tmp_path, rate):
    site = make_site()
    site.init()
    for number in range(20):
        site.add_row(f"{0x51000000000000000000000000000000 + number:032x}")
    write_serials(site.dir / "serials.txt", site.rows)
    site.import_certificates()
    site.start()
    children = [child for role in ("serve", "sync", "admin") for child in site.children(role)]
    line = command(site, tmp_path, "--connections", 8, *rate, duration=6)
    running = subprocess.Popen([str(word) for word in line], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_for(lambda: answered(site)["GOOD"] > 200, "some answers", process=running)
    site.edge.send_signal(signal.SIGKILL)
    for child in children:
        run("kill", "-KILL", child, check=False)
    _, complaints = running.communicate(timeout=30 if not IS_SANITIZED else 90)
    assert running.returncode not in (0, 2) and running.returncode > 0, complaints
    _, ends = result_of(tmp_path)
    assert ends["GOOD"] > 100 and ends["CONNECT"] > 0
    assert set(ends) <= {"GOOD", "CONNECT", "CLOSED", "TIMEOUT", "UNSENT"}
