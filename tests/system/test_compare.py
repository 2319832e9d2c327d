# SPDX-License-Identifier: Apache-2.0
"""bench/compare: its arithmetic, its requests, and that a run works. Nothing here judges speed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from site_under_test import BUILD, IS_SANITIZED, ROOT, run

sys.path.insert(0, str(ROOT / "bench"))
from compare_lib import (ask, bench_client, cases, cpu, fixed_rate, options, process, report_html,  # noqa: E402
                         report_text, results, rounds, session, stats, targets)

COMPARE = ROOT / "bench" / "compare"


# ---- arithmetic ----

def test_summary_is_median_and_range():
    found = stats.summary([3.0, None, 1.0, 2.0, 10.0])
    assert (found.median, found.low, found.high, found.count) == (2.5, 1.0, 10.0, 4)
    assert stats.summary([]) is None and stats.summary([None]) is None


def test_ratios_are_taken_round_by_round():
    assert stats.ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    assert stats.ratios([2.0, None, 4.0], [1.0, 3.0, 0.0]) == [2.0]
    assert stats.ratios([None, 6.0], [3.0, None]) == [2.0]  # no round has both
    assert stats.ratios([], [1.0]) == [] and stats.ratios([1.0], [0.0]) == []


def test_quantiles_are_ranks():
    hundred = [*range(100, 0, -1)]
    assert [stats.quantile(hundred, part) for part in (0.001, 0.5, 0.99, 1)] == [1, 50, 99, 100]
    assert stats.quantile([7], 0.99) == 7 and stats.quantile([1, 2], 0.5) == 1 and stats.quantile([1, 2, 3], 0.5) == 2


@pytest.mark.parametrize("busy_s, own_s, wall_s, processors, share", [
    (2.0, 2.0, 2.0, 2, 0.0),
    (2.2, 2.0, 2.0, 2, 0.05),
    (1.0, 1.5, 2.0, 2, 0.0),      # ticks: ours may look like more than all
    (9.0, 0.0, 1.0, 2, 1.0),
    (0.0, 0.0, 0.0, 2, 1.0),      # no time at all is no quiet time
])
def test_foreign_share(busy_s, own_s, wall_s, processors, share):
    assert stats.foreign_share(busy_s, own_s, wall_s, processors) == pytest.approx(share)


@dataclass
class Attempt:
    foreign_share: float
    limit: str = ""
    disturbed: bool = False


@pytest.mark.parametrize("samples, taken, attempts, disturbed", [
    ([(0.01, ""), (0.0, "")], 0, 1, False),
    ([(0.5, ""), (0.2, ""), (0.03, ""), (0.0, "")], 2, 3, False),
    ([(0.5, ""), (0.2, ""), (0.4, "")], 1, 3, True),
    ([(0.01, "lag"), (0.5, ""), (0.02, "")], 2, 3, False),
    ([(0.02, "lag"), (0.5, ""), (0.01, "lag")], 2, 3, False),
])
def test_guard_repeats_and_keeps_the_quietest(samples, taken, attempts, disturbed):
    made = []

    def attempt():
        made.append(Attempt(*samples[len(made)]))
        return made[-1]

    sample = stats.undisturbed(attempt, 0.03, 3)
    assert (sample is made[taken], len(made), sample.disturbed) == (True, attempts, disturbed)


def test_latency_rate_is_of_the_slowest():
    assert stats.latency_rate([100.0, 50.0, None], 0.7) == pytest.approx(35.0)
    assert stats.latency_rate([], 0.7) is None


def test_the_fixed_rate_leaves_the_client_head_room():
    tried = []

    def busy_at(rate):
        tried.append(rate)
        return rate / 100000

    assert fixed_rate.fitting(70000, busy_at) == 70000 and tried == [70000]
    assert fixed_rate.fitting(90000, busy_at) == pytest.approx(65000)
    tried.clear()
    assert fixed_rate.fitting(100, lambda rate: tried.append(rate) or 1.0) < 20 and len(tried) == fixed_rate.TRIES


def test_skew():
    assert stats.skew([10, 30]) == 1.5
    assert stats.skew([0, 0]) is None and stats.skew([]) is None


# ---- aims ----

AIM = targets.Target("a / b", ("get", "a", "server_us"), ("get", "b", "server_us"), "<=", 1.1, 1000)
FLOOR_AIM = targets.Target("times", ("workers", "a", "capacity"), None, ">=", 1.85)


@pytest.mark.parametrize("above, below, met", [
    ([1.0, 1.2, 1.05], [1.0, 1.0, 1.0], True),     # the median counts
    ([1.1], [1.0], True),
    ([1.2, 1.2, 1.0], [1.0, 1.0, 1.0], False),
])
def test_an_aim_is_judged_by_the_median_of_ratios(above, below, met):
    found, = targets.check({AIM.above: above, AIM.below: below}, 1000, (AIM, FLOOR_AIM))
    assert found.met == met and found.note == "1,000 certificates"


def test_an_aim_says_when_the_data_set_is_not_the_one_it_is_for():
    found, = targets.check({AIM.above: [1.0], AIM.below: [1.0]}, 10, (AIM,))
    assert "the aim is for 1,000" in found.note


def test_an_aim_at_least():
    assert [verdict.met for verdict in targets.check({FLOOR_AIM.above: [1.9, 1.8]}, 1, (FLOOR_AIM,))] == [True]
    assert [verdict.met for verdict in targets.check({FLOOR_AIM.above: [1.8]}, 1, (FLOOR_AIM,))] == [False]
    assert targets.check({}, 1, (AIM, FLOOR_AIM)) == []


def test_aims_name_cases_and_candidates_that_there_are():
    from compare_lib import candidates
    known = {kind.name for kind in candidates.NAMES.values()}
    for target in targets.TARGETS:
        for case, candidate, _ in filter(None, (target.above, target.below)):
            assert case in cases.CASES or case in cases.SPECIAL
            assert candidate in known or candidate == f"{targets.EDGE}, {cases.CASES[case].beside}"


# ---- requests ----

def test_requests_are_what_openssl_makes(tmp_path):
    ca = tmp_path / "ca.pem"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
        tmp_path / "key", "-subj", "/CN=Asked", "-out", ca)
    issuer = ask.issuer_of(ca)
    for serial in ("4" + "a1" * 15 + "7", "81", "7f"):
        run("openssl", "ocsp", "-issuer", ca, "-serial", f"0x{serial}", "-no_nonce", "-reqout", tmp_path / "request")
        der = ask.request_der(issuer, serial)
        assert der == (tmp_path / "request").read_bytes()
        get = ask.http_request(der, 80, "get", close=True)
        assert get.startswith(b"GET /M") and b"Connection: close\r\n" in get and get.endswith(b"\r\n\r\n")
        assert re.fullmatch(r"/[A-Za-z0-9%]+", ask.get_target(der))
        assert ask.http_request(der, 80, "post").endswith(b"\r\n\r\n" + der)


def test_draws():
    uniform = ask.draws(20000, 10, 0)
    assert set(uniform) == set(range(10)) and ask.draws(5, 10, 0) == uniform[:5]
    skewed = ask.draws(20000, 10, 1.0)
    # The harmonic number of 10 is 2.93: the first is asked for every third time, twice as often as the second.
    assert 0.31 < skewed.count(0) / 20000 < 0.37
    assert 1.8 < skewed.count(0) / skewed.count(1) < 2.2


# ---- clients ----

def test_what_statim_bench_tells():
    told = {"busy_share": 0.5, "due": 1000, "errors": 7, "wall_s": 2.0, "cpu_s": 0.5, "ends": {"unsent": 5},
            "verdict": {"reasons": [{"name": "lag", "text": "late"}, {"name": "unsent", "text": "some"}]},
            "latency_ns": {"p50": 1500, "p99": 2000, "p99.9": 3000, "p99.99": 4000}}
    found = bench_client.stretch_of(told, open_loop=True)
    assert (found.requests, found.errors, found.wall_s, found.client_s) == (995, 2, 2.0, 0.5)
    assert found.latency_us == {"p50": 1.5, "p99": 2.0, "p99.9": 3.0}
    assert found.limit == "client: lag, unsent"
    assert bench_client.stretch_of(told, open_loop=False).limit == ""  # as busy as can be is meant there


# ---- processes ----

def test_processor_time_of_a_tree_and_of_the_machine():
    child = subprocess.Popen([sys.executable, "-c", "import subprocess, sys; subprocess.run([sys.executable, '-c', "
                              "'while True: pass'])"])
    try:
        pids = process.wait_for("a grandchild", lambda: len(cpu.tree_of(child.pid)) > 1 and cpu.tree_of(child.pid))
        process.wait_for("the time of the one that spins", lambda: cpu.process_s(pids[1]) > 0.05, child)
        assert cpu.tree_s(pids) > 0.05
    finally:
        process.stop(child)
    assert not any(process.alive(pid) for pid in pids)
    assert cpu.machine_busy_s("cpu  100 0 50 1000 200 5 5 40 7 7\ncpu0 1\n") == pytest.approx(200 / cpu.TICKS_PER_S)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_what_was_started_is_stopped(tmp_path, how):
    """The block ends by a signal: its children, even one that ignores being asked, are gone."""
    program = f"""
