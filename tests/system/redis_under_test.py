# SPDX-License-Identifier: Apache-2.0
"""A real redis-server for a test: on a unix socket in the test's folder and a loopback port, with nothing on disk
unless asked for. `redis()` speaks to it without a client library."""

import contextlib
import signal
import socket
import subprocess

from site_under_test import free_port, wait_for

TIMEOUT_S = 10


class RedisError(Exception):
    """What the server answers with a minus."""


class Connection:
    """RESP2: one command, one answer. Strings are bytes."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def __call__(self, *words):
        octets = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(octets) + b"".join(b"$%d\r\n%b\r\n" % (len(o), o) for o in octets))
        return self.answer()

    def answer(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server hung up")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        count = int(rest)
        if count < 0:
            return None
        if kind == b"$":
            return self.file.read(count + 2)[:-2]
        return [self.answer() for _ in range(count)]


class Redis:
    """A server; it may be stopped, killed and started again under the same addresses."""

    def __init__(self, folder, name="redis", password=None, options=()):
        self.dir = folder / name
        self.dir.mkdir(parents=True)
        # The path of a unix socket is short.
        self.socket = self.dir / "s"
        self.port = free_port()
        self.password = password
        self.options = list(options)
        self.process = None
        self.connection = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self, *options):
        """Options as of redis.conf: "--replicaof", "127.0.0.1", "7000"."""
        command = ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--unixsocket", self.socket, "--dir",
                   self.dir, "--save", "", "--appendonly", "no", "--daemonize", "no", *self.options, *options]
        if self.password is not None:
            command += ["--requirepass", self.password, "--masterauth", self.password]
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        wait_for(self.answers, f"redis-server in {self.dir}", 20, self.process)
        return self

    def answers(self):
        with contextlib.suppress(OSError, RedisError):
            return self.redis("PING") == "PONG"
        return False

    def redis(self, *words):
        """One command; a connection that broke is made anew."""
        if self.connection is None:
            self.connection = self.connect()
        try:
            return self.connection(*words)
        except OSError:
            self.connection.close()
            self.connection = None
            raise

    def connect(self):
        """A connection of one's own, for another thread."""
        connection = Connection(self.socket)
        if self.password is not None:
            connection("AUTH", self.password)
        return connection

    def stream(self, key):
        """Every entry of a stream: (ID, {field: value})."""
        return [(identifier.decode(), dict(zip(fields[::2], fields[1::2])))
                for identifier, fields in self.redis("XRANGE", key, "-", "+")]

    def pause(self):
        """It holds its connections, but does nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """As by a crash: what it knew is gone."""
        self.end(signal.SIGKILL)

    def stop(self):
        self.end(signal.SIGTERM)

    def end(self, how):
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
        try:
            self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(TIMEOUT_S)
        self.process = None
