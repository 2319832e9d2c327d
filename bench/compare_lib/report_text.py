# SPDX-License-Identifier: Apache-2.0
"""The tables of a terminal."""


def table(head, rows):
    """Lines with columns as wide as they must be; the first to the left, numbers to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    return ["  ".join(cell.ljust(width) if i in (0, len(head) - 1) else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in [head, *rows]]


def number(summary, digits=2):
    return "-" if summary is None else f"{summary.median:,.{digits}f}"


def spread(summary):
    return "-" if summary is None else summary.text()


CASE_HEAD = ["candidate", "server us/request", "server+client us", "requests/s", "p50 us", "p99 us", "p99.9 us",
             "notes"]


def case_rows(result):
    """Cells of one case, also for the page."""
    return [[row.name, spread(row.summary("server_us")), number(row.summary("total_us")),
             number(row.summary("rate"), 0),
             *(number(row.summary(figure), 0) for figure in ("p50", "p99", "p99.9")), row.notes] for row in result.rows]


def case_remarks(result):
    return [f"{name}: left out, {why}" for name, why in result.left_out.items()] + list(filter(None, [result.remark]))


def case_title(result):
    at = "" if result.offered is None else f"; latency at {result.offered:,.0f}/s"
    return f"{result.case.name}: {result.case.text}; {result.certs:,} certificates{at}"


def case(result):
    lines = ["", case_title(result), *table(CASE_HEAD, case_rows(result))]
    return "\n".join(lines + case_remarks(result))


def special(result):
    return "\n".join(["", f"{result.name}: {result.text}; {result.certs:,} certificates", *result.lines])


VERDICT_HEAD = ["aim", "bound", "median (range)", "", "of"]


def verdict_rows(verdicts):
    return [[verdict.target.text, f"{verdict.target.sense} {verdict.target.bound:g}", verdict.value.text(3),
             "met" if verdict.met else "not met", verdict.note] for verdict in verdicts]


def verdicts(found):
    if not found:
        return "\nno aim was measured"
    return "\n".join(["", *table(VERDICT_HEAD, verdict_rows(found))])
