# SPDX-License-Identifier: Apache-2.0
"""The chain of tests/system on a disk, with the database that is to be measured."""

import contextlib
import os
import re
import shutil

import pg_world
from chain_world import Chain
from site_under_test import Site


@contextlib.contextmanager
def database(kind, folder):
    """(line of issuer.yaml, PostgreSQL server or None)"""
    if kind == "sqlite":
        yield "sqlite: registry.db", None
        return
    os.chmod(folder, 0o755)
    # The tests keep clusters in memory; here the disk is part of what is measured.
    pg_world.base_folder = lambda: str(folder)
    server = pg_world.PostgreSQL(shared_buffers="512MB")
    try:
        yield f'postgresql: "{server.conninfo}"', server
    finally:
        server.kill()
        shutil.rmtree(server.folder, ignore_errors=True)


class Bench:
    """One site; its issuer runs in issuing() only."""

    def __init__(self, folder, registry):
        line, self.server = registry
        self.chain = Chain(Site(folder / "site"), folder / "issuer", registry=line)
        self.issuer, self.site = self.chain.issuer, self.chain.site
        self.site.edit("edge.yaml", r"^poll_ms: .*\n", "")  # the tests are impatient, the figures are of the defaults
        self.orders = 0
        self.registry_name = line.split(":")[0] if self.server is None else "PostgreSQL"
        self.issuer.start()
        self.issuer.prepare()
        self.issuer.stop()

    def configure(self, **numbers):
        path = self.issuer.folder / "issuer.yaml"
        text = path.read_text()
        for name, value in numbers.items():
            text = re.sub(rf"^{name}:.*\n", "", text, flags=re.M) + f"{name}: {value}\n"
        path.write_text(text)

    @contextlib.contextmanager
    def issuing(self, presigner=False, **numbers):
        self.configure(**numbers)
        self.issuer.start()
        if presigner:
            self.site.start()
        try:
            yield self
        finally:
            if presigner:
                self.site.stop_process(self.site.edge)
                self.site.stop_process(self.site.presigner)
            self.issuer.stop()

    def order_id(self):
        self.orders += 1
        return f"bench-{os.getpid()}-{self.orders}"

    def issuer_cpu_s(self):
        """User and system time of the issuer until now."""
        with open(f"/proc/{self.issuer.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def registry_bytes(self):
        if self.server is not None:
            return int(self.server.sql("SELECT pg_database_size('postgres')"))
        return sum(path.stat().st_size for path in self.issuer.folder.glob("registry.db*"))

    def stop(self):
        self.issuer.stop()
        self.site.stop()
