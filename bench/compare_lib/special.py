# SPDX-License-Identifier: Apache-2.0
"""Cases that are no table of candidates, by name."""

from . import special_apply, special_clients, special_files, special_idle, special_workers
from .cases import SPECIAL
from .results import SpecialResult

RUN = {"clients": special_clients.run, "workers": special_workers.run, "idle": special_idle.run,
       "apply": special_apply.run, "files": special_files.run_case}


def run(name, session, world):
    lines, values = RUN[name](session, world)
    return SpecialResult(name, SPECIAL[name], world.site.certs, lines, values)
