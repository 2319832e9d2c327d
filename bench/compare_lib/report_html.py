# SPDX-License-Identifier: Apache-2.0
"""One page that needs no network: tables, and bars as SVG."""

import html
import time

from . import report_text
from .results import CaseResult

STYLE = """
:root { color-scheme: light dark; --bar: #2b6cb0; --good: #1a7f37; --bad: #b35900; --line: #8886; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th:first-child, td:first-child, th:last-child, td:last-child { text-align: left; }
.scroll { overflow-x: auto; } svg { width: 100%; height: auto; margin: .6rem 0; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; } svg rect { fill: var(--bar); }
svg line { stroke: currentColor; } .met { color: var(--good); } .missed { color: var(--bad); } pre { overflow-x: auto; }
"""
BAR_TOP, BAR_STEP, BAR_LEFT, BAR_ROOM, BAR_RIGHT = 4, 24, 200, 480, 80


def cells(tag, row):
    return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in row) + "</tr>"


def table(head, rows):
    return f'<div class="scroll"><table>{cells("th", head)}{"".join(cells("td", row) for row in rows)}</table></div>'


def bars(rows):
    """Server time per request: a bar for the median, a line over the range."""
    found = [(row.name, row.summary("server_us")) for row in rows]
    if not found:
        return ""
    # What is many times slower than the usual would make every other bar a hair.
    medians = sorted(value.median for _, value in found)
    most = min(medians[-1], 4 * medians[0]) or 1
    width, height = BAR_LEFT + BAR_ROOM + BAR_RIGHT, BAR_TOP * 2 + BAR_STEP * len(found)
    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="server microseconds per request">']
    for i, (name, value) in enumerate(found):
        y = BAR_TOP + i * BAR_STEP
        low, middle, high = (min(1.0, figure / most) * BAR_ROOM for figure in (value.low, value.median, value.high))
        cut = " &#8594;" if value.median > most else ""
        parts.append(
            f'<text x="{BAR_LEFT - 8}" y="{y + 14}" text-anchor="end">{html.escape(name)}</text>'
            f'<rect x="{BAR_LEFT}" y="{y + 2}" width="{middle:.1f}" height="{BAR_STEP - 8}" rx="2"/>'
            f'<line x1="{BAR_LEFT + low:.1f}" x2="{BAR_LEFT + high:.1f}" y1="{y + 10}" y2="{y + 10}"/>'
            f'<text x="{BAR_LEFT + max(middle, high) + 6:.1f}" y="{y + 14}">{value.median:,.2f}{cut}</text>')
    return "".join(parts) + "</svg>"


def case(result):
    remarks = "".join(f"<p>{html.escape(remark)}</p>" for remark in report_text.case_remarks(result))
    return (f"<h2>{html.escape(report_text.case_title(result))}</h2>{bars(result.rows)}"
            f"{table(report_text.CASE_HEAD, report_text.case_rows(result))}{remarks}")


def special(result):
    title = html.escape(f"{result.name}: {result.text}; {result.certs:,} certificates")
    return f"<h2>{title}</h2><pre>{html.escape(chr(10).join(result.lines))}</pre>"


def aims(verdicts):
    if not verdicts:
        return "<p>No aim was measured.</p>"
    rows = "".join(cells("td", row).replace("<td>met</td>", '<td class="met">met</td>')
                   .replace("<td>not met</td>", '<td class="missed">not met</td>')
                   for row in report_text.verdict_rows(verdicts))
    return f'<div class="scroll"><table>{cells("th", report_text.VERDICT_HEAD)}{rows}</table></div>'


def page(found, verdicts, machine, arguments):
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(machine["started"]))
    about = (f"{machine['processors']} processors ({machine['processor']}), Linux {machine['kernel']}, {when}; "
             f"bench/compare {' '.join(arguments)}")
    parts = [case(result) if isinstance(result, CaseResult) else special(result) for result in found]
    return (f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>statim: comparison</title>'
            f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
            f"<h1>Comparison</h1><p>{html.escape(about)}</p>"
            f"<p>Server on processor 0, client on processor 1, loopback, interleaved rounds; medians with their range. "
            f"On loopback a part of each side's network work is done on the other's processor: server time alone "
            f"flatters every server alike, the sum of both does not.</p><h2>Aims</h2>{aims(verdicts)}"
            f"{''.join(parts)}</body></html>\n")
