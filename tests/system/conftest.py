# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a site is a presigner and an edge in a folder of their own, on free loopback ports."""

import pytest

from redis_under_test import Redis
from site_under_test import Site


@pytest.fixture
def make_site(tmp_path):
    """Makes sites and stops what they started, by process id."""
    sites = []

    def make(name="site", **options):
        site = Site(tmp_path / name, **options)
        sites.append(site)
        return site

    yield make
    for site in sites:
        site.stop()


@pytest.fixture
def make_redis(tmp_path):
    """Makes Redis servers and stops those that run."""
    servers = []

    def make(name="redis", **options):
        server = Redis(tmp_path / "r", name, **options)
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """One running site with a few certificates, shared by the tests of a module that only ask."""
    site = Site(tmp_path_factory.mktemp("served") / "site")
    site.init()
    site.issue_certificate("good")
    site.issue_certificate("revoked", revoked=("keyCompromise", 1700000000))
    site.import_certificates()
    site.start()
    yield site
    site.stop()
