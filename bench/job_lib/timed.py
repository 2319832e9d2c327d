# SPDX-License-Identifier: Apache-2.0
"""Programs that run to their end, with what they took."""

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass

from compare_lib.process import Failed


@dataclass(frozen=True)
class Timed:
    wall_s: float
    cpu_s: float       # user and system
    peak_bytes: int
    out: str


def timed(*command, cpus=None):
    """On these processors only, when some are named."""
    command = [str(word) for word in command]
    pin = None if cpus is None else lambda: os.sched_setaffinity(0, cpus)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        begin = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=errors, preexec_fn=pin)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        out.seek(0)
        if process.returncode != 0:
            raise Failed(f"{' '.join(command)}: exit {process.returncode}\n{errors.read().decode()[-2000:]}")
        return Timed(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, out.read().decode())
