# SPDX-License-Identifier: Apache-2.0
"""An edge, its clients and a flood, in network namespaces of a test's own:

    clients[0] ─┐
    clients[1] ─┤ router far0 ═══ near0 edge ─ sink
    clients[2] ─┘   ↑ the flood

Who is where, so that two processors tell the truth about the edge. The flood has the first one to itself, as a wire
would, with what takes the edge's answers away (a NAPI thread of far0). The last one is the edge's machine: its worker,
the thread that receives for it (NAPI of near0, as ksoftirqd does it under load), and the clients, which take little.
Clients, worker and the thread of far0 come before the rest of their processor (SCHED_FIFO): the fair scheduler of Linux
6.18 was seen to let a thread that had been woken wait for 0.6 s beside one that is always ready, and then one measures
that. So the worker never waits for the flood, which is kind to the edge without a filter. Answers of the kernel to
spoofed sources leave by another way than they came, into a sink, as into a network card: they cost the edge their
sending and nobody else anything. Settings of the kernel are those of a new namespace, but for tcp_syncookies=2 with the
filter, which its cookies need."""

import array
import contextlib
import fcntl
import json
import os
import socket
import struct
import subprocess

from network import Cable, Namespace
from site_under_test import BUILD, run, wait_for

FLOOD = str(BUILD / "bench" / "flood" / "statim-flood")
PASS = BUILD / "bench" / "flood" / "pass.bpf.o"
SHED = str(BUILD / "bpf" / "statim-shed")
BENCH = str(BUILD / "bench" / "statim-bench")

CLIENT_COUNT = 3
# How long a client waits for an answer: it is in the middle of a TLS handshake. Quiet, it takes a millisecond.
PATIENCE_S = 0.4
EDGE_V4, EDGE_V6 = Cable.NEAR, "fd77::2"
SPOOFED_V4, SPOOFED_V6 = "198.18.0.0/15", "2001:db8::/32"
PROCESSORS = sorted(os.sched_getaffinity(0))
OUTSIDE, INSIDE = PROCESSORS[0], PROCESSORS[-1]
# Interfaces that take frames and forget them; which of them there are depends on the kernel.
SINKS = ("dummy", "ifb", "bridge")

SIOCETHTOOL, ETHTOOL_STSO, ETHTOOL_SGRO = 0x8946, 0x1F, 0x2C

RIGHT = {"good", "revoked"}
# What a flood may do to a client. Any other end is a wrong answer.
HARMED = {"connect", "closed", "timeout", "unsent"}


def on(processor):
    return ["taskset", "-c", processor]


def first_on(processor):
    """Before whatever is not first."""
    return [*on(processor), "chrt", "-f", 1]


def set_offload(namespace, device, command, value):
    """As ethtool does it."""
    with namespace.inside(), socket.socket() as control:
        words = array.array("I", [command, value])
        fcntl.ioctl(control, SIOCETHTOOL, struct.pack("16sP", device.encode(), words.buffer_info()[0]))


def receive_in_thread(receiver, device, sender, peer, processor, first):
    """What the device receives is received by a thread of its own, on that processor. The NAPI of a veth is used only
    for what is worth aggregating; without TSO at the sending end that is everything, as it is with an XDP program."""
    set_offload(sender, peer, ETHTOOL_STSO, 0)
    set_offload(receiver, device, ETHTOOL_SGRO, 1)
    threads_before = napi_threads(device)
    switch = f"mount -t sysfs own /sys && echo 1 >/sys/class/net/{device}/threaded"
    done = run(*receiver.enter, "unshare", "-m", "sh", "-c", switch, check=False)
    if done.returncode != 0:
        raise OSError(f"no threaded NAPI here: {done.stderr.strip()}")
    new = wait_for(lambda: napi_threads(device) - threads_before, f"the NAPI thread of {device}", 20)
    for thread in new:
        os.sched_setaffinity(thread, {processor})
        if first:
            os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(1))


def napi_threads(device):
    threads = set()
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            with open(f"/proc/{int(entry)}/comm", encoding="ascii") as file:
                if file.read().startswith(f"napi/{device}-"):
                    threads.add(int(entry))
    return threads


