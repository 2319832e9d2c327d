# SPDX-License-Identifier: Apache-2.0
"""Anycast: what becomes of the traffic when a site dies, goes stale, is overloaded, and is well again. Real BIRD, real
ExaBGP, real edges. Failover times are printed (-rP)."""

import re
import threading
import time

import pytest

from anycast_world import AnycastWorld, SOURCES, STALE_S, skip_reason
from site_under_test import wait_for

# Looks every 300 ms, three of them bad, one update, on a busy machine. Measured on an idle one: about a second.
FAILOVER_S = 15
QUIET_RUN_S, WAVE_S = 60, 4


@pytest.fixture
def world(tmp_path, make_site):
    reason = skip_reason()
    if reason:
        pytest.skip(reason)
    made = AnycastWorld(tmp_path, make_site)
    yield made
    made.remove()


def is_one_sided(spread, site):
    return spread[site] == sum(spread) and spread[site] > 0


def lost_s(asking, since):
    """From the cause to the end of the last request that failed."""
    failed = asking.failed(since)
    return failed[-1] - since if failed else 0.0


@pytest.mark.long
def test_a_dead_edge(world):
    world.start()
    assert min(world.spread()) > 0, "both sites are to answer"
    asking = world.asking()
    killed = time.monotonic()
    world.pops[0].kill_edge()
    moved_s = world.wait_via({1}, "the traffic away from the dead edge", FAILOVER_S)
    wait_for(lambda: world.via(6) == {1}, "IPv6, too", FAILOVER_S)
    asking.stop()
    world.pops[0].wait_route("withdraw", "dead")
    assert is_one_sided(world.spread(), 1)
    print(f"dead edge: route moved after {moved_s:.2f} s, last failure after {lost_s(asking, killed):.2f} s, "
          f"{len(asking.failed(killed))} of {len(asking.seen)} requests failed")
    assert lost_s(asking, killed) < FAILOVER_S
    world.pops[0].wait_bird(statim_v4="down", statim_v4_low="down", statim_v6="down", statim_v6_low="down")
    world.pops[0].start_edge()
    print(f"recovery: traffic back {world.wait_via({0, 1}, 'the traffic back', 30):.2f} s after the edge was healthy")
    assert min(world.spread()) > 0


@pytest.mark.long
def test_a_stale_edge(world):
    world.start()
    asking = world.asking()
    world.pops[0].freeze_news()
    moved_s = world.wait_via({1}, "the traffic away from the stale edge", STALE_S + FAILOVER_S)
    world.pops[0].wait_route("deprefer", "stale")
    print(f"stale edge: route moved {moved_s:.2f} s after its origin stood still, of which {STALE_S} s are the limit")
    assert is_one_sided(world.spread(), 1)
    world.pops[0].wait_bird(statim_v4_low="up", statim_v4="down")
    # Worse than the other one, but better than none.
    world.pops[1].kill_edge()
    world.wait_via({0}, "the traffic to the stale edge, since the other is dead", FAILOVER_S)
    assert is_one_sided(world.spread(), 0)
    world.pops[1].start_edge()
    world.wait_via({1}, "the traffic back to the good edge", 30)
    world.pops[0].thaw_news()
    print(f"recovery: traffic back {world.wait_via({0, 1}, 'the traffic back', 30):.2f} s after the news came")
    asking.stop()
    # The moves around the stale edge cost nothing; only the kill may.
    print(f"{len(asking.failed())} of {len(asking.seen)} requests failed")


# A site that is soon overloaded: a few per cent of one processor. It sheds at once all that it may, which does not
# help: those who are there already are let be.
WEAK = {"load_high_permille": 15, "load_low_permille": 5, "shed_step_permille": 400, "shed_max_permille": 400,
        "hold_s": 1, "deprefer_after_s": 2, "recover_s": 4}


@pytest.mark.long
def test_an_overloaded_edge(world):
    world.start(controllers=(WEAK, {}))
    first = world.pops[0]
    # Its first looks saw an edge that had just begun. The load comes from one address: it may not be shed at once.
    wait_for(lambda: first.values()["level_permille"] == 0, "a site without load", 60)
    begun = len(first.agent.text())
    load = world.load(40)
    began = time.monotonic()
    wait_for(lambda: first.values()["level_permille"] == 400, "shedding", 20)
    shed_s = time.monotonic() - began
    world.wait_via({1}, "the traffic away from the overloaded edge", 2 + FAILOVER_S)
    print(f"overload: sheds after {shed_s:.2f} s, route moved after {time.monotonic() - began:.2f} s")
    log = wait_for(lambda: "route: deprefer: " in first.agent.text()[begun:] and first.agent.text(), "its word", 20)
    levels = re.findall(r"level: (\d+) per mille", log[:log.index("route: deprefer: ", begun)])
    assert levels[-1:] == ["400"], f"it is to shed before its route changes: {log}"
    changes = first.values()["route_changes"]
    spread = world.spread(16)
    # It recovers while it has no load, and may have the traffic back before a slow machine has looked.
    assert is_one_sided(spread, 1) or first.values()["route_changes"] > changes
    load.stop()
    print(f"recovery: traffic back {world.wait_via({0, 1}, 'the traffic back', 40):.2f} s after the load ended")
    wait_for(lambda: world.pops[0].values()["level_permille"] == 0, "nothing shed", 20)
    assert min(world.spread()) > 0


