# SPDX-License-Identifier: Apache-2.0
"""Who reads the log may go away; the answers must not."""

import os
import signal
import subprocess

from site_under_test import EDGE, wait_for


def test_the_edge_outlives_the_reader_of_its_log(make_site):
    site = make_site()
    site.init()
    site.issue_certificate("one")
    site.import_certificates()
    site.presign_once()
    reader, writer = os.pipe()
    site.edge = subprocess.Popen([EDGE, str(site.dir / "edge.yaml")], stderr=writer, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL)
    os.close(writer)
    site.wait_healthy()
    os.close(reader)
    before = site.children("serve")
    site.edge.send_signal(signal.SIGHUP)  # a reload writes log lines in every process
    wait_for(lambda: len(site.children("serve")) == 1 and site.children("serve") != before,
             "the next serving process", 40, site.edge)
    site.wait_healthy()
    assert site.edge.poll() is None
