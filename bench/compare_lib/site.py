# SPDX-License-Identifier: Apache-2.0
"""A data set as statim-dataset makes it: CA, publication, an edge's configuration, serials."""

import re
from pathlib import Path

from . import ask
from .process import Failed, run


class Serials:
    """A file of serials in hex, one a line and all of one length: read line by line, where wanted."""

    def __init__(self, path):
        self.path = Path(path)
        with open(path, encoding="ascii") as file:
            self.line_size = len(file.readline())
        self.count, rest = divmod(self.path.stat().st_size, self.line_size)
        if rest:
            raise Failed(f"{path}: lines of several lengths")

    def pick(self, numbers):
        with open(self.path, "rb") as file:
            for number in numbers:
                file.seek(number * self.line_size)
                yield file.read(self.line_size).decode("ascii").strip()

    def some(self, count):
        """At most so many, spread over the whole file."""
        count = min(count, self.count)
        return list(self.pick(i * self.count // count for i in range(count)))


class Site:
    """One folder."""

    def __init__(self, build, folder, certs, *options):
        self.dir, self.certs = Path(folder), certs
        self.dataset = build / "bench/statim-dataset"
        run(self.dataset, self.dir, "--certs", certs, *options)
        self.ca, self.serials = self.dir / "ca.pem", Serials(self.dir / "serials.txt")
        self.issuer = ask.issuer_of(self.ca)

    def turn(self):
        """Every statement anew in the publication."""
        run(self.dataset, self.dir, "--turn")

    def edge_config(self, name, port, admin_port, workers=1, origin="pub"):
        """A configuration of its own beside the one that came with the folder."""
        kept = re.findall(r"(?m)^(?:publish_key|verify_packs):.*$", (self.dir / "edge.yaml").read_text())
        path = self.dir / f"{name}.yaml"
        path.write_text("\n".join(kept + [
            f"data_dir: {name}", "origins:", f"  - {origin}", "listen:", f"  - '127.0.0.1:{port}'",
            f"admin: '127.0.0.1:{admin_port}'", f"workers: {workers}", "connections_max: 120000",
            "connections_per_source_max: 0", "idle_timeout_s: 3600", ""]))
        return path
