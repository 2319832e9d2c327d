# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of a test's own: a new cluster in a temporary folder, on a unix socket in it, with the defaults
of its makers (fsync on). `make_postgresql` in a test module:

    from pg_world import make_postgresql  # noqa: F401

    def test_x(make_postgresql):
        server = make_postgresql()
        ... registry: postgresql: server.conninfo ...
        server.kill(); server.start()
"""

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

DEADLINE_S = 60
ROOM_BYTES = 512 << 20


def binaries():
    """The folder with initdb and postgres of the newest version; None: there is none."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return os.path.dirname(found[-1]) if found else None


def owner():
    """Whom the server runs as: PostgreSQL refuses root. None: as we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def base_folder():
    """In memory where there is room; a killed server needs no disk to find its data again."""
    room = os.statvfs("/dev/shm") if os.path.isdir("/dev/shm") else None
    if room and room.f_bavail * room.f_frsize > ROOM_BYTES and os.access("/dev/shm", os.W_OK):
        return "/dev/shm"
    return None


class PostgreSQL:
    """One cluster. `conninfo` is of its database "postgres"."""

    def __init__(self, **settings):
        self.settings = settings
        self.process = None
        self.folder = tempfile.mkdtemp(prefix="statim-pg-", dir=base_folder())
        self.conninfo = f"host={self.folder} user=statim dbname=postgres"
        self.user = owner()
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self._run("initdb", "-D", self.data, "-U", "statim", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync",
                  "--no-instructions")
        self.start()

    @property
    def data(self):
        return f"{self.folder}/data"

    def _as_owner(self):
        if not self.user:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def _run(self, name, *arguments):
        done = subprocess.run([f"{binaries()}/{name}", *arguments], cwd=self.folder, capture_output=True, text=True,
                              check=False, **self._as_owner())
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self):
        """Returns when it takes connections. After kill() children of the one before may still be there."""
        deadline = time.monotonic() + DEADLINE_S
        settings = {"listen_addresses": "", "unix_socket_directories": self.folder, "max_connections": 100,
                    "shared_buffers": "64MB", **self.settings}
        while time.monotonic() < deadline:
            with open(f"{self.folder}/log", "ab") as log:
                self.process = subprocess.Popen(
                    [f"{binaries()}/postgres", "-D", self.data, *(f"--{k}={v}" for k, v in settings.items())],
                    cwd=self.folder, stdout=log, stderr=log, **self._as_owner())
            if self._wait_until_ready(deadline):
                return
        raise AssertionError(f"PostgreSQL does not start: {self.log()}")

    def _wait_until_ready(self, deadline):
        while time.monotonic() < deadline and self.process.poll() is None:
            ready = subprocess.run([f"{binaries()}/pg_isready", "-q", "-h", self.folder, "-d", "postgres"],
                                   check=False)
            if ready.returncode == 0:
                return True
            time.sleep(0.02)
        return False

    def log(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]

    def children(self):
        """Process ids of the server's own children."""
        found = []
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    pid, rest = file.read().split(" ", 1)
                if int(rest.rsplit(") ", 1)[1].split()[1]) == self.process.pid:
                    found.append(int(pid))
            except (OSError, IndexError):
                continue
        return found

    def kill(self):
        """kill -9 of the server and of all its children, in whatever they are."""
        self.process.send_signal(signal.SIGSTOP)  # so that it makes no more of them
        children = self.children()
        self.process.kill()
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()

    def sql(self, text):
        """Runs statements and gives what psql -At prints."""
        return self._run("psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "statim", "-d",
                         "postgres", "-c", text)

    @contextlib.contextmanager
    def session(self, text):
        """A psql that runs a statement and then stays connected; gives its process."""
        with subprocess.Popen([f"{binaries()}/psql", "-X", "-h", self.folder, "-U", "statim", "-d", "postgres"],
                              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, **self._as_owner()) as process:
            process.stdin.write(f"{text};\n")
            process.stdin.flush()
            try:
                yield process
            finally:
                process.kill()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def make_postgresql():
    """Makes PostgreSQL servers and ends them."""
    if not binaries():
        pytest.skip("no PostgreSQL server in /usr/lib/postgresql")
    servers = []

    def make(**settings):
        servers.append(PostgreSQL(**settings))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()
