# SPDX-License-Identifier: Apache-2.0
"""Starting, stopping, reloading, and what the programs tell of themselves."""

import base64
import http.client
import re
import signal
import socket
import time

import pytest

import ocsp_oracle
from hammer import Hammer
from site_under_test import EDGE, NOT_AFTER_S, PRESIGNER, STATIM, free_port, run, wait_for


@pytest.fixture
def site(make_site):
    """A site with one certificate, presigned, nothing running."""
    site = make_site()
    site.init()
    site.issue_certificate("good")
    site.import_certificates()
    site.presign_once()
    return site


def request_of(site):
    certificate = ocsp_oracle.load(site.certificates["good"])
    return ocsp_oracle.request_der(certificate, ocsp_oracle.load(site.ca))


def get_of(site):
    text = base64.b64encode(request_of(site)).decode().replace("/", "%2F")
    return f"GET /{text} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def answered(port, site, host="127.0.0.1"):
    """Whether the good certificate is answered there."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("POST", "/", request_of(site), {"Content-Type": "application/ocsp-request"})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    certificate, issuer = ocsp_oracle.load(site.certificates["good"]), ocsp_oracle.load(site.ca)
    return response.status == 200 and ocsp_oracle.judge(body, issuer, certificate.serial_number) == ("GOOD", None)


def refused(port, host="127.0.0.1"):
    """Whether nobody listens there. A reset is the end of one who listened when the connection was made."""
    try:
        socket.create_connection((host, port), timeout=20).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        return False
    return False


def has_ipv6():
    """Whether this host has [::1]."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this host has no [::1]")


def receive_answer(connection):
    """One whole answer, and what has come behind it."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        assert part, received
        received += part
    head, rest = received.split(b"\r\n\r\n", 1)
    size = int(re.search(rb"^Content-Length: (\d+)\r?$", head, re.M)[1])
    while len(rest) < size:
        part = connection.recv(65536)
        assert part, received
        rest += part
    return head + b"\r\n\r\n" + rest[:size], rest[size:]


def receive_all(connection):
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


# Stopping


def half_of_a_get(site):
    return get_of(site)[:40], get_of(site)[40:]


def half_of_a_post(site):
    der = request_of(site)
    head = (f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\n"
            f"Content-Length: {len(der)}\r\n\r\n").encode()
    return head + der[:10], der[10:]


@pytest.mark.parametrize("halves", [half_of_a_get, half_of_a_post])
def test_sigterm_finishes_the_request_in_flight(site, halves):
    """A client in the middle of its request gets its answer; newcomers are refused; exit 0."""
    site.start_edge()
    first, second = halves(site)
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        # An answer first: from then on the connection is surely in service.
        connection.sendall(get_of(site) + first)
        assert receive_answer(connection)[1] == b""
        site.edge.send_signal(signal.SIGTERM)
        wait_for(lambda: refused(site.port), "newcomers refused", 10, site.edge)
        connection.sendall(second)
        reply = receive_all(connection)
    assert reply.startswith(b"HTTP/1.1 200 OK\r\n"), reply[:200]
    assert b"\r\nConnection: close\r\n" in reply
    assert site.edge.wait(30) == 0


def test_sigterm_sends_what_a_slow_reader_has_not_taken(site):
    """Answers that wait for a client's window are sent before the end."""
    site.start_edge()
    count = 60
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", site.port))
        connection.sendall(get_of(site) * count)
        wait_for(lambda: site.metrics()["statim_edge_requests_total"] >= 20, "requests taken")
        taken = site.metrics()["statim_edge_requests_total"]
        site.edge.send_signal(signal.SIGTERM)
        wait_for(lambda: refused(site.port), "newcomers refused", 10, site.edge)
        reply = b""
        while part := connection.recv(1000):
            reply += part
    answers = reply.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert len(answers) >= taken
    assert len(answers) == count or b"\r\nConnection: close\r\n" in answers[-1]
    for answer in answers:
        head, body = answer.split(b"\r\n\r\n", 1)
        assert f"Content-Length: {len(body)}" in head.decode().split("\r\n")
    assert site.edge.wait(30) == 0


def test_sigterm_with_idle_connections(site):
    """They are closed without an answer, soon; exit 0."""
    site.start_edge()
    idle = [socket.create_connection(("127.0.0.1", site.port), timeout=20) for _ in range(50)]
    wait_for(lambda: site.metrics()["statim_edge_connections_open"] >= 50, "connections taken")
    begin = time.monotonic()
    assert site.stop_process(site.edge) == 0
    assert time.monotonic() - begin < 10
    assert all(connection.recv(100) == b"" for connection in idle)
    for connection in idle:
        connection.close()