import sys; sys.path.insert(0, {str(ROOT / 'bench')!r})
from compare_lib import process
with process.Processes() as started:
    child = started.start({str(tmp_path / 'log')!r}, "sh", "-c", "sleep 1000 & echo $!; wait", cpus={{0}})
    print(child.pid, flush=True)
    child.wait()
"""
    # A shell's background job would inherit that SIGINT is ignored.
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True,
                              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    pid = int(parent.stdout.readline())
    children = process.wait_for("the sleeper", lambda: cpu.tree_of(pid)[1:])
    parent.send_signal(how)
    parent.communicate(timeout=30)
    assert not any(process.alive(one) for one in (pid, *children))


# ---- command line, reports ----

def test_counts_and_names():
    assert options.counts("10k,20M,7") == [10000, 20000000, 7]
    quick = options.parse(ROOT, "", ["--quick", "--rounds", "2"])
    assert (quick.cases, quick.rounds, quick.seconds) == ([*cases.QUICK], 2, 1)
    with pytest.raises(SystemExit):
        options.parse(ROOT, "", ["--cases", "nothing"])
    with pytest.raises(SystemExit):
        options.parse(ROOT, "", ["--certs", "0"])
    with pytest.raises(SystemExit):
        options.parse(ROOT, "", ["--also", str(ROOT / "docs")])
    assert options.parse(ROOT, "", ["--also", str(BUILD)]).also == BUILD.resolve()


@pytest.mark.parametrize("words", [
    ["--repeats", "-1"], ["--rounds", "0"], ["--latency-rounds", "0"], ["--load", "0"], ["--load", "nan"],
    ["--load", "1.1"], ["--foreign-max", "-0.1"], ["--candidates", "floor,floor"], ["--dir", "/no/such/folder"],
    ["--json", "/no/such/folder/x"], ["--html", "/"]], ids=" ".join)
def test_what_would_fail_later_is_refused_at_once(words):
    with pytest.raises(SystemExit) as refused:
        options.parse(ROOT, "", ["--quick", *words])
    assert refused.value.code == 2


class NoWorld:
    """Instead of servers."""

    def __init__(self, build, folder, certs, processes):
        self.site = Attempt(0.0)
        self.site.certs = certs

    def start(self, names, also):
        pass


def test_a_failure_does_not_lose_what_was_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(session, "World", NoWorld)
    monkeypatch.setattr(session.Session, "run_case", lambda *_: made_result())
    monkeypatch.setattr(sys, "argv", ["compare", "--cases", "get,apply", "--certs", "10", "--client", "wrk", "--dir",
                                      str(tmp_path), "--json", str(tmp_path / "o.json")])
    with pytest.raises(SystemExit, match="statim-bench, for its fixed rate"):  # what `apply` says to wrk
        session.main(ROOT, "")
    report = json.loads((tmp_path / "o.json").read_text())
    assert [result["case"] for result in report["results"]] == ["get"] and "statim-bench" in report["failure"]


def made_result():
    samples = [rounds.Sample(server_us=us, client_us=1.0, rate=1000.0, foreign_share=0.0) for us in (2.0, 4.0)]
    samples[1].disturbed = True
    fixed = [rounds.Sample(2.0, 1.0, 700.0, 0.0, {"p50": 10.0, "p99": 20.0, "p99.9": 30.0}, offered=700.0)]
    row = results.Row("statim-edge", "all", samples, fixed)
    return results.CaseResult(cases.CASES["get"], 10000, [row], {"cfssl <b>": "does not answer GET"})


def test_reports():
    result = made_result()
    figures = result.figures()
    assert figures[("get", "statim-edge", "server_us")] == [2.0, None]  # the disturbed one does not count
    assert figures[("get", "statim-edge", "p99")] == [20.0]
    text = report_text.case(result)
    assert "2.00" in text and "latency at 700/s" in text and "1 of 2 disturbed, left out" in text
    result.rows[0].samples[0].disturbed = True  # there are no others
    assert "3.00 (2.00 to 4.00)" in report_text.case(result)
    verdicts = targets.check({("idle", "statim-edge", "octets"): [700.0]}, 10)
    assert "not met" in report_text.verdicts(verdicts)
    page = report_html.page([result], verdicts, {"processors": 2, "processor": "x", "kernel": "y", "started": 0}, [])
    assert "cfssl &lt;b&gt;" in page and 'class="missed"' in page
    assert "http://" not in page and "https://" not in page  # needs no network
    json.dumps(result.as_json())


# ---- a run ----

def compare(folder, *arguments):
    return subprocess.run([COMPARE, "--build", BUILD, "--dir", folder, *arguments], capture_output=True, text=True,
                          timeout=300, check=False)


@pytest.mark.long
@pytest.mark.skipif(IS_SANITIZED, reason="wrk's patience ends before a sanitized server's start")
@pytest.mark.skipif(os.cpu_count() < 2, reason="one processor")
@pytest.mark.skipif(shutil.which("wrk") is None or shutil.which("nginx") is None, reason="no wrk or no nginx")
def test_a_run(tmp_path):
    done = compare(tmp_path, "--quick", "--client", "wrk", "--cases", "get", "--candidates", "floor,edge,static",
                   "--certs", "300", "--rounds", "1", "--repeats", "0", "--json", tmp_path / "o.json", "--html",
                   tmp_path / "o.html")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "o.json").read_text())
    result, = report["results"]
    rows = {row["candidate"]: row["samples"][0] for row in result["rows"]}
    assert set(rows) == {"floor", "statim-edge", "nginx static"}
    assert all(row["server_us"] > 0 and row["rate"] > 0 for row in rows.values())
    assert any(aim["aim"].endswith("edge / floor") for aim in report["aims"])
    assert "</html>" in (tmp_path / "o.html").read_text()
    # Nothing is left: no data set, no process of ours.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.html", "o.json"]
    assert not left_over(tmp_path)


def left_over(folder):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found
