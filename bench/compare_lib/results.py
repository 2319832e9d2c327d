# SPDX-License-Identifier: Apache-2.0
"""What was measured: rows for the reports, figures for the aims, everything for --json."""

from dataclasses import asdict, dataclass, field

from . import stats

PERCENTILES = ("p50", "p99", "p99.9")


@dataclass
class Row:
    """One candidate in one case."""
    name: str
    answers: str
    samples: list
    latency: list = field(default_factory=list)

    def of(self, figure):
        """One value a round; None for the disturbed ones, unless all are."""
        some = self.latency if figure in PERCENTILES else self.samples
        all_disturbed = all(sample.disturbed for sample in some)
        return [sample.figure(figure) if all_disturbed or not sample.disturbed else None for sample in some]

    def summary(self, figure):
        return stats.summary(self.of(figure))

    @property
    def notes(self):
        notes = [] if self.answers == "all" else [self.answers]
        for some, what in ((self.samples, ""), (self.latency, " at fixed rate")):
            disturbed = sum(sample.disturbed for sample in some)
            if disturbed:
                left_out = "" if disturbed == len(some) else ", left out"
                notes.append(f"{disturbed} of {len(some)} disturbed{what}{left_out}")
            notes += sorted({sample.limit for sample in some if sample.limit})
        return "; ".join(notes)


@dataclass
class CaseResult:
    case: object
    certs: int
    rows: list = field(default_factory=list)
    left_out: dict = field(default_factory=dict)   # candidate: why
    remark: str = ""

    @property
    def offered(self):
        rates = [sample.offered for row in self.rows for sample in row.latency]
        return max(rates) if rates else None

    def figures(self):
        names = ("server_us", "total_us", "client_us", "rate", *PERCENTILES)
        return {(self.case.name, row.name, figure): row.of(figure) for row in self.rows for figure in names}

    def as_json(self):
        return {"case": self.case.name, "text": self.case.text, "certificates": self.certs,
                "left_out": self.left_out, "remark": self.remark,
                "rows": [{"candidate": row.name, "answers": row.answers, "notes": row.notes,
                          "samples": [asdict(sample) for sample in row.samples],
                          "at_fixed_rate": [asdict(sample) for sample in row.latency]} for row in self.rows]}


@dataclass
class SpecialResult:
    """A case with a procedure of its own: lines of text, and figures with one value a round."""
    name: str
    text: str
    certs: int
    lines: list
    values: dict                                   # (candidate, figure): values

    def figures(self):
        return {(self.name, candidate, figure): values for (candidate, figure), values in self.values.items()}

    def as_json(self):
        return {"case": self.name, "text": self.text, "certificates": self.certs, "lines": self.lines,
                "values": {f"{candidate}: {figure}": values for (candidate, figure), values in self.values.items()}}


def verdict_json(verdict):
    return {"aim": verdict.target.text, "sense": verdict.target.sense, "bound": verdict.target.bound,
            "met": verdict.met, "value": verdict.value.as_json(), "certificates": verdict.certs,
            "meant_for_certificates": verdict.target.certs}
