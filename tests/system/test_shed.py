# SPDX-License-Identifier: Apache-2.0
"""statim-shed as an operator meets it: configurations, words, reload, restarts, rights. Real packets between network
namespaces."""

import contextlib
import json
import os
import re
import signal
import stat
import threading
import time

import pytest

from network import Cable
from shed_world import ANSWERED_S, OTHER_PORT, SHED, ShedWorld
from site_under_test import ROOT, STATIM, Site, run, wait_for

CLIENT, SECOND = "10.77.0.10", "10.77.0.11"
# A level outlives its agent by so much.
LEVEL_LIFE_S = 10
# Who is too slow to look at what ends by itself begins anew, so often.
TRIES = 4


@pytest.fixture
def world(tmp_path):
    made = ShedWorld(tmp_path)
    yield made
    made.remove()


def while_it_holds(look, for_s, grows=4):
    """What look(for_s) saw, which begins with a word for so many seconds: seen before its end, if need be of a longer
    word; and for how long that was."""
    for _ in range(TRIES):
        begin = time.monotonic()
        seen = look(for_s)
        if time.monotonic() < begin + for_s:
            return seen, for_s
        for_s *= grows
    raise AssertionError(f"too slow: not within {for_s // grows} s")


GOOD = "interfaces: [eth0]\nservices: ['192.0.2.1:80']\n"
BAD = [
    ("", "1: the file is empty"),
    ("interfaces: [eth0]\n", '"services" is missing'),
    (GOOD + "colour: red\n", '3: unknown key "colour"'),
    (GOOD + "interfaces: [eth1]\n", '3: the key "interfaces" is given twice'),
    (GOOD.replace("eth0", "eth0, eth0"), "interfaces: eth0: given twice"),
    (GOOD.replace(":80", ""), "services: 192.0.2.1: not an address and port"),
    (GOOD.replace("192.0.2.1", "0.0.0.0"), "one address and one port are needed"),
    (GOOD + "allow: [192.0.2.1/24]\n", "allow: 192.0.2.1/24: bits are set behind the prefix"),
    (GOOD + "deny_files: [nowhere.txt]\n", "nowhere.txt: not found"),
    (GOOD + "syn_per_s: fast\n", '3: syn_per_s: "fast" is not a decimal number'),
    (GOOD + "syn_per_s: 99999999\n", "3: syn_per_s: 99999999 is out of range"),
    (GOOD + "buckets: 3000\n", "buckets: 3000: must be a power of two"),
    (GOOD + "cookies_per_s: 1\n", "cookies_per_s: needs budget_per_s"),
    (GOOD + "controller:\n  hold_s: 0\n", "4: controller.hold_s: 0 is out of range"),
    (GOOD + "route: {through: bird, v4_normal: a}\n", "route: needs edges"),
    (GOOD + "observe: perhaps\n", "3: observe: \"perhaps\" is not true"),
    (GOOD + "\t\n", "3: "),
]


@pytest.mark.parametrize("text, says", BAD, ids=[says for _, says in BAD])
def test_bad_configurations(tmp_path, text, says):
    if not os.path.exists(SHED):
        pytest.skip("statim-shed is not built: it needs libbpf, clang and bpftool")
    path = tmp_path / "shed.yaml"
    path.write_text(text)
    for option in (["--check"], [], ["--detach"]):
        done = run(SHED, path, *option, check=False)
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr.count("\n") == 1 and says in done.stderr and str(path) in done.stderr, done.stderr


def test_arguments(tmp_path):
    if not os.path.exists(SHED):
        pytest.skip("statim-shed is not built: it needs libbpf, clang and bpftool")
    path = tmp_path / "shed.yaml"
    path.write_text(GOOD)
    assert run(SHED, path, "--check").stdout == f"{path}: ok\n"
    for words in ([], [path, path], [path, "--check", "--detach"], ["--nonsense"], ["--check"]):
        assert run(SHED, *words, check=False).returncode == 2
    socket = tmp_path / "nobody"
    done = run(STATIM, "shed", "stats", "--socket", socket, check=False)
    assert done.returncode == 1 and "is statim-shed running?" in done.stderr
    for words in (["dance"], [], ["top", "x"], ["level", "101"], ["level", "1", "--for", "31d"], ["deny", "--remove"],
                  ["level", "--for", "1h"], ["level", "auto", "--for", "1h"], ["deny", "192.0.2.1", "--remove", "--for", "1h"]):
        assert run(STATIM, "shed", *words, "--socket", socket, check=False).returncode == 2, words


