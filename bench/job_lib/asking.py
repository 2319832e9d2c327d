# SPDX-License-Identifier: Apache-2.0
"""What an edge answers for a certificate, asked over and over on one connection; and what is on its CRLs."""

import http.client
import socket

from compare_lib.ask import http_request, request_der
from compare_lib.process import Failed

GOOD, REVOKED, NOTHING = "good", "revoked", "nothing"   # nothing: tryLater, unauthorized
STATUS = {0x80: GOOD, 0xa1: REVOKED}   # CertStatus, the element behind the CertID
REPLY_BYTES_MAX = 65536


class Question:
    """One certificate's request, ready to be sent to any edge."""

    def __init__(self, issuer, serial):
        der = request_der(issuer, serial)
        self.request = http_request(der, 80, "post")
        self.cert_id = der[8:]   # the innermost element

    def status(self, body):
        at = body.find(self.cert_id)
        return STATUS.get(body[at + len(self.cert_id)], NOTHING) if at >= 0 else NOTHING


class Asker:
    """One connection to an edge."""

    def __init__(self, port):
        self.port, self.socket = port, None

    def open(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def send(self, question):
        if self.socket is None:
            self.open()
        self.socket.sendall(question.request)

    def receive(self, question):
        """The status; an edge that ends the connection is asked anew by the next send()."""
        data = b""
        while len(data) < REPLY_BYTES_MAX:
            more = self.socket.recv(REPLY_BYTES_MAX)
            if not more:
                self.close()
                return NOTHING
            data += more
            head, end, body = data.partition(b"\r\n\r\n")
            if end and len(body) >= content_length(head):
                return question.status(body)
        raise Failed(f"port {self.port}: a reply without end")

    def ask(self, question):
        try:
            self.send(question)
            return self.receive(question)
        except OSError:
            self.close()
            return NOTHING


def content_length(head):
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def element(data, at):
    """Tag, where its content begins, and where it ends."""
    size, start = data[at + 1], at + 2
    if size & 0x80:
        start += size & 0x7f
        size = int.from_bytes(data[at + 2:start], "big")
    return data[at], start, start + size


def crl_serials(der):
    """Serials of a CertificateList as integers."""
    _, at, _ = element(der, 0)
    _, at, tbs_end = element(der, at)
    times = 0
    while at < tbs_end:
        tag, start, end = element(der, at)
        if tag == 0x30 and times == 2:
            return entries(der, start, end)
        times += tag in (0x17, 0x18)
        at = end
    return set()


def entries(der, at, end):
    found = set()
    while at < end:
        _, start, at_next = element(der, at)
        _, first, last = element(der, start)
        found.add(int.from_bytes(der[first:last], "big"))
        at = at_next
    return found


class Files:
    """Files of an edge by HTTP, each read anew only when it has changed."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.tags = {}

    def changed(self, path):
        """The octets, or None when they are as before or not there."""
        fields = {"If-None-Match": self.tags[path]} if path in self.tags else {}
        try:
            self.connection.request("GET", path, headers=fields)
            answer = self.connection.getresponse()
            octets = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return None
        if answer.status != 200:
            return None
        self.tags[path] = answer.headers["ETag"]
        return octets

    def close(self):
        self.connection.close()
