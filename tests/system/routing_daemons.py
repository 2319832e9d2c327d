# SPDX-License-Identifier: Apache-2.0
"""The routing daemons of others that test_anycast.py runs: BIRD at the router and the sites, and ExaBGP. The addresses are
those of anycast_world.py: the router is .1 and the site .2 in the site's network."""

import os
import shutil
import subprocess

from site_under_test import ROOT, run, wait_for

BIRD = shutil.which("bird", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
BIRDC = shutil.which("birdc", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
EXABGP = shutil.which("exabgp", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SAMPLE = ROOT / "packaging" / "bird" / "statim.conf"

ROUTER_AS, SITE_AS = 64500, 64512

ROUTER_CONF = """
router id 10.79.0.1;
log stderr all;
protocol device {{ scan time 1; }}
protocol direct {{ ipv4; ipv6; }}
protocol kernel {{ ipv4 {{ import none; export where source = RTS_BGP; }}; merge paths on; }}
protocol kernel {{ ipv6 {{ import none; export where source = RTS_BGP; }}; merge paths on; }}
template bgp site {{ local as {router}; hold time 9; connect delay time 1; error wait time 1, 2; }}
{sessions}
"""
SESSION = """
protocol bgp site{number}_v4 from site {{ neighbor 10.79.{number}.2 as {site}; ipv4 {{ import all; export none; }}; }}
protocol bgp site{number}_v6 from site {{ neighbor fd79:1{number}::2 as {site}; ipv6 {{ import all; export none; }}; }}
"""
EXABGP_CONF = """
process shed {{
    run {shed} {config};
    encoder text;
}}
neighbor 10.79.{number}.1 {{
    router-id 10.79.{number}.2;
    local-address 10.79.{number}.2;
    local-as {site};
    peer-as {router};
    hold-time 9;
    family {{ ipv4 unicast; }}
    api {{ processes [ shed ]; }}
}}
neighbor fd79:1{number}::1 {{
    router-id 10.79.{number}.2;
    local-address fd79:1{number}::2;
    local-as {site};
    peer-as {router};
    hold-time 9;
    family {{ ipv6 unicast; }}
    api {{ processes [ shed ]; }}
}}
"""
EXABGP_ENVIRONMENT = {"exabgp.daemon.user": "root", "exabgp.daemon.drop": "false", "exabgp.log.destination": "stderr",
                      "exabgp.api.cli": "false", "exabgp.daemon.daemonize": "false"}


class Daemon:
    """A process in a namespace, with its log; stopped by its id."""

    def __init__(self, namespace, log, *command, environment=None):
        self.log = log
        with open(log, "ab") as file:
            self.process = subprocess.Popen([str(word) for word in (*namespace.enter, *command)], stdout=file,
                                            stderr=file, stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(environment or {})})

    def text(self):
        return self.log.read_text(errors="replace")

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


def start_bird(namespace, folder, text):
    """BIRD with folder, control socket and process id of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "bird.conf").write_text(text)
    daemon = Daemon(namespace, folder / "bird.log", BIRD, "-f", "-c", folder / "bird.conf", "-s", folder / "ctl", "-P",
                    folder / "pid")
    wait_for(lambda: run(BIRDC, "-s", folder / "ctl", "show", "status", check=False).returncode == 0, "BIRD", 20,
             daemon.process)
    return daemon


def site_bird_text(number):
    """The sample as an operator changes it."""
    text = SAMPLE.read_text()
    for old, new in (("198.51.100.1", f"10.79.{number}.1"), ("2001:db8:ffff::1", f"fd79:1{number}::1")):
        assert old in text
        text = text.replace(old, new)
    return f"router id 10.79.{number}.2;\nlog stderr all;\nprotocol device {{}}\n{text}"


def router_bird_text(site_count):
    """Of the router, which has a session with each site for each family."""
    sessions = "".join(SESSION.format(number=number, site=SITE_AS) for number in range(site_count))
    return ROUTER_CONF.format(router=ROUTER_AS, sessions=sessions)


def start_exabgp(namespace, folder, number, program, config):
    """ExaBGP, which runs the agent `program` with its configuration and does what it says."""
    path = folder / "exabgp.conf"
    path.write_text(EXABGP_CONF.format(shed=program, config=config, number=number, site=SITE_AS, router=ROUTER_AS))
    return Daemon(namespace, folder / "exabgp.log", EXABGP, path, environment=EXABGP_ENVIRONMENT)
