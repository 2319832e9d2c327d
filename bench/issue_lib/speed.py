# SPDX-License-Identifier: Apache-2.0
import re
import subprocess


def openssl_sign_rate():
    """Signatures a second on one core, as `openssl speed` has it."""
    done = subprocess.run(["openssl", "speed", "-seconds", "2", "ecdsap256"], capture_output=True, text=True, check=True)
    return float(re.search(r"ecdsa \(nistp256\)\s+\S+\s+\S+\s+(\S+)", done.stdout)[1])