def test_lists_and_nothing_else(world):
    """Denied at the service only; the allow list goes before; what is not TCP to a service is not touched."""
    world.configure(deny=["10.77.0.8/29"], allow=[SECOND])
    world.start()
    assert not world.reaches(CLIENT)
    assert world.answers(CLIENT, OTHER_PORT)
    assert world.answers(SECOND)
    assert world.answers(Cable.FAR)
    for reason in ("denied", "allowed", "syn"):
        wait_for(lambda r=reason: world.packets(r) > 0, reason, 20)
    values = world.stats()["values"]
    assert values["deny_prefixes"] == 1 and values["allow_prefixes"] == 1 and values["words"] == 0
    sources = wait_for(lambda: world.ask("top")["sources"], "an event", 20)
    assert sources[0]["prefix"] == "10.77.0.0/24" and sources[0]["reason"] == "denied"
    assert "10.77.0.0/24" in run(STATIM, "shed", "top", "--socket", world.socket).stdout
    assert stat.S_IMODE(os.stat(world.socket).st_mode) == 0o600


def test_observing_drops_nothing(world):
    world.configure(deny=[CLIENT], observe=True)
    world.start()
    assert world.answers(CLIENT)
    assert world.packets("denied") > 0


def test_words_are_in_force_and_end(world):
    world.configure()
    world.start()
    assert world.answers(CLIENT)

    def look(for_s):
        answer = world.ask("deny", CLIENT, "--for", f"{for_s}s")
        assert answer["words"] == [{"prefix": CLIENT, "for_s": for_s}]
        return world.reaches(CLIENT), world.answers(SECOND)

    seen, for_s = while_it_holds(look, 3)
    assert seen == (False, True)
    wait_for(lambda: world.reaches(CLIENT), "the end of the word", for_s + 20)
    assert world.ask("deny")["words"] == []
    world.ask("deny", "10.77.0.0/24")
    assert world.ask("deny")["words"][0]["for_s"] in range(3580, 3601)
    world.ask("allow", SECOND)
    assert not world.reaches(CLIENT) and world.answers(SECOND)
    world.ask("deny", "10.77.0.0/24", "--remove")
    assert world.answers(CLIENT)
    done = run(STATIM, "shed", "deny", "10.77.0.0/24", "--remove", "--socket", world.socket, check=False)
    assert done.returncode == 1 and "no operator has said so" in done.stderr
    done = run(STATIM, "shed", "deny", "10.77.0.1/24", "--socket", world.socket, check=False)
    assert done.returncode == 1 and "bits are set behind the prefix" in done.stderr
    done = run(STATIM, "shed", "route", "withdraw", "--socket", world.socket, check=False)
    assert done.returncode == 1 and "no route is configured" in done.stderr


def test_full_list_has_room_for_words(world):
    """Also at a start: an agent that did not would not come back until the word ends."""
    (world.dir / "deny.txt").write_text("".join(f"172.16.{n >> 8}.{n & 255}\n" for n in range(10000)))
    world.configure(deny_files=["deny.txt"])
    world.start()
    world.ask("deny", CLIENT)
    assert not world.reaches(CLIENT) and world.answers(SECOND)
    world.end(signal.SIGKILL)
    world.start()
    assert not world.reaches(CLIENT) and world.stats()["values"]["deny_prefixes"] == 10001


def test_level_by_word(world):
    world.configure()
    world.start()

    def look(for_s):
        level = world.ask("level", "100", "--for", f"{for_s}s")["shed_permille"]
        reached = world.reaches(CLIENT), world.reaches(SECOND)
        return level, reached, world.packets("shed") > 0, world.stats()["values"]["overridden"]

    seen, for_s = while_it_holds(look, 4)
    assert seen == (1000, (False, False), True, 1)
    wait_for(lambda: world.reaches(CLIENT), "the end of the word", for_s + 20)
    wait_for(lambda: "for_s" not in world.ask("level"), "the end of the word", 20)
    world.ask("level", "100")
    assert not world.reaches(CLIENT)
    world.ask("level", "auto")
    wait_for(lambda: world.ask("level")["shed_permille"] == 0, "the controller's level", 20)
    assert world.answers(CLIENT)


