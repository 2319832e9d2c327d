# SPDX-License-Identifier: Apache-2.0
"""statim-shed at the near end of a cable between two network namespaces, with a bpf file system of its own:

    client far0 ═══ near0 [filter] services and the agent
"""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import threading

import pytest

from network import Cable, Namespace
from site_under_test import BUILD, STATIM, run, wait_for

SHED = str(BUILD / "bpf" / "statim-shed")
SERVICE_PORT, OTHER_PORT = 80, 22
# How long a SYN is waited for that is thought to be dropped.
PATIENCE_S = 0.4
# And one that is not: the kernel and the listener need their processor.
ANSWERED_S = 20
# tcpi_total_retrans of struct tcp_info, behind eight octets and 23 words.
TCP_INFO_BYTES, RETRANSMITTED_AT = 104, 100


def is_first_syn_answered(client):
    """Whether a connected socket needed no second one, which is sent after a second."""
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    return struct.unpack_from("=I", info, RETRANSMITTED_AT)[0] == 0


class Listener:
    """Accepts in the near namespace and says "here" to everybody."""

    def __init__(self, namespace, port):
        with namespace.inside():
            self.socket = socket.create_server((Cable.NEAR, port), backlog=256)
        self.peers = set()  # who was ever connected, whether he waited for it or not
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                taken, (peer, _) = self.socket.accept()
            except OSError:
                return
            self.peers.add(peer)
            with taken, contextlib.suppress(OSError):
                taken.sendall(b"here")

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(5)


class ShedWorld:
    def __init__(self, folder):
        if not os.path.exists(SHED):
            pytest.skip("statim-shed is not built: it needs libbpf, clang and bpftool")
        if os.geteuid() != 0:
            pytest.skip("network namespaces and XDP need root")
        self.dir = folder
        self.config = folder / "shed.yaml"
        self.log = folder / "shed.log"
        self.socket = folder / "control"
        self.pins = folder / "bpf"
        self.agent = None
        self.keys = {}
        self.namespaces, self.listeners = [], []
        self.pins.mkdir()
        self.mounted = False
        try:
            done = run("mount", "-t", "bpf", "bpf", self.pins, check=False)
            if done.returncode != 0:
                pytest.skip(f"no bpf file system here: {done.stderr.strip()}")
            self.mounted = True
            try:
                self.near, self.far = self.namespace(), self.namespace()
                self.cable = Cable(self.near, self.far)
            except OSError as error:
                pytest.skip(str(error))
            for number in range(10, 15):
                self.far.ip("address", "add", f"10.77.0.{number}/24", "dev", "far0")
            self.listeners = [Listener(self.near, port) for port in (SERVICE_PORT, OTHER_PORT)]
        except BaseException:
            self.remove()
            raise

    def namespace(self):
        self.namespaces.append(Namespace())
        return self.namespaces[-1]

    def configure(self, **keys):
        """Writes the configuration: what is always so, with these keys beside or instead."""
        self.keys = {"interfaces": ["near0"], "services": [f"{Cable.NEAR}:{SERVICE_PORT}"], "pin_folder": "bpf/statim",
                     "control_socket": "control", "syn_per_s": 0, "packets_per_s": 0,
                     "sample_one_in": 1, "controller": {"poll_ms": 100}} | keys
        self.config.write_text(json.dumps(self.keys))

    def command(self, *arguments, before=()):
        return [str(word) for word in (*self.near.enter, *before, SHED, self.config, *arguments)]

    def start(self, before=(), wait=True):
        with open(self.log, "ab") as log:
            self.agent = subprocess.Popen(self.command(before=before), stderr=log, stdout=log, stdin=subprocess.DEVNULL)
        if wait:
            # Whoever answers is at work; the log may be of one before.
            try:
                wait_for(self.asks, "the agent", 60, self.agent)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{self.log.read_text()[-3000:]}") from None

    def asks(self):
        return run(STATIM, "shed", "level", "--socket", self.socket, check=False).returncode == 0

    def said(self, text):
        return self.log.read_text().count(text)

    def ask(self, *words):
        """An answer of the agent."""
        return json.loads(run(STATIM, "shed", *words, "--json", "--socket", self.socket).stdout)

    def stats(self):
        return self.ask("stats")

    def packets(self, reason, interface="near0"):
        row = next(row for row in self.stats()["interfaces"] if row["name"] == interface)
        return row["reasons"][reason]["packets"]

    def end(self, number=signal.SIGTERM):
        if self.agent is not None and self.agent.poll() is None:
            self.agent.send_signal(number)
        code = self.agent.wait(60)
        self.agent = None
        return code

    def reloads(self):
        values = self.stats()["values"]
        return values["reloads"] + values["reloads_failed"]

    def reload(self):
        """SIGHUP, and waits until the agent has taken or refused the configuration."""
        before = self.reloads()
        self.agent.send_signal(signal.SIGHUP)
        wait_for(lambda: self.reloads() > before, "the reload", 60, self.agent)

    def answers(self, source, port=SERVICE_PORT):
        """Whether the first SYN from that address is answered, however slow the machine is."""
        return self.reaches(source, port, ANSWERED_S)

    def reaches(self, source, port=SERVICE_PORT, patience_s=PATIENCE_S):
        """Whether a connection from that address is answered: at its first SYN, and within the time."""
        with self.far.inside():
            client = socket.socket()
        with client:
            client.settimeout(patience_s)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                client.bind((source, 0))
                client.connect((Cable.NEAR, port))
                client.settimeout(ANSWERED_S)
                return client.recv(4) == b"here" and is_first_syn_answered(client)
            except (TimeoutError, ConnectionError):
                return False

    def has_filter(self, device="near0"):
        return "prog/xdp" in self.near.ip("link", "show", "dev", device)

    def detach(self):
        return run(*self.command("--detach"), check=False)

    def remove(self):
        if self.agent is not None and self.agent.poll() is None:
            self.agent.kill()
            self.agent.wait(10)
        for listener in self.listeners:
            listener.close()
        for namespace in self.namespaces:
            namespace.remove()
        if self.mounted:
            run("umount", "-l", self.pins, check=False)
