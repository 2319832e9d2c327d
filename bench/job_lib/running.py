# SPDX-License-Identifier: Apache-2.0
"""A presigner that runs, and edges over its publication."""

import contextlib
import http.client
import re
import subprocess
from pathlib import Path

from compare_lib import process
from compare_lib.process import Failed, free_port, wait_for

from .filling import Edge

START_S = 900


class Presigner:
    """The daemon over the folder's presigner.yaml, with an admin address and further lines."""

    def __init__(self, build, folder, more=""):
        self.binary, self.dir = build / "presigner/statim-presigner", Path(folder)
        self.admin_port = free_port()
        self.config = self.dir / "running.yaml"
        text = re.sub(r"(?m)^#?admin: .*\n", "", (self.dir / "presigner.yaml").read_text())
        self.config.write_text(f"admin: '127.0.0.1:{self.admin_port}'\n{more}" + text)
        self.process = None

    def __enter__(self):
        with open(self.dir / "presigner.log", "wb") as log:
            self.process = subprocess.Popen([str(self.binary), str(self.config)], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        try:
            wait_for("the presigner", self.metrics, self.process, START_S)
        except Failed:
            process.stop(self.process)
            raise
        return self

    def __exit__(self, *_):
        process.stop(self.process)

    def metrics(self):
        """Samples without their prefix; none while it is not there."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        except (OSError, http.client.HTTPException):
            return {}
        finally:
            connection.close()
        pairs = (line.rsplit(" ", 1) for line in lines if line[:1] not in ("#", ""))
        return {name.removeprefix("statim_presigner_"): float(value) for name, value in pairs}


@contextlib.contextmanager
def edges(build, folder, count, verify="sample", more=""):
    """That many edges, filled and serving."""
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(Edge(build, folder, verify, f"edge-{i}", f"name: edge-{i}\n{more}"))
                   for i in range(count)]
        for edge in started:
            edge.until(lambda metrics: metrics["sync_complete"] == 1 and metrics["snapshot_complete"] == 1)
        yield started
