# SPDX-License-Identifier: Apache-2.0
"""The command line of bench/compare."""

import argparse
from pathlib import Path

from . import candidates, cases
from .arguments import new_file, number, old_folder

UNITS = {"k": 1000, "M": 1000000}


def count(text):
    """20M, 10k, 500"""
    number = int(text[:-1]) * UNITS[text[-1]] if text[-1:] in UNITS else int(text)
    if number < 1:
        raise ValueError(text)
    return number


def counts(text):
    return [count(word) for word in text.split(",")]


def names(known, what):
    def parse(text):
        found = text.split(",")
        for name in found:
            if name not in known:
                raise argparse.ArgumentTypeError(f"no {what} {name!r}; there are {', '.join(known)}")
        if len(set(found)) < len(found):
            raise argparse.ArgumentTypeError(f"a {what} is given twice")
        return found
    return parse


def parser(root, text):
    known = [*cases.CASES, *cases.SPECIAL]
    p = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawTextHelpFormatter,
        epilog="cases:\n" + "".join(f"  {case.name:<14}{case.text}\n" for case in cases.CASES.values()) +
        "".join(f"  {name:<14}{what}\n" for name, what in cases.SPECIAL.items()))
    p.add_argument("--build", type=Path, default=root / "build", help="the build folder")
    p.add_argument("--also", type=Path, metavar="BUILD",
                   help="a further candidate: the edge of this other build folder, as 'edge of BUILD'")
    p.add_argument("--quick", action="store_true", help="few cases, candidates and seconds")
    p.add_argument("--cases", type=names(known, "case"), metavar="NAME,...", help="of those below (all)")
    p.add_argument("--candidates", type=names([*candidates.NAMES], "candidate"), metavar="NAME,...",
                   help=f"of {', '.join(candidates.NAMES)} (all)")
    p.add_argument("--certs", type=counts, metavar="N,...", help="sizes of data sets (10k,20M)")
    p.add_argument("--rounds", type=number(int, 1), metavar="N", help="of each case (5)")
    p.add_argument("--latency-rounds", type=number(int, 1), metavar="N", help="at a fixed rate (3)")
    p.add_argument("--seconds", type=number(int, 1), metavar="N", help="of one stretch (3)")
    p.add_argument("--client", choices=("statim-bench", "wrk"), help="without it: statim-bench when it is built")
    p.add_argument("--load", type=number(float, 0.01, 1), metavar="SHARE", default=0.7,
                   help="the fixed rate, of the slowest candidate's capacity, if the client can (0.7)")
    p.add_argument("--foreign-max", type=number(float, 0, 1), metavar="SHARE", default=0.03,
                   help="of the machine, by others, in a stretch (0.03)")
    p.add_argument("--repeats", type=number(int, 0), metavar="N", help="at most, of a disturbed stretch (3)")
    p.add_argument("--idle-connections", type=count, default=100000, metavar="N", help="of the case idle (100k)")
    p.add_argument("--dir", type=old_folder, help="where data sets go; without it: the folder for temporary files")
    p.add_argument("--json", type=new_file, metavar="FILE")
    p.add_argument("--html", type=new_file, metavar="FILE")
    return p


USUAL = {"cases": [*cases.CASES, *cases.SPECIAL], "candidates": [*candidates.NAMES], "certs": [10000, 20000000],
         "rounds": 5, "latency_rounds": 3, "seconds": 3, "repeats": 3}
QUICK = {"cases": [*cases.QUICK], "candidates": [*candidates.QUICK], "certs": [10000], "rounds": 3, "latency_rounds": 1,
         "seconds": 1, "repeats": 1}


def parse(root, text, words=None):
    """What was asked for; what was not said comes from USUAL or QUICK."""
    p = parser(root, text)
    found = p.parse_args(words)
    for name, value in (QUICK if found.quick else USUAL).items():
        if getattr(found, name) is None:
            setattr(found, name, value)
    found.build = found.build.resolve()
    if found.also:
        found.also = found.also.resolve()
        if not (found.also / "edge/statim-edge").exists():
            p.error(f"--also: {found.also} has no edge/statim-edge")
    return found