@pytest.mark.alone
def test_no_flapping(world):
    """A minute of waves of load, each shorter than what moves a route: the level follows, the routes stay. Alone, because looks
    that come to nothing while others have the machine are not what it is about."""
    world.start(controllers=(WEAK | {"deprefer_after_s": 20}, {}))
    before = [pop.values() for pop in world.pops]
    seen, turn, end = set(), threading.Event(), time.monotonic() + QUIET_RUN_S
    while time.monotonic() < end:
        wave, until = world.load(WAVE_S), time.monotonic() + 2 * WAVE_S
        while time.monotonic() < until:
            seen.add((frozenset(world.via()), frozenset(world.via(6))))
            turn.wait(0.25)
        wave.stop()
    after = [pop.values() for pop in world.pops]
    for old, new in zip(before, after):
        assert new["route_changes"] == old["route_changes"], world.logs()
        assert new["route_failures"] == 0
    levels = after[0]["level_changes"] - before[0]["level_changes"]
    print(f"{QUIET_RUN_S} s, {len(world.loads)} waves: {levels} changes of the level, none of a route")
    assert levels > 0, "the waves are to be felt"
    assert seen == {(frozenset({0, 1}), frozenset({0, 1}))}


def test_the_last_site(world):
    """By configuration it is the last one: dead, it stays announced, until an operator says otherwise."""
    world.start(controllers=({"sites": 1}, {"sites": 1}))
    first = world.pops[0]
    first.kill_edge()
    world.wait_via({1}, "the traffic away from the dead edge", FAILOVER_S)
    first.wait_route("deprefer", "last_site")
    first.wait_bird(statim_v4_low="up")
    answer = first.ask_agent("route", "withdraw", "--for", "1h")
    assert answer["route"] == "withdraw" and answer["reason"] == "operator"
    first.wait_bird(statim_v4_low="down")
    first.ask_agent("route", "auto")
    first.wait_bird(statim_v4_low="up")


@pytest.mark.long
def test_bird_configured_anew_and_restarted(world):
    """BIRD forgets what it was told; the agent tells it again."""
    world.start()
    first = world.pops[0]
    first.ask_agent("route", "deprefer", "--for", "1h")
    world.wait_via({1}, "the operator's word", FAILOVER_S)
    first.daemon.stop()
    wait_for(lambda: not first.values()["route_ok"], "the agent missing BIRD", 40)
    first.start_bird()
    first.wait_bird(40, statim_v4_low="up", statim_v4="down")
    wait_for(lambda: first.values()["route_ok"], "the agent content", 40)
    first.ask_agent("route", "auto")
    world.wait_via({0, 1}, "the traffic back", 30)


@pytest.mark.long
def test_exabgp(world):
    reason = skip_reason(exabgp=True)
    if reason:
        pytest.skip(reason)
    world.start(exabgp=True)
    assert min(world.spread()) > 0
    first = world.pops[0]
    asking = world.asking()
    killed = time.monotonic()
    first.kill_edge()
    moved_s = world.wait_via({1}, "the traffic away from the dead edge", FAILOVER_S)
    wait_for(lambda: world.via(6) == {1}, "IPv6, too", FAILOVER_S)
    asking.stop()
    first.wait_route("withdraw", "dead")
    assert is_one_sided(world.spread(), 1)
    print(f"ExaBGP, dead edge: route moved after {moved_s:.2f} s, last failure after {lost_s(asking, killed):.2f} s")
    first.start_edge()
    world.wait_via({0, 1}, "the traffic back", 30)
    first.freeze_news()
    world.wait_via({1}, "the traffic away from the stale edge", STALE_S + FAILOVER_S)
    first.wait_route("deprefer", "stale")
    world.pops[1].kill_edge()
    world.wait_via({0}, "the stale edge is better than none", FAILOVER_S)
    wait_for(lambda: world.via(6) == {0}, "IPv6, too", FAILOVER_S)
    world.pops[1].start_edge()
    first.thaw_news()
    world.wait_via({0, 1}, "the traffic back", 30)
    # ExaBGP dies without a word: its sessions end, and its agent with it.
    first.daemon.kill()
    world.wait_via({1}, "the traffic away from the dead ExaBGP", 9 + FAILOVER_S)
    wait_for(lambda: not first.agent_answers(), "the end of the agent", 20)
    assert world.ask(SOURCES[0])
