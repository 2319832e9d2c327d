# SPDX-License-Identifier: Apache-2.0
"""An edge over a publication's folder, watched while it fills its store."""

import contextlib
import http.client
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from compare_lib import cpu, process
from compare_lib.process import Failed, free_port

LOOK_S = 0.01
PATIENCE_S = 3600
APPLIED = "sync_statements_applied_total"


@dataclass(frozen=True)
class Pass:
    """Statements put into the store: `statements` in `wall_s`."""
    statements: int
    wall_s: float
    cpu_s: float   # of the sync process

    @property
    def rate(self):
        return self.statements / self.wall_s

    @property
    def cpu_rate(self):
        return self.statements / self.cpu_s


@dataclass(frozen=True)
class Memory:
    peak_bytes: int       # with the pages of the map
    anonymous_bytes: int  # at the time of asking


class Edge:
    """Its store is empty at the start. Several over one folder have different names; `more` are further lines of
    their configuration."""

    def __init__(self, build, folder, verify, name="apply", more=""):
        self.binary, self.dir, self.name = build / "edge/statim-edge", Path(folder), name
        self.port, self.admin_port = free_port(), free_port()
        self.store = self.dir / ("applied" if name == "apply" else f"{name}-store")
        self.log = self.dir / f"{name}.log"
        self.config = self.dir / f"{name}.yaml"
        self.config.write_text(self.config_text(verify) + more)
        self.process = None

    def config_text(self, verify):
        """The folder's own, elsewhere in places."""
        text = re.sub(r"(?m)^(data_dir|admin|verify_packs):.*\n|^listen:\n(?:  - .*\n)+", "",
                      (self.dir / "edge.yaml").read_text())
        return text + (f"data_dir: {self.store.name}\nlisten:\n  - '127.0.0.1:{self.port}'\n"
                       f"admin: '127.0.0.1:{self.admin_port}'\nverify_packs: {verify}\n")

    def __enter__(self):
        shutil.rmtree(self.store, ignore_errors=True)
        with open(self.log, "wb") as log:
            self.started_s = time.monotonic()
            self.process = subprocess.Popen([str(self.binary), str(self.config)], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        process.stop(self.process)

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=5)
        try:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        except OSError:
            return {}
        finally:
            connection.close()
        pairs = (line.rsplit(" ", 1) for line in lines if line[:1] not in ("#", ""))
        return {name.removeprefix("statim_edge_"): float(value) for name, value in pairs}

    def child(self, name):
        for pid in cpu.children_of(self.process.pid):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    return pid
        raise Failed(f"{self.dir}: the edge has no process {name}, see {self.log.name}")

    def look(self):
        """The metrics now; none while the edge is not there yet."""
        if self.process.poll() is not None:
            raise Failed(f"{self.dir}: the edge ended, see {self.log.name}")
        metrics = self.metrics()
        if metrics.get("sync_content_refused_total"):
            raise Failed(f"{self.dir}: the edge refuses content, see {self.log.name}")
        return metrics

    def until(self, condition, each=lambda metrics: None):
        """The first metrics that fulfil the condition; calls each() with those that do not."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            metrics = self.look()
            if metrics and condition(metrics):
                return metrics
            each(metrics)
            time.sleep(LOOK_S)
        raise Failed(f"{self.dir}: not within {PATIENCE_S} s")

    def timed(self, begins, ends):
        """From the last look before it has begun, so that a pass shorter than a look is seen too."""
        mark = [self.started_s, 0.0, 0.0]

        def remember(metrics):
            if metrics:
                mark[:] = time.monotonic(), metrics[APPLIED], cpu.process_s(self.child("edge-sync"))

        self.until(begins, remember)
        last = self.until(ends)
        begin_s, first, begin_cpu_s = mark
        return Pass(int(last[APPLIED] - first), time.monotonic() - begin_s,
                    cpu.process_s(self.child("edge-sync")) - begin_cpu_s)

    def first_filling(self):
        """The pass, and seconds from the start of the process until it serves everything."""
        done = self.timed(lambda m: m["sync_resyncs_total"] > 0, lambda m: m["sync_complete"] == 1)
        self.until(lambda m: m["snapshot_complete"] == 1)
        return done, time.monotonic() - self.started_s

    def follow_turn(self, turn):
        """Another generation, which `turn` publishes; watched from before that on."""
        stood = self.metrics()["sync_log_number"]
        with ThreadPoolExecutor(1) as pool:
            turned = pool.submit(turn)
            done = self.timed(lambda m: m["sync_log_number"] > stood,
                              lambda m: m["sync_log_number"] > stood and m["sync_log_lag"] == 0)
            turned.result()
        return done

    def memory(self, name):
        lines = Path(f"/proc/{self.child(name)}/status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines)
        return Memory(int(status["VmHWM"].split()[0]) * 1024, int(status["RssAnon"].split()[0]) * 1024)

    def store_bytes(self):
        """On the disk."""
        return (self.store / "store/data.mdb").stat().st_blocks * 512
