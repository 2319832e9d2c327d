# SPDX-License-Identifier: Apache-2.0
"""Processes of ours: started pinned, stopped by their id, and no other."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from . import cpu

SERVER_CPU, CLIENT_CPU = 0, 1
PATIENCE_S = 120
# Below the range that connections are given, and above what the project's tests take.
PORT_FIRST, PORT_END = 20000, 30000
claims = []


class Failed(Exception):
    """A candidate or client did not do what it should; the text says what."""


def free_port():
    """A loopback port nobody listens on, and no other process of ours is given: the name of an abstract socket claims it
    as long as this process lives."""
    for _ in range(1000):
        port = PORT_FIRST + int.from_bytes(os.urandom(2), "big") % (PORT_END - PORT_FIRST)
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe, contextlib.suppress(OSError):
            claim.bind(f"\0statim-bench-port-{port}")
            probe.bind(("127.0.0.1", port))
            claims.append(claim)
            return port
        claim.close()
    raise Failed("no free port")


def wait_for(what, condition, process=None, patience_s=PATIENCE_S):
    """Polls until the condition holds and returns its value."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        if process is not None and process.poll() is not None:
            break
        time.sleep(0.02)
    raise Failed(f"{what}: not within {patience_s} s" if process is None or process.poll() is None
                 else f"{what}: the process ended with {process.returncode}")


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def run(*command, timeout_s=None, cpus=None):
    """Runs to the end and returns standard output."""
    command = [str(word) for word in command]
    pin = None if cpus is None else lambda: os.sched_setaffinity(0, cpus)
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False, preexec_fn=pin)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def run_timed(*command, cpus):
    """Runs to the end; standard output and its processor seconds."""
    before = os.times()
    out = run(*command, cpus=cpus)
    after = os.times()
    return out, (after.children_user - before.children_user) + (after.children_system - before.children_system)


class Processes:
    """Everything started by one comparison. Leaving the block stops what is left of it."""

    def __init__(self):
        self.started = []

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        return self

    def __exit__(self, *_):
        for number in (signal.SIGINT, signal.SIGTERM):  # not twice
            signal.signal(number, signal.SIG_IGN)
        for process in reversed(self.started):
            stop(process)

    def start(self, log, *command, cpus=frozenset({SERVER_CPU})):
        """Pinned before it runs, so that all its threads and children are."""
        with open(log, "ab") as out:
            process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out,
                                       stdin=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cpus))
        self.started.append(process)
        return process

    def stop(self, process):
        stop(process)
        self.started.remove(process)


def alive(pid):
    """Runs still: a process that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def stop(process, patience_s=20):
    """Asks, then insists; its descendants that outlive it are ended one by one."""
    left = cpu.tree_of(process.pid)[1:] if process.poll() is None else []
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    wait_gone(left, 2)
    for pid in left:
        if alive(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    wait_gone(left, patience_s)


def wait_gone(pids, patience_s):
    end = time.monotonic() + patience_s
    while any(alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.02)