def test_the_presigner_stops_and_goes_on(site):
    site.start()
    assert site.stop_process(site.presigner) == 0
    number = site.metrics()["statim_edge_sync_log_number"]
    run(STATIM, "revoke", site.dir, site.serial("good"), "--reason", "superseded")
    site.start_presigner()
    wait_for(lambda: ocsp_oracle.ask(site.port, site.certificates["good"], site.ca) == ("REVOKED", "superseded"),
             "the revocation", 20)
    # An entry is served from its commit on; sync tells of it a moment later.
    wait_for(lambda: site.metrics()["statim_edge_sync_log_number"] > number, "the log number", 20)
    assert site.stop_process(site.presigner) == 0
    assert site.stop_process(site.edge) == 0


# Reloading


def test_no_request_fails_during_reloads(site):
    """Ten reloads while clients ask without a pause, over kept and over new connections."""
    site.start_edge()
    with Hammer(site.port, request_of(site)) as hammer:
        for number in range(10):
            serving = site.child("serve")
            counts = dict(hammer.counts)
            site.reload_edge()
            wait_for(lambda: serving not in site.children("serve"), f"hand-over {number}", 40, site.edge)
            wait_for(lambda: all(hammer.counts[kind] > counts[kind] for kind in counts), "progress", 20)
        wait_for(lambda: min(hammer.counts.values()) > 100, "a hundred requests of each kind", 60)
    assert hammer.failures == []
    assert len(hammer.bodies) == 1
    assert site.stop_process(site.edge) == 0


def test_a_reload_changes_timeouts(site):
    site.append_edge("header_timeout_s: 600\n")
    site.start_edge()
    site.edit("edge.yaml", r"^header_timeout_s: .*$", "header_timeout_s: 1")
    site.reload_edge()
    site.wait_handed_over()
    with socket.create_connection(("127.0.0.1", site.port), timeout=15) as connection:
        connection.sendall(b"GET / HT")
        assert receive_all(connection).startswith(b"HTTP/1.1 408 ")


def test_a_reload_changes_workers(site):
    """More and fewer serving threads, while clients ask."""
    threads = lambda: len(list(open_tasks(site.child("serve"))))
    site.append_edge("workers: 1\n")
    site.start_edge()
    with_one = threads()
    with Hammer(site.port, request_of(site)) as hammer:
        for workers in (3, 2, 1, 4):
            site.edit("edge.yaml", r"^workers: .*$", f"workers: {workers}")
            site.reload_edge()
            site.wait_handed_over()
            wait_for(lambda: threads() == with_one + workers - 1, f"{workers} workers", 10)
        wait_for(lambda: min(hammer.counts.values()) > 20, "twenty requests of each kind", 60)
    assert hammer.failures == []


def open_tasks(pid):
    """The threads of a process."""
    with_kernel = run("ps", "-T", "-o", "spid=,comm=", "-p", pid, check=False).stdout.splitlines()
    return [line for line in with_kernel if "iou-" not in line]


@needs_ipv6
def test_a_reload_changes_listen_addresses(site):
    second, third = free_port(), free_port()
    site.start_edge()
    site.edit("edge.yaml", r"^listen:\n", f"listen:\n  - '127.0.0.1:{second}'\n  - '[::1]:{third}'\n")
    with Hammer(site.port, request_of(site)) as hammer:
        site.reload_edge()
        site.wait_handed_over()
        assert answered(second, site) and answered(third, site, "::1")
        assert refused(third)  # an IPv6 address takes no IPv4
        site.edit("edge.yaml", rf"^  - '127\.0\.0\.1:{second}'\n", "")
        site.reload_edge()
        site.wait_handed_over()
        wait_for(lambda: refused(second), "the old address closed", 10)
        assert answered(third, site, "::1")
    assert hammer.failures == []
    assert answered(site.port, site)


