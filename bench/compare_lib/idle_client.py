# SPDX-License-Identifier: Apache-2.0
"""Many connections that do nothing, from as many loopback addresses as their ports take."""

import resource
import socket

from .process import Failed

PORTS = 20000    # of one source address: the usual range for clients has 28,000
SPARE_FILES = 200


def raise_limit(count):
    """As many descriptors as asked for, or as there may be. Children started afterwards have the same."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + SPARE_FILES
    if soft >= wanted:
        return count
    for limit in ((wanted, max(hard, wanted)), (min(hard, wanted), hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            break
        except (ValueError, OSError):
            continue
    return min(count, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES)


def source(number):
    """The address that the connection of this number comes from."""
    return f"127.0.{1 + number // PORTS // 250}.{1 + number // PORTS % 250}"


class Connections:
    """Opened one after another; each may ask once, as an idle keep-alive connection has."""

    def __init__(self, port, count):
        self.port, self.count, self.held = port, count, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self.held:
            sock.close()

    def open_all(self, request=None):
        while len(self.held) < self.count:
            sock = socket.socket()
            self.held.append(sock)
            sock.settimeout(20)
            sock.bind((source(len(self.held)), 0))
            sock.connect(("127.0.0.1", self.port))
            if request is not None:
                sock.sendall(request)
                if b" 200 " not in sock.recv(4096)[:20]:
                    raise Failed(f"connection {len(self.held)} got no answer")
