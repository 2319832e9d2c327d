# SPDX-License-Identifier: Apache-2.0
"""When each step of a mass revocation was seen, in seconds from the command's start."""

import threading
import time

from compare_lib.process import Failed

from .asking import REVOKED, Asker, Files, crl_serials

LOOK_S = 0.01
CRL_LOOK_S = 0.1


class Timeline:
    """Steps in the order they were seen; several threads note."""

    def __init__(self):
        self.start_s = time.monotonic()
        self.steps = {}
        self.errors = []
        self.lock = threading.Lock()

    def note(self, step):
        with self.lock:
            self.steps.setdefault(step, time.monotonic() - self.start_s)

    def lines(self):
        return [f"{seconds:9.2f} s  {step}" for step, seconds in sorted(self.steps.items(), key=lambda item: item[1])]


class Watch(threading.Thread):
    """Calls look() until it says that it is done, or the end comes."""

    def __init__(self, timeline, patience_s, pause_s, look):
        super().__init__(daemon=True)
        self.timeline, self.pause_s, self.look = timeline, pause_s, look
        self.end_s = timeline.start_s + patience_s

    def run(self):
        try:
            while not self.look():
                if time.monotonic() > self.end_s:
                    raise Failed("not within the time")
                time.sleep(self.pause_s)
        except Exception as error:  # pylint: disable=broad-except
            self.timeline.errors.append(f"{self.name}: {error}")


def watch_presigner(timeline, presigner, before, change_count, patience_s):
    """Sequences and counters of the presigner, from `before` on."""
    aims = {"accepted by the status database": ("sequence", before["sequence"] + change_count),
            "signed": ("signatures_total", before["signatures_total"] + change_count),
            "in the log": ("urgent_sequence", before["sequence"] + change_count)}

    def look():
        now = presigner.metrics()
        for step, (name, aim) in list(aims.items()):
            if now.get(name, 0) >= aim:
                timeline.note(step)
                del aims[step]
        return not aims

    return Watch(timeline, patience_s, LOOK_S, look)


def watch_answers(timeline, edge, questions, patience_s):
    """Until the edge has answered revoked for each."""
    asker, pending = Asker(edge.port), list(questions)

    def look():
        while pending and asker.ask(pending[0]) == REVOKED:
            if len(pending) == len(questions):
                timeline.note(f"{edge.name}: answers revoked for the first")
            pending.pop(0)
        if not pending:
            timeline.note(f"{edge.name}: answers revoked for all that are asked for")
            asker.close()
        return not pending

    return Watch(timeline, patience_s, LOOK_S, look)


def watch_crls(timeline, edge, paths, patience_s):
    """paths: {path: serials that must be on it}. Until all are."""
    files, pending = Files(edge.port), dict(paths)

    def look():
        for path, serials in list(pending.items()):
            der = files.changed(path)
            if der is not None and serials <= crl_serials(der):
                del pending[path]
        if not pending:
            timeline.note(f"{edge.name}: all are on its CRLs")
            files.close()
        return not pending

    return Watch(timeline, patience_s, CRL_LOOK_S, look)
