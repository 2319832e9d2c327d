# SPDX-License-Identifier: Apache-2.0
"""Drives the real binaries: init, import, start, ask, stop."""

import contextlib
import datetime
import http.client
import itertools
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

import ocsp_oracle

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("STATIM_BUILD", ROOT / "build"))
STATIM = str(BUILD / "tools" / "statim")
PRESIGNER = str(BUILD / "presigner" / "statim-presigner")
EDGE = str(BUILD / "edge" / "statim-edge")
IS_SANITIZED = "asan" in BUILD.name or "tsan" in BUILD.name
NOT_AFTER_S = int(time.time()) + 90 * 86400


PORT_FIRST, PORT_END, PORTS_A_PROCESS = 10000, 32768, 256


def reserve_ports():
    """Ports for this process, over and over. Tests run side by side, and what one has found free another would find
    free, too: the name of an abstract socket reserves a block of numbers as long as the process lives. They are below
    those that the kernel gives out."""
    for first in range(PORT_FIRST, PORT_END - PORTS_A_PROCESS, PORTS_A_PROCESS):
        with socket.socket(socket.AF_UNIX) as holder:
            try:
                holder.bind(f"\0statim-test-ports-{first}")
            except OSError:
                continue
            while True:
                yield from range(first, first + PORTS_A_PROCESS)


PORTS = reserve_ports()


def free_port():
    """A loopback port that nobody listens on, and no other test will."""
    for port in itertools.islice(PORTS, PORTS_A_PROCESS):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


def wait_for(condition, what, deadline_s=30, process=None, pause_max_s=0.2):
    """Polls until the condition holds and returns its value; fails loudly when it does not hold after the deadline, either:
    who was not given the processor until then has not looked. The longer it takes the less often it looks."""
    begin = time.monotonic()
    end = begin + deadline_s
    is_late = False
    while not is_late:
        is_late = time.monotonic() >= end
        value = condition()
        if value:
            return value
        if process is not None and process.poll() is not None:
            # It may have become true between the two looks.
            if value := condition():
                return value
            raise AssertionError(f"process ended with {process.returncode} while waiting for {what}")
        time.sleep(min(pause_max_s, 0.02 + (time.monotonic() - begin) / 50))
    raise AssertionError(f"{what}: not within {deadline_s} s")


def pass_time(seconds):
    """For a test that is about time itself: an instant in something that goes on, or a process that is to be late."""
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= end, f"{seconds} s", seconds + 30)


