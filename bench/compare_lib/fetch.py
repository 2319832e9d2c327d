# SPDX-License-Identifier: Apache-2.0
"""Answers of a server, fetched many at a time over one connection."""

import re
import socket

from .process import Failed

AT_ONCE = 32


class Reader:
    """Splits a connection's octets into answers with a Content-Length."""

    def __init__(self, sock):
        self.sock, self.octets = sock, bytearray()

    def more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise Failed("the server closed the connection")
        self.octets += piece

    def answer(self):
        """(status, head, body)"""
        while (end := self.octets.find(b"\r\n\r\n")) < 0:
            self.more()
        head = bytes(self.octets[:end + 4])
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if not length:
            raise Failed(f"an answer without Content-Length: {head[:200]!r}")
        whole = len(head) + int(length[1])
        while len(self.octets) < whole:
            self.more()
        body = bytes(self.octets[len(head):whole])
        del self.octets[:whole]
        return int(head.split(None, 2)[1]), head, body


def answers(port, requests):
    """Yields (status, head, body) for each request, in order."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = Reader(sock)
        for first in range(0, len(requests), AT_ONCE):
            some = requests[first:first + AT_ONCE]
            sock.sendall(b"".join(some))
            for _ in some:
                yield reader.answer()


def first_answer(port, request):
    """One answer, or None while there is none."""
    try:
        return next(answers(port, [request]))
    except (OSError, Failed):
        return None
