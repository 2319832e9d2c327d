# SPDX-License-Identifier: Apache-2.0
"""Network namespaces of a test's own, joined by a cable that can be cut."""

import contextlib
import ctypes
import os
import subprocess

from site_under_test import run, wait_for

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def set_namespace(file):
    """Moves this thread; sockets stay where they were made."""
    if LIBC.setns(file.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Namespace:
    """A network namespace that a sleeping process holds, with a loopback address."""

    def __init__(self):
        script = "ip link set lo up && echo up && exec sleep 100000"
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", script], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "up\n":
            self.remove()
            raise OSError(f"no network namespace here: {self.holder.stderr.read().strip()}")

    @property
    def enter(self):
        """The command that runs its arguments inside."""
        return ["nsenter", "-t", self.holder.pid, "-n", "--"]

    def ip(self, *words):
        return run(*self.enter, "ip", *words).stdout

    @contextlib.contextmanager
    def inside(self):
        """This thread asks from inside."""
        with open("/proc/thread-self/ns/net", "rb") as home, open(f"/proc/{self.holder.pid}/ns/net", "rb") as there:
            set_namespace(there)
            try:
                yield
            finally:
                set_namespace(home)

    def remove(self):
        self.holder.kill()
        self.holder.wait(10)


class Cable:
    """Joins two namespaces: the near one has NEAR, the far one FAR."""

    NEAR, FAR = "10.77.0.2", "10.77.0.1"

    def __init__(self, near, far):
        self.near, self.far = near, far
        done = run("ip", "link", "add", "near0", "netns", near.holder.pid, "type", "veth", "peer", "name", "far0",
                   "netns", far.holder.pid, check=False)
        if done.returncode != 0:
            raise OSError(f"no veth here: {done.stderr.strip()}")
        for namespace, device, address in ((near, "near0", self.NEAR), (far, "far0", self.FAR)):
            namespace.ip("address", "add", f"{address}/24", "dev", device)
            namespace.ip("link", "set", device, "up")
        # The kernel drops what an end sends between its carrier and this state.
        for namespace, device in ((near, "near0"), (far, "far0")):
            wait_for(lambda n=namespace, d=device: " state UP " in n.ip("link", "show", d), "the cable", 60)

    def unplug(self):
        """Whoever sends is told so."""
        self.near.ip("link", "set", "near0", "down")

    def plug_in(self):
        self.near.ip("link", "set", "near0", "up")

    def swallow(self):
        """What comes from the near end is dropped at the far end without a word: TCP waits."""
        self.far.ip("route", "add", "blackhole", self.NEAR)

    def deliver(self):
        self.far.ip("route", "delete", "blackhole", self.NEAR)