def run(*command, check=True, **options):
    """Runs a command and returns the finished process, output as text."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=options.pop("timeout", 120), check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


class Site:
    """A presigner and an edge in one folder."""

    def __init__(self, folder, **options):
        self.dir = Path(folder)
        self.port = free_port()
        self.admin_port = free_port()
        self.options = options
        self.rows = []
        self.certificates = {}
        self.presigner = None
        self.edge = None
        self.logs = []
        self.publishing_count = 0  # of presigners before the one that runs
        self.enter = []  # a command that runs its arguments elsewhere, before each of ours

    # Making

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def ca(self):
        return self.dir / "ca.pem"

    def init(self, *arguments):
        run(STATIM, "init", self.dir, "--listen", f"127.0.0.1:{self.port}", "--admin",
            f"127.0.0.1:{self.admin_port}", *arguments)

    def edit(self, name, pattern, replacement):
        """Changes a line of a configuration file; the pattern must be there."""
        path = self.dir / name
        text, count = re.subn(pattern, replacement, path.read_text(), flags=re.M)
        assert count > 0, f"{pattern} not in {name}:\n{path.read_text()}"
        path.write_text(text)

    def append_edge(self, text):
        """Adds keys to edge.yaml that `statim init` leaves at their defaults."""
        with open(self.dir / "edge.yaml", "a", encoding="utf-8") as file:
            file.write(text)

    def use_origin(self, *urls):
        """Lets the edge replicate from these URLs instead of the folder."""
        lines = "".join(f"  - {url}\n" for url in urls)
        self.edit("edge.yaml", r"^origins:\n(?:  ?- .*\n)+", f"origins:\n{lines}")

    def use_responder(self, certificate, key):
        """Lets a delegated responder sign."""
        self.edit("presigner.yaml", r"^(\s+)(ca_certificate: .*)$",
                  rf"\1\2\n\1responder_certificate: {certificate}\n\1responder_key:\n\1  file: {key}")

    def children(self, role):
        """Process ids of the edge's children in that role."""
        lines = run("ps", "-o", "pid=,comm=", "--ppid", self.edge.pid, check=False).stdout.splitlines()
        return [int(line.split(None, 1)[0]) for line in lines if role in line.split(None, 1)[1]]

    def child(self, role):
        """Process id of the edge's child in that role, or None between two of its lives."""
        return next(iter(self.children(role)), None)

    def issue_certificate(self, name, revoked=None, ca=None, key=None):
        """A real certificate of the CA, and its row for the import."""
        serial = "4" + os.urandom(16).hex()[1:]
        issuer = ocsp_oracle.load(ca or self.ca)
        signer = serialization.load_pem_private_key(Path(key or self.dir / "ca-key.pem").read_bytes(), None)
        own, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.utcnow()
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(self.url))
        builder = x509.CertificateBuilder(
            issuer.subject, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name}.test")]), own.public_key(),
            int(serial, 16), now, now + datetime.timedelta(days=90))
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        is_plain = isinstance(signer, ed25519.Ed25519PrivateKey)
        certificate = builder.sign(signer, None if is_plain else hashes.SHA256())
        pem = serialization.Encoding.PEM
        (self.dir / f"{name}.key").write_bytes(own.private_bytes(pem, serialization.PrivateFormat.PKCS8,
                                                                 serialization.NoEncryption()))
        self.certificates[name] = self.dir / f"{name}.pem"
        self.certificates[name].write_bytes(certificate.public_bytes(pem))
        self.add_row(serial, revoked)
        return serial.upper()

    def add_row(self, serial, revoked=None):
        if revoked is None:
            self.rows.append(f"{serial},good,,,{NOT_AFTER_S}")
        else:
            self.rows.append(f"{serial},revoked,{revoked[1]},{revoked[0]},{NOT_AFTER_S}")

    def serial(self, name):
        text = f"{ocsp_oracle.load(self.certificates[name]).serial_number:X}"
        return text.zfill(len(text) + len(text) % 2)

    def import_certificates(self, check=True):
        path = self.dir / "import.csv"
        path.write_text("serial,status,revoked_at,reason,not_after\n" + "\n".join(self.rows) + "\n")
        self.rows = []
        return self.statim("import", self.dir, path, check=check)

    # Running

    def spawn(self, name, *command):
        log = open(self.dir / f"{name}.log", "ab")
        self.logs.append(log)
        environment = dict(os.environ)
        if command[0] == EDGE:
            # The leak check reads /proc, which serve has given up; unit tests look for leaks.
            environment["ASAN_OPTIONS"] = "detect_leaks=0"
        return subprocess.Popen([str(word) for word in (*self.enter, *command)], stdout=log, stderr=log,
                                stdin=subprocess.DEVNULL, env=environment)

    def start_presigner(self):
        self.publishing_count = self.told_publishing()
        self.presigner = self.spawn("presigner", PRESIGNER, self.dir / "presigner.yaml")

    def presign_once(self, check=True):
        return run(*self.enter, PRESIGNER, self.dir / "presigner.yaml", "--once", check=check)

    def statim(self, *arguments, check=True):
        return run(*self.enter, STATIM, *arguments, check=check)

    def revoke(self, name, check=True):
        return self.statim("revoke", self.dir, self.serial(name), "--reason", "superseded", check=check)

    def stop_between_commits(self):
        """SIGSTOP for the presigner, but not in the middle of a commit, where it would hold up all who write."""
        for _ in range(20):
            self.presigner.send_signal(signal.SIGSTOP)
            probe = subprocess.Popen([STATIM, "revoke", str(self.dir), "7FFFFFFFFF"], stderr=subprocess.DEVNULL)
            try:
                assert probe.wait(5) == 1  # there is no such certificate, which was looked up as a writer
                return
            except subprocess.TimeoutExpired:
                self.presigner.send_signal(signal.SIGCONT)
                probe.wait(60)
        raise AssertionError("the presigner was stopped in the middle of a commit each time")

    def answer(self, name="good"):
        """What the edge says of that certificate, or the reason why that is nothing to rely on."""
        try:
            return ocsp_oracle.ask(self.port, self.certificates[name], self.ca)
        except (ocsp_oracle.Refused, OSError, http.client.HTTPException) as error:
            return str(error)

    def start_edge(self, wait=True):
        self.edge = self.spawn("edge", EDGE, self.dir / "edge.yaml")
        if wait:
            self.wait_healthy()

    def start(self):
        """The edge alone may be healthy with what was published before."""
        self.start_presigner()
        self.start_edge()
        self.wait_publishing()

    def told_publishing(self):
        """How many presigners have said that they publish."""
        path = self.dir / "presigner.log"
        return self.presigner_log().count("ready: publishing") if path.exists() else 0

    def wait_publishing(self):
        """Until the presigner has its lease and its admin address."""
        wait_for(lambda: self.told_publishing() > self.publishing_count, "the presigner ready", 60, self.presigner)

    def reload_edge(self):
        """SIGHUP, and waits until the edge has taken or refused the configuration."""
        told = self.edge_log().count("configuration reloaded") + self.edge_log().count("not reloaded")
        self.edge.send_signal(signal.SIGHUP)
        wait_for(lambda: self.edge_log().count("configuration reloaded") +
                 self.edge_log().count("not reloaded") > told, "the reload", 60, self.edge)

    def wait_handed_over(self):
        """After a reload: until one serving and at most one admin process is left."""
        wait_for(lambda: len(self.children("serve")) == 1 and len(self.children("admin")) <= 1,
                 "one process of each kind", 40, self.edge)

    def head_log(self):
        """The number of the newest log entry that the head names."""
        lines = (self.dir / "pub" / "head").read_text().splitlines()
        return next(int(line.split()[2]) for line in lines if line.startswith("log "))

    def edge_log(self):
        return self.lines_of("edge.log")

    def presigner_log(self):
        return self.lines_of("presigner.log")

    def lines_of(self, log):
        """Its whole lines: one may be half written."""
        text = (self.dir / log).read_text(errors="replace")
        return text[:text.rfind("\n") + 1]

    def wait_healthy(self, deadline_s=60):
        try:
            wait_for(self.healthy, "the edge healthy", deadline_s, self.edge)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log_text()}") from None

    def healthy(self):
        try:
            return self.admin("/healthz")[0] == 200
        except OSError:
            return False

    def admin(self, path, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.admin_port, timeout=20)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except http.client.HTTPException as error:  # who answered was killed in the middle of it
            raise ConnectionError(repr(error)) from error
        finally:
            connection.close()

    def use_presigner_admin(self):
        """Gives the presigner an admin address; its port."""
        port = free_port()
        self.edit("presigner.yaml", r"^#admin: .*$", f"admin: 127.0.0.1:{port}")
        return port

    def metrics(self, port=None):
        """The edge's samples (or those at a port) without labels, and with: name{labels} → value."""
        samples = {}
        for line in self.admin("/metrics", port)[1].splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                samples[name] = float(value)
        return samples

    def log_text(self):
        text = ""
        for name in ("presigner", "edge"):
            path = self.dir / f"{name}.log"
            if path.exists():
                text += f"--- {name}\n" + path.read_text(errors="replace")[-6000:]
        return text

    def stop_process(self, process, how=signal.SIGTERM, deadline_s=30):
        """Stops one process of ours and returns its exit status."""
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(how)
        try:
            return process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            raise AssertionError(f"did not stop within {deadline_s} s\n{self.log_text()}") from None

    def stop(self):
        for process in (self.edge, self.presigner):
            if process is not None and process.poll() is None:
                process.terminate()
        for process in (self.edge, self.presigner):
            if process is not None:
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(10)
        for log in self.logs:
            log.close()
        if IS_SANITIZED:
            assert "ERROR: AddressSanitizer" not in self.log_text(), self.log_text()
            assert "ERROR: LeakSanitizer" not in self.log_text(), self.log_text()
            assert "runtime error:" not in self.log_text(), self.log_text()
