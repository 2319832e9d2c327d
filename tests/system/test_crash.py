# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random instants, under continuous import and revocation."""

import os
import random
import signal
import time

import pytest

import ocsp_oracle
from site_under_test import IS_SANITIZED, NOT_AFTER_S, STATIM, run, wait_for

FULL = os.environ.get("STATIM_FULL") == "1"


@pytest.mark.long
def test_kill_at_random_instants(make_site):
    """No accepted revocation is lost; all that is served verifies; both recover by restart alone."""
    kills = 40 if IS_SANITIZED or not FULL else 200
    seed = int(os.environ.get("STATIM_SEED", time.time_ns() % 1000000))
    print(f"STATIM_SEED={seed}")
    chance = random.Random(seed)
    site = make_site()
    site.init()
    site.add_row("40")
    site.import_certificates()
    site.start()
    issuer = ocsp_oracle.load(site.ca)
    known, revoked = [0x40], {}

    def state_of(serial):
        der = ocsp_oracle.request_for_serial(issuer, serial)
        try:
            return ocsp_oracle.judge(ocsp_oracle.exchange(site.port, der)[2], issuer, serial)
        except ocsp_oracle.Refused as refused:
            # Never a broken signature: only "not there (yet)".
            assert str(refused) in ("UNAUTHORIZED", "TRY_LATER"), refused
        except OSError:
            pass  # the edge is starting
        return None

    for _ in range(kills):
        for _ in range(3):
            serial = chance.getrandbits(120) | 1 << 121
            path = site.dir / "more.csv"
            path.write_text(f"{serial:X},good,,,{NOT_AFTER_S}\n")
            run(STATIM, "import", site.dir, path)
            known.append(serial)
        victim = chance.choice(known)
        if victim not in revoked:
            run(STATIM, "revoke", site.dir, f"{victim:X}", "--reason", "superseded")
            revoked[victim] = ("REVOKED", "superseded")
        time.sleep(chance.random() * 0.15)
        if chance.random() < 0.5:
            site.presigner.send_signal(signal.SIGKILL)
            site.presigner.wait(10)
            site.start_presigner()
        else:
            sync = site.child("sync")
            if sync is not None:
                os.kill(sync, signal.SIGKILL)
        state_of(chance.choice(known))
    for serial in known:
        wanted = revoked.get(serial, ("GOOD", None))
        wait_for(lambda: state_of(serial) == wanted, f"{serial:X} {wanted}", 60)
    assert site.edge.poll() is None
    wait_for(site.healthy, "the edge healthy", 30)


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
        except (OSError, ocsp_oracle.Refused):
            return False

    wait_for(answered, "answers from the new serving process", 20)