class Goodput:
    """What the clients got of what they asked for."""

    def __init__(self, stretches):
        self.ends = {}
        for stretch in stretches:
            for end, count in stretch["ends"].items():
                self.ends[end] = self.ends.get(end, 0) + count
        self.due = sum(stretch["due"] for stretch in stretches)
        self.right = sum(self.ends.get(end, 0) for end in RIGHT)
        self.wrong = sum(count for end, count in self.ends.items() if end not in RIGHT | HARMED)
        self.share = self.right / self.due

    def __str__(self):
        ends = ", ".join(f"{count} {end}" for end, count in self.ends.items() if count)
        return f"{self.share:.3f} of {self.due} ({ends})"


class FloodWorld:
    def __init__(self):
        self.namespaces = []
        self.processes = []
        try:
            self.router, self.edge = self.namespace(), self.namespace()
            self.clients = [self.namespace() for _ in range(CLIENT_COUNT)]
            self.join_edge()
            for number, client in enumerate(self.clients):
                self.join_client(number, client)
            self.add_sink()
            receive_in_thread(self.edge, "near0", self.router, "far0", INSIDE, False)
            receive_in_thread(self.router, "far0", self.edge, "near0", OUTSIDE, True)
            # Else what the filter answers stays in the queue of far0.
            self.router.ip("link", "set", "far0", "xdpdrv", "obj", PASS, "sec", "xdp")
        except BaseException:
            self.remove()
            raise
        self.edge_mac = json.loads(self.edge.ip("-json", "link", "show", "near0"))[0]["address"]

    def namespace(self):
        self.namespaces.append(Namespace())
        return self.namespaces[-1]

    def set(self, namespace, name, value):
        run(*namespace.enter, "sh", "-c", f"echo {value} >/proc/sys/net/{name}")

    def join_edge(self):
        Cable(self.edge, self.router)
        self.edge.ip("address", "add", f"{EDGE_V6}/64", "dev", "near0", "nodad")
        self.router.ip("address", "add", "fd77::1/64", "dev", "far0", "nodad")
        self.edge.ip("route", "add", "10.78.0.0/16", "via", Cable.FAR)
        self.edge.ip("route", "add", "fd78::/32", "via", "fd77::1")
        self.set(self.router, "ipv4/ip_forward", 1)
        self.set(self.router, "ipv6/conf/all/forwarding", 1)
        # What comes back to a spoofed source ends here without a word.
        self.router.ip("route", "add", "blackhole", SPOOFED_V4)
        self.router.ip("route", "add", "blackhole", SPOOFED_V6)

    def join_client(self, number, client):
        outer = f"client{number}"
        self.router.ip("link", "add", outer, "type", "veth", "peer", "name", "up0", "netns", client.holder.pid)
        for namespace, device, host in ((self.router, outer, 1), (client, "up0", 2)):
            namespace.ip("address", "add", f"10.78.{number}.{host}/24", "dev", device)
            namespace.ip("address", "add", f"fd78:0:{number}::{host}/64", "dev", device, "nodad")
            namespace.ip("link", "set", device, "up")
        client.ip("route", "add", "default", "via", f"10.78.{number}.1")
        client.ip("route", "add", "default", "via", f"fd78:0:{number}::1")

    def add_sink(self):
        for kind in SINKS:
            if run(*self.edge.enter, "ip", "link", "add", "sink", "type", kind, check=False).returncode == 0:
                break
        else:
            raise OSError(f"no interface of these kinds here: {', '.join(SINKS)}")
        self.edge.ip("link", "set", "sink", "up")
        for address, via, spoofed in (("192.0.2.1/30", "192.0.2.2", SPOOFED_V4), ("fd79::1/64", "fd79::2", SPOOFED_V6)):
            self.edge.ip("address", "add", address, "dev", "sink", *(["nodad"] if ":" in address else []))
            self.edge.ip("neighbour", "add", via, "lladdr", "02:00:00:00:00:01", "dev", "sink")
            self.edge.ip("route", "add", spoofed, "via", via, "dev", "sink")

    def enter_edge(self):
        """The command that runs its arguments on the edge's machine."""
        return [*self.edge.enter, *first_on(INSIDE)]

    def start(self, *command):
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        self.processes.append(process)
        return process

    def flood(self, seconds, *options, version=4, port=80):
        """Starts a flood that ends by itself, or early by finish()."""
        to, spoofed = (EDGE_V4, SPOOFED_V4) if version == 4 else (EDGE_V6, SPOOFED_V6)
        before = self.received()
        flood = self.start(*self.router.enter, *on(OUTSIDE), FLOOD, "--interface", "far0", "--to", to, "--to-mac",
                           self.edge_mac, "--from", spoofed, "--port", port, "--seconds", seconds, *options)
        wait_for(lambda: self.received() > before + 1000 or flood.poll() is not None, "the flood", 60)
        return flood

    def received(self):
        """Frames that have come to the edge's interface."""
        return json.loads(self.edge.ip("-json", "-stats", "link", "show", "near0"))[0]["stats64"]["rx"]["packets"]

    def filter(self, folder, **keys):
        """Starts statim-shed on the edge's machine, with cookies for what is beyond the budget."""
        (folder / "bpf").mkdir(exist_ok=True)
        log_path = folder / "shed.log"
        log_path.write_text("")  # what one before has said is not said by this one
        self.set(self.edge, "ipv4/tcp_syncookies", 2)
        config = folder / "shed.yaml"
        config.write_text(json.dumps({
            "interfaces": ["near0"], "services": [f"{EDGE_V4}:80", f"[{EDGE_V6}]:80"], "pin_folder": "bpf/statim",
            "control_socket": "control", **keys}))
        script = 'mount -t bpf bpf "$1" && exec "$2" "$3"'
        with open(log_path, "ab") as log:
            agent = subprocess.Popen([str(word) for word in (
                *self.edge.enter, "unshare", "-m", *on(OUTSIDE), "sh", "-c", script, "sh", folder / "bpf", SHED, config)],
                stdout=log, stderr=log)
        self.processes.append(agent)
        wait_for(lambda: "at work on" in log_path.read_text(), "statim-shed", 60, agent)
        return agent

    def unfilter(self, agent):
        """Its bpf file system goes with it, and the filter with what was pinned there."""
        agent.terminate()
        agent.wait(60)
        wait_for(lambda: "prog/xdp" not in self.edge.ip("link", "show", "near0"), "near0 without a filter", 60)
        self.set(self.edge, "ipv4/tcp_syncookies", 1)

    def counters(self):
        """The kernel's own of the edge's machine: name → value."""
        values = {}
        for file in ("netstat", "snmp"):
            lines = run(*self.edge.enter, "cat", f"/proc/net/{file}").stdout.splitlines()
            for names, numbers in zip(lines[::2], lines[1::2]):
                values |= zip(names.split()[1:], map(int, numbers.split()[1:]))
        return values

    def ask(self, site, folder, seconds, rate, *options, version=4):
        """All clients ask at once; half of their connections carry one request each."""
        host = EDGE_V4 if version == 4 else f"[{EDGE_V6}]"
        clients = []
        for number, client in enumerate(self.clients):
            clients.append(self.start(
                *client.enter, *first_on(INSIDE), BENCH, f"http://{host}:{site.port}", "--issuer", site.ca, "--serials",
                site.dir / "serials.txt", "--rate", rate / len(self.clients), "--close-share", 0.5, "--timeout", PATIENCE_S,
                "--duration", seconds, "--warmup", 0.5, "--quiet", "--json", folder / f"client{number}.json", *options))
        for client in clients:
            client.communicate(timeout=seconds + 60)
        return Goodput([json.loads((folder / f"client{number}.json").read_text())["stretches"][0]
                        for number in range(len(clients))])

    def finish(self, flood, early=False):
        """What it sent."""
        if early:
            flood.terminate()
        output, errors = flood.communicate(timeout=60)
        assert flood.returncode == 0, errors
        return json.loads(output)

    def remove(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)
        for namespace in self.namespaces:
            namespace.remove()
