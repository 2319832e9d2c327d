# SPDX-License-Identifier: Apache-2.0
"""How fast the library or the token signs by itself, in signatures a second."""

import re

from compare_lib.process import Failed, run

from .presigning import LABEL, PIN, TOKEN, module_path

# Without -multi the rate is per second of processor time; with it, the sum over the processes.
ROWS = {"p256": ("ecdsap256", r"nistp256\)\s+\S+\s+\S+\s+([\d.]+)"),
        "rsa2048": ("rsa2048", r"rsa 2048 bits\s+\S+\s+\S+\s+([\d.]+)")}
SECONDS = 2


def openssl_speed(key, cpus):
    name, pattern = ROWS[key]
    many = ("-multi", len(cpus)) if len(cpus) > 1 else ()
    out = run("openssl", "speed", "-seconds", SECONDS, *many, name, cpus=cpus)
    found = re.search(pattern, out)
    if not found:
        raise Failed(f"openssl speed {name}: no rate in\n{out}")
    return float(found[1])


def token_speed(build, cpus):
    """A loop over C_Sign() alone, one session a thread."""
    out = run(build / "bench/bench-token", module_path(), TOKEN, PIN, LABEL, len(cpus), SECONDS, cpus=cpus)
    count, cpu_us, wall_us = map(int, out.split())
    return count * 1e6 / (wall_us if len(cpus) > 1 else cpu_us)