@pytest.mark.long
def test_killed_under_traffic(world):
    """Whoever is denied stays denied while the agent is away and while another takes over; others are answered. What
    operators said holds; the level does not outlive its agent for long."""
    world.configure(deny=[CLIENT])
    world.start()
    world.ask("deny", "10.77.0.12", "--for", "1h")
    stop, results = threading.Event(), {CLIENT: [], "10.77.0.12": [], SECOND: []}

    def connect(source):
        patience_s = ANSWERED_S if source == SECOND else 0.02
        while not stop.is_set():
            results[source].append(world.reaches(source, patience_s=patience_s))

    threads = [threading.Thread(target=connect, args=(source,)) for source in results]
    for thread in threads:
        thread.start()
    for number in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
        before = len(results[SECOND])
        world.end(number)
        wait_for(lambda: len(results[SECOND]) > before + 20, "traffic without an agent", 60)
        before = len(results[SECOND])
        world.start()
        wait_for(lambda: len(results[SECOND]) > before + 20, "traffic with the next agent", 60)
    stop.set()
    for thread in threads:
        thread.join()
    assert len(results[CLIENT]) > 20 and len(results["10.77.0.12"]) > 20
    assert world.listeners[0].peers == {SECOND}
    assert all(results[SECOND])
    assert [word["prefix"] for word in world.ask("deny")["words"]] == ["10.77.0.12"]


@pytest.mark.long
def test_level_runs_out(world):
    world.configure()
    world.start()
    world.ask("level", "100", "--for", "1h")
    assert not world.reaches(CLIENT)
    killed = time.monotonic()
    world.end(signal.SIGKILL)
    refused = []  # when these attempts began

    def is_over():
        began = time.monotonic()
        if world.reaches(CLIENT):
            return True
        refused.append(began)
        return False

    wait_for(is_over, "the end of the level", LEVEL_LIFE_S + 50)
    assert refused, "it is to hold for a moment"
    assert refused[-1] < killed + LEVEL_LIFE_S + 3
    world.start()
    wait_for(lambda: not world.reaches(CLIENT), "the operator's level again", 20)


def test_level_goes_on_over_a_restart(world):
    """Of the controller, too: who upgrades under a flood does not open the gates. Its edge does not answer, so it has
    no reason to lower the level."""
    world.configure(edges=["127.0.0.1:1"])
    world.start()

    def restart(_):
        world.ask("level", "50")
        world.end(signal.SIGKILL)
        (world.dir / "control.words").unlink()
        world.start()

    while_it_holds(restart, LEVEL_LIFE_S, grows=1)
    wait_for(lambda: world.stats()["values"]["looks"] >= 2, "looks", 20)
    assert world.stats()["values"]["level_permille"] == 500 and world.stats()["values"]["overridden"] == 0


def test_reload(world):
    world.configure()
    world.start()
    assert world.answers(CLIENT)
    (world.dir / "deny.txt").write_text(f"{CLIENT}\n")
    world.configure(deny_files=["deny.txt"])
    world.reload()
    assert world.stats()["values"]["reloads"] == 1
    assert not world.reaches(CLIENT)
    bad = [({"deny_files": ["missing.txt"]}, "missing.txt: not found"),
           ({"buckets": 2048}, "buckets: a change needs a restart"),
           ({"pin_folder": "elsewhere"}, "pin_folder: a change needs a restart"),
           ({"admin": "127.0.0.1:1"}, "admin: a change needs a restart"),
           ({"interfaces": ["near0", "nothere"]}, "nothere"),
           ({"syn_per_s": -1}, "is not a decimal number")]
    for count, (keys, says) in enumerate(bad, 1):
        world.configure(**keys)
        world.reload()
        assert world.stats()["values"]["reloads_failed"] == count and says in world.log.read_text()
        assert not world.reaches(CLIENT), says
    assert [row["name"] for row in world.stats()["interfaces"]] == ["near0"]


def test_interfaces_come_and_go(world):
    world.near.ip("link", "add", "more0", "type", "veth", "peer", "name", "more1")
    world.near.ip("link", "set", "more0", "up")
    world.configure()
    world.start()
    assert not world.has_filter("more0")
    world.configure(interfaces=["near0", "more0"], deny=[CLIENT])
    world.reload()
    assert len(world.stats()["interfaces"]) == 2
    assert world.has_filter("more0") and not world.reaches(CLIENT)
    world.configure(interfaces=["more0"])
    world.reload()
    assert len(world.stats()["interfaces"]) == 1
    assert not world.has_filter("near0") and world.has_filter("more0")
    assert world.answers(CLIENT)


