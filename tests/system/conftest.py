# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a site is a presigner and an edge in a folder of their own, on free loopback ports.

Tests run side by side (pytest-xdist): nothing may be shared but by a fixture. Those that share a fixture of their
module stay together in one process. Markers: `long` tests begin first, `alone` tests are run after all others."""

import pytest

from redis_under_test import Redis
from site_under_test import Site


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes long, so it begins first when tests run side by side")
    config.addinivalue_line("markers", "alone: what it judges would be judged wrongly with others beside it")


def shares(item):
    """Whether it uses what was made for its module."""
    definitions = item._fixtureinfo.name2fixturedefs
    return any(name in definitions and definitions[name][-1].scope == "module" for name in item.fixturenames)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    for item in items:
        if shares(item):
            item.add_marker(pytest.mark.xdist_group(item.module.__name__))
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("long") is None)


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
