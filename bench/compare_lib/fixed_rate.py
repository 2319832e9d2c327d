# SPDX-License-Identifier: Apache-2.0
"""The rate of the latency runs: what is asked for, or less when the client's processor allows less."""

BUSY_MAX = 0.75   # statim-bench takes 0.80 for its own limit
BUSY_AIM = 0.65
TRIES = 4


def fitting(rate, try_rate):
    """`try_rate(rate)` runs a stretch and returns how busy the client was, 0 to 1. Lowers the rate
    until there is head room: an open loop costs the client more a request than a closed one."""
    for _ in range(TRIES):
        busy = try_rate(rate)
        if busy <= BUSY_MAX:
            break
        rate *= BUSY_AIM / busy
    return rate
