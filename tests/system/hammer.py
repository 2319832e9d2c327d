# SPDX-License-Identifier: Apache-2.0
"""A client that never stops asking, to notice a request that got no answer."""

import base64
import http.client
import threading
import time

# What a process that stops waits at a connection for the beginning of a request (edge/worker.h).
LAST_REQUEST_S = 1


class Hammer:
    """Threads that send one OCSP request by GET over and over: one over kept connections, one over a
    new connection each time. Every request that is not answered by a 200 is a failure, but for one that
    this thread was too slow to send: a connection on which nothing was asked for a second may be closed."""

    def __init__(self, port, der, host="127.0.0.1"):
        self.host, self.port = host, port
        self.path = "/" + base64.urlsafe_b64encode(der).decode().replace("-", "%2B").replace(
            "_", "%2F").replace("=", "%3D")
        self.counts = {"kept": 0, "new": 0}
        self.failures = []
        self.bodies = set()
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.loop, args=(kind,)) for kind in self.counts]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(30)

    def loop(self, kind):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        fields = {} if kind == "kept" else {"Connection": "close"}
        active_at = 0  # when the connection was begun, or the request before this one was sent
        while not self.ended.is_set():
            began_at, sent_at, heard = time.monotonic(), None, False
            if connection.sock is None:
                active_at = began_at
            try:
                connection.request("GET", self.path, headers=fields)
                sent_at = time.monotonic()
                response = connection.getresponse()
                heard = True
                body = response.read()
                if response.status != 200:
                    self.failures.append((kind, response.status))
                self.bodies.add(body)
                self.counts[kind] += 1
                active_at = began_at
            except (OSError, http.client.HTTPException) as error:
                closed = isinstance(error, (ConnectionResetError, BrokenPipeError)) and not heard
                if not closed or (sent_at or time.monotonic()) - active_at < LAST_REQUEST_S:
                    self.failures.append((kind, repr(error)))
                connection.close()
        connection.close()
