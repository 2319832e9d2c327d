# SPDX-License-Identifier: Apache-2.0
"""The whole of a comparison: data sets, cases, reports."""

import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

from . import candidates, cases, cpu, options, report_html, report_text, results, rounds, special, targets
from .bench_client import StatimBench
from .clients import Wrk
from .process import Failed, Processes
from .world import World


def machine():
    """What the figures depend on."""
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return {"processors": os.cpu_count(), "processor": model, "kernel": platform.release(), "started": int(time.time())}


class Session:
    def __init__(self, o, folder, processes):
        self.options, self.folder, self.processes = o, folder, processes
        name = o.client or ("statim-bench" if StatimBench.is_built(o.build) else "wrk")
        self.client = {"statim-bench": StatimBench, "wrk": Wrk}[name](o.build, folder)
        self.results, self.verdicts = [], []

    def tell(self, text):
        print(text, flush=True)

    def run_case(self, world, case):
        result = results.CaseResult(case, world.site.certs)
        for one in world.candidates:
            if not one.can(case):
                result.left_out[one.name] = f"does not answer {', '.join(sorted(case.methods - one.methods)).upper()}"
        self.tell(f"\n{case.name}: {case.text}")
        work = rounds.Rounds(self.options, self.client, self.tell)
        entries = rounds.entries_of(world.candidates, case, cases.CASES)
        samples = work.capacity(entries)
        latency = work.latency(entries, samples)
        result.rows = [results.Row(one.name, one.candidate.answers, samples[one.name], latency.get(one.name, []))
                       for one in entries]
        result.remark = self.client.remark
        self.tell(report_text.case(result))
        return result

    def run_set(self, certs):
        """All cases over one data set."""
        self.tell(f"data set of {certs:,} certificates")
        world = World(self.options.build, self.folder / str(certs), certs, self.processes)
        usual = [cases.CASES[name] for name in self.options.cases if name in cases.CASES]
        if usual:
            names = [name for name in self.options.candidates if candidates.present(name)]
            for name in self.options.candidates:
                if name not in names:
                    self.tell(f"{name}: left out, it is not installed")
            world.start(names, self.options.also)
        done = []
        try:
            self.run_cases(world, usual, done)
        finally:  # what was measured is told, whatever came after it
            figures = {}
            for result in done:
                figures.update(result.figures())
            self.results += done
            self.verdicts += targets.check(figures, certs)
        world.stop()
        shutil.rmtree(world.folder)

    def run_cases(self, world, usual, done):
        for case in usual:
            done.append(self.run_case(world, case))
        for name in self.options.cases:
            if name in cases.SPECIAL:
                self.tell(f"\n{name}: {cases.SPECIAL[name]}")
                done.append(special.run(name, self, world))
                self.tell(report_text.special(done[-1]))

    def report(self, failure=None):
        self.tell(report_text.verdicts(self.verdicts))
        if self.options.json:
            self.options.json.write_text(json.dumps({
                "format": "statim-compare 1", "machine": machine(), "client": self.client.name,
                "arguments": sys.argv[1:], "failure": failure, "results": [result.as_json() for result in self.results],
                "aims": [results.verdict_json(verdict) for verdict in self.verdicts]}, indent=1) + "\n")
        if self.options.html:
            self.options.html.write_text(report_html.page(self.results, self.verdicts, machine(), sys.argv[1:]))


def main(root, text):
    o = options.parse(root, text)
    cpu.check()
    if os.cpu_count() < 2:
        raise SystemExit("bench/compare: two processors are needed: one serves, one asks")
    folder = Path(tempfile.mkdtemp(prefix="statim-compare-", dir=o.dir))
    keep = False
    try:
        with Processes() as processes:
            session = Session(o, folder, processes)
            try:
                for certs in o.certs:
                    session.run_set(certs)
            except Failed as error:
                session.report(str(error))
                raise
            session.report()
    except Failed as error:
        keep = True
        raise SystemExit(f"bench/compare: {error}\n{folder} is left for a look") from None
    except KeyboardInterrupt:
        raise SystemExit("bench/compare: stopped") from None
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