def test_filter_is_taken_off(world):
    """Somebody deletes the interface and makes it anew."""
    world.near.ip("link", "add", "more0", "type", "veth", "peer", "name", "more1")
    world.configure(interfaces=["near0", "more0"])
    world.start()
    world.near.ip("link", "delete", "more0")
    wait_for(lambda: "not attached to every interface" in world.stats().get("trouble", ""), "the agent sees it", 20)
    assert world.said("more0: the filter is not attached any more") == 1
    world.near.ip("link", "add", "more0", "type", "veth", "peer", "name", "more1")
    world.reload()
    wait_for(lambda: "trouble" not in world.stats(), "the new interface", 20)
    assert world.has_filter("more0") and world.answers(CLIENT)


def test_interface_has_another_name(world):
    """The filter stays on it, but what has the name now would have none."""
    world.near.ip("link", "add", "more0", "type", "veth", "peer", "name", "more1")
    world.configure(interfaces=["near0", "more0"])
    world.start()
    world.near.ip("link", "set", "more0", "name", "other0")
    wait_for(lambda: "not attached to every interface" in world.stats().get("trouble", ""), "the agent sees it", 20)
    world.near.ip("link", "add", "more0", "type", "veth", "peer", "name", "more2")
    world.reload()
    assert world.said("more0/link holds a filter on another interface") == 1
    world.near.ip("link", "delete", "more0")
    world.near.ip("link", "set", "other0", "name", "more0")
    wait_for(lambda: "trouble" not in world.stats(), "the name again", 20)


def test_ends_and_detaches(world):
    world.configure(deny=[CLIENT])
    world.start()
    second = run(*world.command(), check=False)
    assert second.returncode == 1 and "another agent listens there" in second.stderr
    assert not world.reaches(CLIENT)
    assert world.end(signal.SIGTERM) == 0
    assert world.has_filter() and not world.reaches(CLIENT)
    assert not world.socket.exists()
    done = world.detach()
    assert done.returncode == 0 and "near0: detached" in done.stderr
    assert not world.has_filter() and world.answers(CLIENT)
    assert os.listdir(world.pins / "statim") == []
    done = world.detach()
    assert done.returncode == 0 and "near0: nothing is attached" in done.stderr


def test_one_agent_an_interface(world):
    """Nobody takes from an agent what it holds: no other agent, by whatever socket it is asked, and no --detach."""
    world.configure(deny=[CLIENT])
    world.start()
    world.configure(deny=[SECOND], control_socket="other")
    second = run(*world.command(), check=False)
    assert second.returncode == 1 and "near0: an agent is at work there: end it first" in second.stderr
    assert not (world.dir / "other").exists()
    done = world.detach()
    assert done.returncode == 1 and "near0: an agent is at work there: end it first" in done.stderr
    assert world.has_filter() and not world.reaches(CLIENT) and world.answers(SECOND)
    world.end(signal.SIGKILL)
    assert world.detach().returncode == 0 and not world.has_filter()


def held(pid):
    """What its descriptors are of, but for sockets: those of whoever asks it, and those by which it asks the kernel, come
    and go all the time."""
    names = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            names.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return sorted(name for name in names if not name.startswith("socket:"))


def test_failed_reload_holds_nothing(world):
    """One that fails after it has attached the filter of a new interface again lets go of it."""
    world.near.ip("link", "add", "more0", "type", "veth", "peer", "name", "more1")
    world.configure(interfaces=["near0", "more0"])
    world.start()
    world.ask("deny", CLIENT)
    world.near.ip("link", "delete", "more0")
    world.near.ip("link", "add", "more0", "type", "veth", "peer", "name", "more1")
    world.configure(interfaces=["near0", "more0", "nothere"])
    before = held(world.agent.pid)
    for _ in range(3):
        world.reload()
    assert world.said("not reloaded") == 3
    assert held(world.agent.pid) == before
    world.configure(interfaces=["near0", "more0"])
    world.reload()
    wait_for(lambda: "trouble" not in world.stats(), "the new interface", 20)
    assert world.has_filter("more0") and not world.reaches(CLIENT)


