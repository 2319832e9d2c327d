# SPDX-License-Identifier: Apache-2.0
"""The issuer's HTTPS server: framing, deadlines, limits, workers, parked requests."""

import json
import socket
import ssl
import subprocess
import threading

import pytest

from https_world import PATIENCE_S, HttpsServer, first_to_be_answered, wait_until

KEY = {"Authorization": "Bearer sesame"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = HttpsServer(tmp_path_factory.mktemp("https") / "s", workers=4)
    yield server
    assert server.stop() == 0


@pytest.fixture
def make_server(tmp_path):
    servers = []

    def make(**numbers):
        servers.append(HttpsServer(tmp_path / f"s{len(servers)}", **numbers))
        return servers[-1]

    yield make
    for server in servers:
        assert server.stop() == 0


def is_problem(answer, status, word):
    document = json.loads(answer.body)
    assert answer.status == status == document["status"], answer
    assert document["type"] == "urn:statim:problem:" + word
    assert answer.fields["content-type"] == "application/problem+json"
    assert document["request_id"] == answer.fields["request-id"]
    return document


def test_requests_follow_one_another_on_a_connection(server):
    with server.public() as client:
        ids = set()
        for i in range(3):
            answer = client.request("GET", f"/v1/show/{i}?a=b", **KEY)
            assert answer.status == 200 and f"path=/v1/show/{i}\nparam={i}\nquery=a=b\n" in answer.text
            assert "actor=key:sesame" in answer.text and "connection" not in answer.fields
            ids.add(answer.fields["request-id"])
        body = json.dumps({"x": "y" * 49000})
        assert client.request("POST", "/v1/echo", body, **KEY).text == body
        head = client.request("HEAD", "/v1/show/1", **KEY)
        assert head.status == 200 and int(head.fields["content-length"]) > 0
        assert client.request("GET", "/open").status == 200
        assert len(ids) == 3
        assert client.request("GET", "/open", Connection="close").fields["connection"] == "close"
        assert client.closed()


def test_what_is_sent_ahead_waits(server):
    one = "POST /v1/echo HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sesame\r\nContent-Type: application/json\r\n" \
          "Content-Length: {}\r\n\r\n{}"
    with server.public() as client:
        bodies = ["1", "[" + "2," * 3000 + "2]", "3", "GET / HTTP/1.1\r\n\r\n"]
        client.send("".join(one.format(len(b), b) for b in bodies))
        assert [client.answer().text for _ in bodies] == bodies


def test_octet_by_octet(server):
    with server.public() as client:
        for octet in b"POST /v1/echo HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sesame\r\n" \
                     b"Content-Type: application/json\r\nContent-Length: 4\r\n\r\ntrue":
            client.send(bytes([octet]))
        assert client.answer().text == "true"


def test_a_client_that_waits_for_continue_gets_it(server):
    head = "POST /v1/echo HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sesame\r\nContent-Type: application/json\r\n" \
           "Content-Length: {}\r\nExpect: 100-continue\r\n\r\n"
    with server.public() as client:
        client.send(head.format(4))
        assert client.head() == b"HTTP/1.1 100 Continue"
        client.send("true")
        assert client.answer().text == "true"
        # A body that would be refused is not asked for.
        client.send(head.format(50001))
        is_problem(client.answer(), 413, "too-large")
        assert client.closed()


# What two readers might frame in two ways. None reaches a handler, each ends its connection.
SMUGGLED = {
    "length and chunks": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "0\r\n\r\n", 400),
    "chunks": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    "chunks by another name": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 411),
    "chunks after a tab": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked\r\nContent-Length: 3"
                           "\r\n\r\nabc", 400),
    "two equal lengths": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\ntrue", 400),
    "two lengths": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 0\r\n\r\ntrue", 400),
    "a list of lengths": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4, 4\r\n\r\ntrue", 400),
    "a signed length": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\ntrue", 400),
    "a hexadecimal length": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0x4\r\n\r\ntrue", 400),
    "a length beyond 2^64": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551620\r\n\r\ntrue", 400),
    "no length": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\n\r\n", 411),
    "a space before the colon": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length : 4\r\n\r\ntrue", 400),
    "a folded field": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nX: 1\r\n Content-Length: 4\r\n\r\ntrue", 400),
    "bare line feeds": ("POST /v1/echo HTTP/1.1\nHost: a\nContent-Length: 4\n\ntrue", 400),
    "a bare carriage return": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nX: 1\rContent-Length: 4\r\n\r\ntrue", 400),
    "a NUL": ("GET /open HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", 400),
    "no host": ("GET /open HTTP/1.1\r\n\r\n", 400),
    "two hosts": ("GET /open HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "two spaces": ("GET  /open HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a line without a colon": ("GET /open HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400),
    "HTTP/2's preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/0.9": ("GET /open\r\n\r\n", 400),
    "a tunnel": ("CONNECT /open HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    "an authority": ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a body for a GET": ("GET /open HTTP/1.1\r\nHost: a\r\nContent-Length: 27\r\n\r\nGET /open HTTP/1.1\r\nX: y\r\n", 413),
    "a body for nobody": ("POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 27\r\n\r\nGET /open HTTP/1.1\r\nX: y\r\n",
                          404),
    "a coded body": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\n"
                     "Content-Length: 4\r\n\r\ntrue", 415),
    "two types": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Type: text/html\r\n"
                  "Content-Length: 4\r\n\r\ntrue", 400),
    "another type": ("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/jsonx\r\nContent-Length: 4\r\n\r\n"
                     "true", 415),
    "a long target": ("GET /" + "a" * 5000 + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "a long head": ("GET /open HTTP/1.1\r\nHost: a\r\nX: " + "a" * 9000 + "\r\n\r\n", 431),
    "many fields": ("GET /open HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n" * 70 + "\r\n", 431),
    "TLS in TLS": ("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_smuggled_requests_are_refused(server, name):
    octets, status = SMUGGLED[name]
    with server.public() as client:
        # What follows must never be answered as a request of its own.
        client.send(octets + "GET /v1/show/smuggled HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sesame\r\n\r\n")
        answer = client.answer()
        assert answer.status == status, answer
        assert json.loads(answer.body)["type"].startswith("urn:statim:problem:")
        assert answer.fields["connection"] == "close" and client.closed()


def test_one_spelling_of_every_path(server):
    paths = ["/v1/show/../show", "/v1//show", "/v1/show/", "/V1/show", "/v1/%73how", "/v1/show%2f1", "/v1/show/a%00",
             "/v1/./show", "//v1/show", "/v1/show/a/../../../etc/passwd", "/v1/show/%2e%2e", "/v1/show;x=1", "/v1/show#a",
             "/v1/show/a%2fb", "/..", "/v1/show\\1", "/v1", "/v1/showing"]
    with server.public() as client:
        for path in paths:
            is_problem(client.request("GET", path, **KEY), 404, "not-found")
        # A parameter is a word: dots are a word that names nothing.
        assert "param=..\n" in client.request("GET", "/v1/show/..", **KEY).text
        absolute = client.request("GET", "https://elsewhere.example/v1/show/1", **KEY)
        assert "path=/v1/show/1\n" in absolute.text


def test_methods(server):
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "get"):
        with server.public() as client:
            answer = client.request(method, "/v1/show")
            is_problem(answer, 405, "method-not-allowed")
            assert answer.fields["allow"] == "GET, HEAD, POST" and client.closed()
    with server.public() as client:
        answer = client.request("POST", "/v1/show/1", "")
        is_problem(answer, 405, "method-not-allowed")
        assert answer.fields["allow"] == "GET, HEAD"
        is_refused = client.request("HEAD", "/v1/echo")
        assert is_refused.status == 405 and is_refused.fields["allow"] == "POST"


def test_who_has_no_key_reaches_no_handler(server):
    with server.public() as client:
        for key in (None, "Bearer wrong", "bearer", "Basic c2VzYW1l", "Bearer sesame2", "Bearer  sesame", ""):
            fields = {} if key is None else {"Authorization": key}
            answer = client.request("GET", "/v1/show", **fields)
            is_problem(answer, 401, "unauthorized")
            assert answer.fields["www-authenticate"] == "Bearer"
        client.send("GET /v1/show HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sesame\r\nAuthorization: Bearer x\r\n\r\n")
        is_problem(client.answer(), 401, "unauthorized")
        is_problem(client.request("GET", "/v1/admins", **KEY), 403, "forbidden")
        # The routes of the other listener do not exist here.
        is_problem(client.request("GET", "/v1/events", **KEY), 404, "not-found")
        is_problem(client.request("POST", "/v1/admin", "{}", **KEY), 404, "not-found")


def test_a_field_cannot_be_forged_through_an_answer(server):
    with server.public() as client:
        answer = client.request("GET", "/broken")
        assert answer.status == 500 and answer.body == b"" and "x-forged" not in answer.fields
        assert client.request("GET", "/open").status == 200


def test_bodies_up_to_the_limit_and_no_further(server):
    with server.public() as client:
        body = '"' + "a" * 49998 + '"'
        assert client.request("POST", "/v1/echo", body, **KEY).text == body
        document = is_problem(client.request("POST", "/v1/echo", body + " ", **KEY), 413, "too-large")
        assert "50000" in document["detail"]
    with server.public() as client:
        assert client.request("POST", "/v1/show", "a" * 100, **KEY).status == 200
        is_problem(client.request("POST", "/v1/show", "a" * 101, **KEY), 413, "too-large")


def test_a_refused_body_does_not_hide_the_refusal(server):
    """The client goes on sending: it still gets its answer, not a reset."""
    with server.public() as client:
        client.send("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n")
        client.send("x" * 200000)
        is_problem(client.answer(), 413, "too-large")


def test_large_answers(server):
    with server.public() as client:
        for size in (0, 1, 16384, 3000000):
            assert client.request("GET", f"/large?bytes={size}").body == b"x" * size


def test_queries_are_judged(server):
    with server.public() as client:
        for query in ("bytes=1&bytes=2", "bytes=%", "bytes=%zz", "other=1", "bytes=-1", "bytes=01", "bytes=", "bytes=1%00",
                      "bytes=1;drop", "=1", "bytes", "bytes=99999999999999999999"):
            is_problem(client.request("GET", "/large?" + query), 400, "bad-field")
        assert client.request("GET", "/large?%62ytes=%31").body == b"x"


def test_slow_clients_are_shut_out(make_server):
    """In each phase, while another client is served. Everybody has handshakes and is idle before a request, also those
    who are not slow but on a busy machine; they have more time for it."""
    server = make_server(handshake_ms=2500, idle_ms=2500, head_ms=300, body_ms=300, write_ms=300)
    silent = [socket.create_connection(("127.0.0.1", server.public_port)) for _ in range(3)]
    idle = server.public()
    head = server.public()
    head.send("GET /open HTTP/1.1\r\nHo")
    body = server.public()
    body.send("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
    reader = server.public()
    reader.tls.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.send("GET /large?bytes=30000000 HTTP/1.1\r\nHost: a\r\n\r\n")
    with server.public() as quick:
        assert quick.request("GET", "/open").status == 200
    is_problem(head.answer(), 408, "timeout")
    is_problem(body.answer(), 408, "timeout")
    assert head.closed() and body.closed() and idle.closed()
    for sock in silent:
        sock.settimeout(PATIENCE_S)
        assert sock.recv(1) == b""
        sock.close()
    wait_until(lambda: server.counters()["https_late_write"] == 1)
    counters = server.counters()
    assert counters["https_late_handshake"] == 3 and counters["https_late_idle"] >= 1
    assert counters["https_late_head"] == counters["https_late_body"] == 1
    for client in (idle, head, body, reader):
        client.close()


def test_a_dripping_client_does_not_extend_its_deadline(make_server):
    server = make_server(head_ms=400)
    with server.public() as client:
        client.send("GET /open HTTP/1.1\r\nX: ")
        # Octet by octet: a head of too many fields would be refused for that.
        for _ in range(2000):
            if client.is_answered(0.02):
                break
            client.send("y")
        else:
            raise AssertionError("no deadline")
        is_problem(client.answer(), 408, "timeout")


def test_slow_clients_hold_no_worker(make_server):
    """One worker, a hundred clients that stop in the middle of a request: it is served at once."""
    server = make_server(workers=1)
    slow = [server.public() for _ in range(100)]
    for client in slow:
        client.send("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
    with server.public() as quick:
        for _ in range(20):
            assert quick.request("GET", "/open").status == 200
    for client in slow:
        client.close()


def test_requests_wait_for_a_worker_and_not_for_ever(make_server):
    server = make_server(workers=1, queue_ms=300)
    with server.public() as holder, server.public() as waiter:
        holder.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = wait_until(lambda: (a := waiter.request("GET", "/open")).status != 200 and a)
        is_problem(answer, 503, "unavailable")
        assert answer.fields["retry-after"] == "5"
        is_problem(waiter.request("GET", "/open"), 503, "unavailable")
        server.release()
        assert holder.answer().text == "held\n"
        # The worker is free; on a busy machine it may take its time to notice.
        wait_until(lambda: waiter.request("GET", "/open").status == 200)


def test_a_crowd_at_one_door_does_not_hold_the_other(make_server):
    """Each listener has a queue: the next request after the one at work is the other listener's."""
    server = make_server(workers=1)
    internal = server.internal()
    assert internal.request("GET", "/counters").status == 200
    crowd = [server.public() for _ in range(12)]
    for client in crowd:
        client.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
    internal.send("GET /counters HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_until(lambda: server.queued() == 12)
    server.release()
    assert "https_queued 11\n" in internal.answer().text
    while crowd:
        client = first_to_be_answered(crowd)
        assert client.answer().text == "held\n"
        crowd.remove(client)
        client.close()
        if crowd:
            server.release()
    internal.close()


def test_who_goes_before_the_request_is_parked(make_server):
    """The worker hands back a request that waits for something, and nobody is there to wait for it."""
    server = make_server(workers=1)
    with server.public() as holder, server.public() as quick:
        holder.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        with server.public() as gone:
            gone.send("GET /wait?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: server.queued() == 1)
        server.release()
        assert holder.answer().text == "held\n"
        assert quick.request("GET", "/open").status == 200
        wait_until(lambda: server.counters()["dropped"] == 1)
        assert server.counters()["https_parked"] == 0


def test_a_parked_request_needs_no_worker(make_server):
    server = make_server(workers=1)
    parked = [server.public() for _ in range(30)]
    for client in parked:
        client.send("GET /wait?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_until(lambda: server.counters()["https_parked"] == 30)
    with server.public() as quick:
        assert quick.request("GET", "/open").status == 200
        assert quick.request("POST", "/ring", "").status == 204
    client = first_to_be_answered(parked)
    assert client.answer().text == "rung\n"
    parked.remove(client)
    client.close()
    # Who leaves is forgotten, and what was kept for him, too.
    for client in parked:
        client.close()
    wait_until(lambda: server.counters()["https_parked"] == 0)
    wait_until(lambda: server.counters()["dropped"] == 30)


def test_a_parked_request_is_answered_in_time(server):
    with server.public() as client:
        assert client.request("GET", "/wait?ms=50").text == "waited\n"
        assert client.request("GET", "/wait?ms=0").text == "waited\n"


def test_stopping_answers_what_is_parked(make_server):
    server = make_server(workers=1)
    with server.public() as client, server.public() as idle:
        client.send("GET /wait?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: server.counters()["https_parked"] == 1)
        server.process.send_signal(15)
        answer = client.answer()
        is_problem(answer, 503, "unavailable")
        assert answer.fields["connection"] == "close"
        assert idle.closed()
    assert server.stop() == 0


def test_connections_are_bounded(make_server):
    server = make_server(connections=8, per_source=100)
    busy = [server.public() for _ in range(4)]
    for client in busy:
        client.send("POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nContent-Type: application/json\r\n\r\n{")
    idle = [server.public() for _ in range(4)]
    # One more: the longest idle goes.
    with server.public() as more:
        assert more.request("GET", "/open").status == 200
        assert idle[0].closed()
        assert idle[3].request("GET", "/open").status == 200
    for client in busy + idle:
        client.close()
    assert server.counters()["https_evicted"] >= 1


def test_a_source_has_its_share(make_server):
    server = make_server(per_source=3)
    clients = [server.public() for _ in range(3)]
    with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
        server.public()
    clients.pop().close()
    clients.append(wait_until(lambda: try_public(server)))
    assert clients[-1].request("GET", "/open").status == 200
    assert server.counters()["https_source_refused"] >= 1
    for client in clients:
        client.close()


def try_public(server):
    try:
        return server.public()
    except OSError:
        return None


def test_many_clients_at_once(server):
    """Every answer is for its own request."""
    errors = []

    def run(number):
        try:
            with server.public() as client:
                for i in range(25):
                    body = json.dumps({"n": number, "i": i, "fill": "z" * (number * 331 % 5000)})
                    assert client.request("POST", "/v1/echo", body, **KEY).text == body
                    assert f"param={number}-{i}\n" in client.request("GET", f"/v1/show/{number}-{i}", **KEY).text
        except Exception as error:  # noqa: BLE001: of a thread, told below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_clients_of_other_makes(server):
    """curl, with a body of each size that crosses a buffer."""
    for size in (0, 1, 8000, 40000):
        body = '"' + "c" * size + '"'
        out = subprocess.run(["curl", "-sS", "--cacert", server.authority.pem, "-H", "Authorization: Bearer sesame", "-H",
                              "Content-Type: application/json", "--data-binary", "@-",
                              f"https://localhost:{server.public_port}/v1/echo"], input=body, text=True,
                             capture_output=True, timeout=PATIENCE_S)
        assert out.stdout == body, out.stderr
