# SPDX-License-Identifier: Apache-2.0
"""One data set with the servers over it, and what they share: sizes and ready answers of the edge."""

import re
import subprocess

from . import ask, candidates, fetch
from .process import Failed, wait_for
from .site import Site


class World:
    def __init__(self, build, folder, certs, processes):
        self.build, self.folder, self.processes = build, folder, processes
        folder.mkdir()
        self.site = Site(build, folder / "site", certs)
        self.edge = candidates.Edge(self)
        self.edge.start()
        self.candidates = []
        self.www = None
        self.measure_answer()

    def measure_answer(self):
        """The octets of the edge's usual answer: constant ones are made as long."""
        der = ask.request_der(self.site.issuer, self.site.serials.some(1)[0])
        request = ask.http_request(der, self.edge.port, "get")
        status, head, body = wait_for("an answer of the edge", lambda: fetch.first_answer(self.edge.port, request))
        if status != 200 or len(body) < 200:
            raise Failed(f"the edge has no statement: {head!r} {body!r}")
        self.body_bytes, self.answer_bytes = len(body), len(head) + len(body)

    @property
    def nginx_head_bytes(self):
        told = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
        server = re.search(r"nginx/\S+", told)[0]
        return len(f"HTTP/1.1 200 OK\r\nServer: {server}\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                   f"Content-Type: application/ocsp-response\r\nContent-Length: {self.body_bytes}\r\n"
                   f"Connection: keep-alive\r\n\r\n")

    def start(self, names, also=None):
        """The edge runs already; the others are prepared from it. `also`: the build of a second edge."""
        for name in names:
            one = self.edge if name == "edge" else candidates.NAMES[name](self)
            one.prepare()
            if one is not self.edge and not one.transient:
                one.start()
            self.candidates.append(one)
        if also is not None:
            self.candidates.append(candidates.Edge(self, name=f"edge of {also.name}", build=also))
            self.candidates[-1].start()

    def stop(self):
        for one in (*self.candidates, self.edge):
            if one.process is not None:
                one.stop()

    def file_serials(self):
        """Those whose answers others than the edge can give: all, or so many drawn evenly."""
        return self.site.serials.some(candidates.FILES_MAX)

    def bodies(self, edge, serials):
        """An edge's responses to them, in their order."""
        requests = [ask.http_request(ask.request_der(edge.issuer, serial), edge.port, "post") for serial in serials]
        for status, head, body in fetch.answers(edge.port, requests):
            if status != 200 or len(body) < 200:
                raise Failed(f"the edge has no statement: {head!r} {body!r}")
            yield body

    def files(self):
        """A folder with one file a certificate, named as the path of a GET."""
        if self.www is None:
            self.www = self.folder / "www"
            serials = self.file_serials()
            for serial, body in zip(serials, self.bodies(self.edge, serials)):
                path = self.www / ask.static_name(ask.request_der(self.site.issuer, serial)).lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
        return self.www
