# SPDX-License-Identifier: Apache-2.0
"""A CA and a presigner in one folder, made by `statim init`, with certificates to be signed."""

import os
import re
import secrets
import shutil
import time
from pathlib import Path

from compare_lib.process import Failed, free_port, run

from .timed import timed

LINES_AT_ONCE = 100000
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
           "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm.so")
TOKEN, PIN, LABEL = "statim", "1234", "ca"


def make_rsa_ca(stem):
    """`statim init` makes P-256 itself."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{stem}.key", "-subj", "/CN=Measured",
        "-days", "365", "-out", f"{stem}.pem", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
        "keyUsage=critical,keyCertSign,cRLSign,digitalSignature")
    return "--ca-cert", f"{stem}.pem", "--ca-key", f"{stem}.key"


def module_path():
    """SoftHSM's module, or None when it is not installed."""
    there = (path for path in MODULES if os.access(path, os.R_OK))
    return next(there, None) if shutil.which("softhsm2-util") else None


class Site:
    """`key`: p256, rsa2048, or token: P-256 in SoftHSM."""

    def __init__(self, build, folder, key):
        self.build, self.dir = build, Path(folder)
        arguments = make_rsa_ca(self.dir.with_name(self.dir.name + "-ca")) if key == "rsa2048" else ()
        run(build / "tools/statim", "init", self.dir, "--listen", f"127.0.0.1:{free_port()}", "--admin",
            f"127.0.0.1:{free_port()}", *arguments)
        if key == "token":
            self.use_token()

    def use_token(self):
        """SoftHSM finds its tokens by the environment, so there is one such site at a time."""
        (self.dir / "tokens").mkdir()
        (self.dir / "softhsm2.conf").write_text(f"directories.tokendir = {self.dir}/tokens\nlog.level = ERROR\n")
        (self.dir / "pin").write_text(PIN + "\n")
        os.environ["SOFTHSM2_CONF"] = str(self.dir / "softhsm2.conf")
        run("softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--pin", PIN, "--so-pin", "5678")
        run("softhsm2-util", "--import", self.dir / "ca-key.pem", "--token", TOKEN, "--label", LABEL, "--id", "a1",
            "--pin", PIN)
        path = self.dir / "presigner.yaml"
        lines = "".join(f"      {key}: {value}\n" for key, value in (
            ("module", module_path()), ("token", TOKEN), ("pin_file", "pin"), ("label", LABEL)))
        text, count = re.subn(r"(?m)^      file: ca-key\.pem\n", lines, path.read_text())
        if count != 1:
            raise Failed(f"{path}: has no key that could be replaced")
        path.write_text(text)

    def write_list(self, count):
        """16 octets each, 1 in 100 revoked."""
        path = self.dir / "list.csv"
        not_after_s = int(time.time()) + 90 * 86400
        with open(path, "w", encoding="ascii") as file:
            for first in range(0, count, LINES_AT_ONCE):
                octets = secrets.token_hex(16 * min(LINES_AT_ONCE, count - first))
                for i in range(0, len(octets), 32):
                    facts = "revoked,1700000000,superseded" if (i // 32) % 100 == 1 else "good,,"
                    file.write(f"4{octets[i + 1:i + 32]},{facts},{not_after_s}\n")
        return path

    def use_crls(self, url_base, shards, **keys):
        """Gives the issuer CRLs; before anything is imported."""
        keys = {"url_base": url_base, "scope": "user", "shards": shards} | keys
        with open(self.dir / "presigner.yaml", "a", encoding="utf-8") as file:
            file.write("    crl:\n" + "".join(f"      {key}: {value}\n" for key, value in keys.items()))

    def import_list(self, count):
        return timed(self.build / "tools/statim", "import", self.dir, self.write_list(count))

    def presign(self, threads=None, verify=None, cpus=None):
        """Everything that is due, signed and published."""
        lines = [f"sign_threads: {threads}\n"] if threads else []
        lines += [f"verify: {verify}\n"] if verify else []
        config = self.dir / "once.yaml"
        config.write_text((self.dir / "presigner.yaml").read_text() + "".join(lines))
        return timed(self.build / "presigner/statim-presigner", config, "--once", cpus=cpus)

    def presign_again(self, **how):
        """presign() as if nothing had been signed yet."""
        kept = self.dir / "imported"
        if not kept.exists():
            shutil.copytree(self.dir / "presigner", kept)
        for name in ("presigner", "pub"):
            shutil.rmtree(self.dir / name, ignore_errors=True)
        shutil.copytree(kept, self.dir / "presigner")
        return self.presign(**how)

    def pack_bytes(self):
        return sum(path.stat().st_size for path in (self.dir / "pub/pack").iterdir())
