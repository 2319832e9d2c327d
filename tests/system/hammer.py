# SPDX-License-Identifier: Apache-2.0
"""A client that never stops asking, to notice a request that got no answer."""

import base64
import http.client
import threading


class Hammer:
    """Threads that send one OCSP request by GET over and over: one over kept connections, one over a
    new connection each time. Every request that is not answered by a 200 is a failure."""

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
        while not self.ended.is_set():
            try:
                connection.request("GET", self.path, headers=fields)
                response = connection.getresponse()
                body = response.read()
                if response.status != 200:
                    self.failures.append((kind, response.status))
                self.bodies.add(body)
                self.counts[kind] += 1
            except (OSError, http.client.HTTPException) as error:
                self.failures.append((kind, repr(error)))
                connection.close()
        connection.close()
