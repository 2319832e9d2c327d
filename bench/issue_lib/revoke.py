# SPDX-License-Identifier: Apache-2.0
"""From a customer's revocation to the edge's answer, one after the other at random times."""

import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))
from compare_lib.ask import issuer_of  # noqa: E402
from job_lib.asking import GOOD, REVOKED, Asker, Question  # noqa: E402

from issue_lib.load import customer_maker  # noqa: E402
from redis_under_test import Redis  # noqa: E402

PATIENCE_S = 30
PAUSE_S = 0.002


def until(asker, question, wanted):
    """Asks until that is the answer; monotonic time of it."""
    end = time.monotonic() + PATIENCE_S
    while asker.ask(question) != wanted:
        if time.monotonic() > end:
            raise AssertionError("the edge does not answer that")
        time.sleep(PAUSE_S)
    return time.monotonic()


def revoked_to_answered(bench, count, with_redis):
    """Milliseconds of each; None without redis-server."""
    if with_redis and not shutil.which("redis-server"):
        return None
    with tempfile.TemporaryDirectory(prefix="statim-redis-") as folder:
        redis = Redis(Path(folder)) if with_redis else None
        if redis:
            redis.start()
            for name in ("presigner.yaml", "edge.yaml"):
                with open(bench.site.dir / name, "a", encoding="utf-8") as file:
                    file.write(f"redis:\n  addresses:\n    - {redis.address}\n")
        try:
            with bench.issuing(publish_wait_ms=2000, presigner=True):
                return measure(bench, count)
        finally:
            if redis:
                redis.stop()


def measure(bench, count):
    customer, times = customer_maker(bench)(), []
    issuer = issuer_of(bench.issuer.folder / "inter.pem")
    asker = Asker(bench.site.port)
    for _ in range(count):
        got = customer.order(bench.order_id())
        question = Question(issuer, got["serial"])
        until(asker, question, GOOD)
        time.sleep(random.random() * 0.3)  # no step with anything
        begin = time.monotonic()
        customer.post(f"/v1/certificate/{got['id']}/revoke", {"reason": "superseded"})
        times.append(1000 * (until(asker, question, REVOKED) - begin))
    asker.close()
    return times