BROKEN = {
    "unknown-key": ("edge.yaml", r"\Z", "surprise: 1\n"),
    "not-yaml": ("edge.yaml", r"^listen:", "listen: ["),
    "out-of-range": ("edge.yaml", r"\Z", "workers: 1000\n"),
    "address": ("edge.yaml", r"^admin: .*$", "admin: nowhere"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_configuration_is_not_taken(site, how):
    """The message names the file; the old configuration serves on, and the mended one is taken."""
    site.start_edge()
    before = (site.dir / "edge.yaml").read_text()
    serving = site.child("serve")
    name, pattern, replacement = BROKEN[how]
    site.edit(name, pattern, replacement)
    site.reload_edge()
    line = next(line for line in site.edge_log().splitlines() if "not reloaded" in line)
    assert "edge.yaml" in line
    assert site.child("serve") == serving and answered(site.port, site)
    (site.dir / "edge.yaml").write_text(before)
    site.reload_edge()
    site.wait_handed_over()
    assert site.child("serve") != serving and answered(site.port, site)


def test_a_reload_to_an_address_in_use_is_not_taken(site):
    site.start_edge()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        site.edit("edge.yaml", r"^listen:\n", f"listen:\n  - '127.0.0.1:{port}'\n")
        site.reload_edge()
        assert f"127.0.0.1:{port}" in site.edge_log() and "in use" in site.edge_log()
        assert answered(site.port, site)


# Starting


@needs_ipv6
def test_two_addresses_and_ipv6(site):
    second, third = free_port(), free_port()
    site.edit("edge.yaml", r"^listen:\n", f"listen:\n  - '127.0.0.1:{second}'\n  - '[::1]:{third}'\n")
    site.start_edge()
    for port, host in ((site.port, "127.0.0.1"), (second, "127.0.0.1"), (third, "::1")):
        assert answered(port, site, host), (host, port)
    for port, host in ((site.port, "127.0.0.1"), (second, "127.0.0.1"), (third, "[::1]")):
        assert f"ready http://{host}:{port}\n" in site.edge_log()


def test_two_edges_on_one_folder(site, make_site):
    """The second one is refused and says who is there, also by a reload; the first one serves on."""
    site.start_edge()
    other = make_site("other")
    other.init()
    held = f"edge/lock: another statim-edge (process {site.edge.pid}) works in this folder"
    use = lambda folder: other.edit("edge.yaml", r"^data_dir: .*$", f"data_dir: {folder}")

    def refused_at_start():
        use(site.dir / "edge")
        done = run(EDGE, other.dir / "edge.yaml", check=False)
        return done.returncode == 1 and held in done.stderr

    assert refused_at_start()
    use("edge")
    other.start_edge(wait=False)
    wait_for(lambda: other.child("sync"), "the other edge", 20)
    use(site.dir / "edge")
    other.reload_edge()
    assert held in other.edge_log() and "not reloaded" in other.edge_log()
    site.reload_edge()
    site.wait_handed_over()
    assert refused_at_start()
    assert answered(site.port, site)
    assert site.stop_process(site.edge) == 0
    use(site.dir / "edge")
    other.reload_edge()
    assert "configuration reloaded" in other.edge_log()


@pytest.mark.parametrize("which", ["listen", "admin"])
def test_an_address_in_use_ends_the_edge(site, which):
    port = site.port if which == "listen" else site.admin_port
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        done = run(EDGE, site.dir / "edge.yaml", check=False)
    assert done.returncode == 1
    assert f"{which} 127.0.0.1:{port}: Address already in use" in done.stderr


def test_two_edges_on_one_address(site):
    """They do not share it by accident."""
    site.start_edge()
    site.edit("edge.yaml", r"^data_dir: .*$", "data_dir: other")
    done = run(EDGE, site.dir / "edge.yaml", check=False)
    assert done.returncode == 1
    assert f"listen 127.0.0.1:{site.port}: Address already in use" in done.stderr
    assert answered(site.port, site)


def test_the_presigners_admin_address_in_use(site):
    port = site.use_presigner_admin()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        done = run(PRESIGNER, site.dir / "presigner.yaml", check=False)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}: Address already in use" in done.stderr


def test_two_presigners_in_one_folder(site):
    """The second says who is there, and does no harm."""
    site.start()
    done = site.presign_once(check=False)
    assert done.returncode == 1
    assert f"another presigner (process {site.presigner.pid})" in done.stderr
    run(STATIM, "revoke", site.dir, site.serial("good"), "--reason", "superseded")
    wait_for(lambda: ocsp_oracle.ask(site.port, site.certificates["good"], site.ca) == ("REVOKED", "superseded"),
             "the revocation", 20)


def test_two_edges_in_one_folder(site, make_site):
    """Both on one store: the second's sync says why it cannot, or both are right; neither is wrong."""
    site.start_edge()
    second_port, second_admin = free_port(), free_port()
    text = (site.dir / "edge.yaml").read_text().replace(str(site.port), str(second_port)).replace(
        str(site.admin_port), str(second_admin))
    (site.dir / "edge2.yaml").write_text(text)
    other = site.spawn("edge2", EDGE, site.dir / "edge2.yaml")
    try:
        wait_for(lambda: other.poll() is not None or not refused(second_port), "the second edge", 20)
        run(STATIM, "revoke", site.dir, site.serial("good"), "--reason", "superseded")
        site.presign_once()
        wait_for(lambda: ocsp_oracle.ask(site.port, site.certificates["good"], site.ca) ==
                 ("REVOKED", "superseded"), "the revocation", 20)
    finally:
        site.stop_process(other)
    assert site.edge.poll() is None and site.healthy()


# What they tell


SAMPLE = re.compile(r'^([a-z][a-z0-9_]*)(\{[a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*\})? (\d+)$')
HEAD = re.compile(r"^# (HELP|TYPE) ([a-z][a-z0-9_]*) (.+)$")


def parse(text):
    """Prometheus' text format, strictly: (samples, types)."""
    samples, types, helps = {}, {}, set()
    assert text.endswith("\n")
    for line in text.splitlines():
        if match := HEAD.match(line):
            what, name, rest = match.groups()
            if what == "TYPE":
                assert rest in ("counter", "gauge") and name in helps and name not in types, line
                types[name] = rest
            else:
                assert name not in helps, line
                helps.add(name)
            continue
        match = SAMPLE.match(line)
        assert match, line
        name, labels, value = match.groups()
        assert name in types, f"{line}: no TYPE before it"
        assert name.endswith("_total") == (types[name] == "counter"), line
        assert (name, labels) not in samples, f"{line}: twice"
        samples[name, labels] = int(value)
    assert {name for name, _ in samples} == set(types)
    return samples, types


def sum_of(samples, name):
    return sum(value for (sample, _), value in samples.items() if sample == name)


def test_the_edges_metrics(site):
    site.start_edge()
    der, path = request_of(site), base64.b64encode(request_of(site)).decode().replace("/", "%2F")
    for octets in (get_of(site) * 7, b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", b"garbage\r\n\r\n",
                   f"HEAD /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()):
        with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
            connection.sendall(octets)
            connection.shutdown(socket.SHUT_WR)
            receive_all(connection)
    ocsp_oracle.exchange(site.port, der, "POST")
    wait_for(lambda: site.metrics()["statim_edge_connections_open"] == 0, "the connections gone", 10)
    samples, types = parse(site.admin("/metrics")[1])
    assert len(types) > 50
    requests = sum_of(samples, "statim_edge_requests_total")
    assert requests == sum_of(samples, "statim_edge_outcomes_total") == 7 + 1 + 1 + 1 + 1
    assert sum_of(samples, "statim_edge_connections_ended_total") == \
        sum_of(samples, "statim_edge_connections_opened_total") == 5
    assert samples['statim_edge_outcomes_total', '{outcome="good",status="200"}'] == 9
    assert samples['statim_edge_outcomes_total', '{outcome="http_404",status="404"}'] == 1
    assert sum_of(samples, "statim_edge_requests_head_total") == 1
    assert sum_of(samples, "statim_edge_requests_post_total") == 1
    assert sum_of(samples, "statim_edge_snapshot_statements") == 1


def test_the_edges_other_pages(site):
    site.start_edge()
    status, text = site.admin("/")
    assert status == 200 and "healthy" in text and "<td>1</td>" in text
    assert site.admin("/healthz") == (200, "ok\n")
    assert site.admin("/nothing")[0] == 404
    connection = http.client.HTTPConnection("127.0.0.1", site.admin_port, timeout=20)
    connection.request("POST", "/metrics", b"x")
    assert connection.getresponse().status == 405
    connection.close()


def test_counters_go_on_over_a_reload(site):
    site.start_edge()
    assert answered(site.port, site)
    site.reload_edge()
    site.wait_handed_over()
    assert answered(site.port, site)

    def requests():
        try:
            return site.metrics()["statim_edge_requests_total"]
        except OSError:
            return None  # the admin pages are starting again

    wait_for(lambda: requests() == 2, "both requests counted", 10)


def test_the_presigners_pages(site):
    port = site.use_presigner_admin()
    site.start()
    page = lambda: parse(site.admin("/metrics", port)[1])
    value = lambda samples, name: sum_of(samples, f"statim_presigner_{name}")

    def published(sequence, certificates):
        """The samples once all changes up to that one are published; all of them from one page."""
        samples, _ = page()
        done = value(samples, "sequence") == value(samples, "published_sequence") == sequence
        return done and value(samples, "statements") + value(samples, "tail_statements") >= certificates and samples

    before = wait_for(lambda: published(1, 1), "the first certificate published")
    assert site.admin("/healthz", port) == (200, "ok\n")
    run(STATIM, "revoke", site.dir, site.serial("good"), "--reason", "superseded")
    path = site.dir / "more.csv"
    path.write_text(f"77,good,,,{NOT_AFTER_S}\n78,good,,,{NOT_AFTER_S}\n")
    run(STATIM, "import", site.dir, path)
    after = wait_for(lambda: published(4, 3), "a revocation and two more certificates published")
    _, types = page()
    for name, kind in types.items():
        if kind == "counter":
            assert sum_of(after, name) >= sum_of(before, name), name
    assert value(after, "signatures_total") >= 3 and value(after, "step_failures_total") == 0
    wait_for(lambda: value(page()[0], "log_number") == site.metrics()["statim_edge_sync_log_number"],
             "the edge at the presigner's log entry", 20)
