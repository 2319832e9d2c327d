# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random instants, under continuous import and revocation."""

import os
import random
import signal
import time

import pytest

import ocsp_oracle
from killed_world import LOST, SHARDS, World, crl_witness, ocsp_witness, origin_witness
from site_under_test import IS_SANITIZED, wait_for

FULL = os.environ.get("STATIM_FULL") == "1"


@pytest.mark.long
def test_kill_at_random_instants(make_site, tmp_path):
    """Under imports, revocations, requests and fetches of CRLs: no accepted revocation is lost, all that is served
    verifies, no CRL number stands for two CRLs, no entry is lost, no edge stays behind; all recover by restart alone."""
    rounds = 40 if IS_SANITIZED or not FULL else 200
    seed = int(os.environ.get("STATIM_SEED", time.time_ns() % 1000000))
    print(f"STATIM_SEED={seed}")
    chance = random.Random(seed)
    world = World(make_site, tmp_path)
    try:
        witnesses = killed_world_lives(world, chance, rounds)
        assert world.site.presigner.poll() is None
        for edge in world.edges:
            check_edge(world, edge)
        world.check_crls()
        counts = [witness.count for witness in witnesses]
        assert min(counts) >= rounds / 2, counts
    finally:
        if world.redis:
            world.redis.stop()


def killed_world_lives(world, chance, rounds):
    """The rounds themselves; the witnesses, who have seen nothing wrong."""
    site = world.site
    change(world, chance)
    site.start()
    world.far.start_edge()
    witnesses = [origin_witness(world)]
    for edge in world.edges:
        witnesses += [ocsp_witness(world, edge, random.Random(chance.random())),
                      crl_witness(world, edge, random.Random(chance.random()))]
    for witness in witnesses:
        witness.start()
    try:
        victims = world.victims()
        for _ in range(rounds):
            change(world, chance)
            time.sleep(chance.random() * 0.15)  # the instant is what chance decides
            victims[chance.choice(list(victims))]()
            assert not [witness.wrong for witness in witnesses if witness.wrong], world.site.log_text()
        for edge in world.edges:
            wait_for(lambda edge=edge: is_whole(world, edge), f"{edge.dir.name} whole", 60)
    finally:
        for witness in witnesses:
            witness.ended.set()
        for witness in witnesses:
            witness.join(30)
    assert not [witness.wrong for witness in witnesses if witness.wrong]
    return witnesses


def change(world, chance):
    """Three new certificates, and one of all revoked."""
    serials = [chance.getrandbits(120) | 1 << 121 for _ in range(3)]
    for serial in serials:
        world.site.add_row(f"{serial:X}")
    world.site.import_certificates()
    world.known += serials
    victim = chance.choice(world.known)
    if victim not in world.to_be_revoked:
        world.to_be_revoked.add(victim)
        world.site.statim("revoke", world.site.dir, f"{victim:X}", "--reason", "superseded")


def is_whole(world, edge):
    """Whether the edge has the newest log entry, and the newest CRLs have all that was revoked."""
    try:
        return edge.metrics()["statim_edge_sync_log_number"] == world.site.head_log() and \
            all(world.crl_is_whole(edge, shard) for shard in range(SHARDS))
    except LOST:
        return False


def check_edge(world, edge):
    assert edge.edge.poll() is None
    assert not world.redis or edge.metrics()["statim_edge_sync_lane_entries_applied_total"] > 0
    for serial in world.known:
        wait_for(lambda: world.state(edge, serial) == world.wanted(serial), f"{serial:X} {world.wanted(serial)}", 60)
    wait_for(edge.healthy, f"{edge.dir.name} healthy", 30)


def test_kill_serve(make_site):
    """The serving process is started again; its listeners were never gone."""
    site = make_site()
    site.init()
    site.issue_certificate("good")
    site.import_certificates()
    site.start()
    os.kill(site.child("serve"), signal.SIGKILL)

    def answered():
        try:
            return ocsp_oracle.ask(site.port, site.certificates["good"], site.ca) == ("GOOD", None)
        except ConnectionRefusedError:
            raise AssertionError("a connection was refused") from None
        except (*LOST, ocsp_oracle.Refused):
            return False

    wait_for(answered, "answers from the new serving process", 60)