def unit_capabilities():
    text = (ROOT / "packaging" / "statim-shed.service").read_text()
    return re.search(r"^CapabilityBoundingSet=(.*)$", text, re.M)[1].split()


def with_only(capabilities):
    """A command that leaves its arguments nothing but these rights."""
    words = ",".join(["-all", *("+" + name.removeprefix("CAP_").lower() for name in capabilities)])
    return ["setpriv", "--bounding-set", words, "--inh-caps", "-all", "--no-new-privs"]


def test_rights_of_the_unit(world):
    """The filter works with the unit's capabilities, and with none of them missing."""
    capabilities = unit_capabilities()
    world.configure(deny=[CLIENT])
    world.start(before=with_only(capabilities))
    assert not world.reaches(CLIENT) and world.answers(SECOND)
    world.ask("deny", SECOND)
    assert not world.reaches(SECOND)
    world.end()
    world.detach()
    for missing in capabilities:
        left = [name for name in capabilities if name != missing]
        done = run(*world.command(before=with_only(left)), check=False)
        assert done.returncode == 1, f"{missing} is not needed"
        assert "CAP_" in done.stderr, done.stderr
        assert not world.has_filter()


def test_generic_mode_is_said(world):
    """The loopback has no mode of a driver."""
    world.configure(interfaces=["lo"], deny=["127.0.0.0/8"])
    world.start()
    assert world.said("generic mode is used") == 1
    assert world.stats()["interfaces"][0]["mode"] == "generic"


def test_cookies_need_the_kernel(world):
    world.configure(budget_per_s=10, cookies_per_s=10)
    for value, fine in ((0, False), (1, False), (2, True)):
        run(*world.near.enter, "sysctl", "-q", "-w", f"net.ipv4.tcp_syncookies={value}")
        if fine:
            world.start()
            break
        done = run(*world.command(), check=False)
        assert done.returncode == 1
        assert f"needs net.ipv4.tcp_syncookies = 2, it is {value}" in done.stderr
        done = run(*world.command("--check"), check=False)
        assert done.returncode == 0 and "tcp_syncookies" in done.stderr


def test_start_that_fails_leaves_nothing(world):
    world.configure(interfaces=["near0", "nothere"])
    done = run(*world.command(), check=False)
    assert done.returncode == 1 and "nothere" in done.stderr
    assert not world.has_filter()
    # An agent before it is not hurt.
    world.configure(deny=[CLIENT])
    world.start()
    world.end(signal.SIGKILL)
    world.configure(interfaces=["near0", "nothere"])
    assert run(*world.command(), check=False).returncode == 1
    assert not world.reaches(CLIENT)


def test_no_bpf_file_system(world):
    world.configure(pin_folder=str(world.dir / "plain"))
    done = run(*world.command(), check=False)
    assert done.returncode == 1 and "bpf file system" in done.stderr, done.stderr
    assert not world.has_filter()


def get(world, port, path):
    return run(*world.near.enter, "curl", "-s", "-w", "\n%{http_code}", f"http://127.0.0.1:{port}{path}").stdout


def test_admin_and_a_real_edge(world):
    """Looks at an edge that runs, and one that does not; what the metrics say."""
    site = Site(world.dir / "site")
    site.init()
    site.issue_certificate("good")
    site.import_certificates()
    try:
        with world.near.inside():
            site.start()
        world.configure(edges=[f"127.0.0.1:{site.admin_port}"], admin="127.0.0.1:9099")
        world.start()
        wait_for(lambda: world.stats()["values"]["edge_ready"] == 1, "an edge that is ready", 20)
        # A look that comes too late is one without an answer.
        wait_for(lambda: "\nstatim_shed_edge_answered 1\n" in get(world, 9099, "/metrics"), "an edge that answers", 20)
        shed = 'statim_shed_packets_total{interface="near0",action="drop",reason="shed"} 0'
        assert shed in get(world, 9099, "/metrics")
        wait_for(lambda: get(world, 9099, "/healthz") == "ok\n\n200", "all well", 20)
        site.edge.kill()
        wait_for(lambda: world.stats()["values"]["edge_answered"] == 0, "an edge that is gone", 20)
        wait_for(lambda: "dead" in json.dumps(world.stats()) or world.stats()["reason"] == "last_site",
                 "the controller's word", 20)
    finally:
        site.stop()
