# SPDX-License-Identifier: Apache-2.0
"""All of Statim in one folder: root, intermediate, statim-issuer, a presigner that follows its feed, and an edge. The URLs in the
certificates are the edge's."""

import os
import shutil

from feed_world import use_feed
from issuer_world import Issuer
from site_under_test import wait_for
from test_crl import use_crls

SHARDS = 4


class Chain:
    def __init__(self, site, folder, **options):
        self.site = site
        site.init()
        self.issuer = Issuer(folder, url_base=site.url, shards=SHARDS, **options)
        shutil.copy(self.issuer.folder / "inter.pem", site.ca)
        self.use_key()
        use_crls(site, url_base=f"{site.url}/crl", shards=SHARDS, debounce_s=0)
        stem = self.issuer.clients.folder / "presigner"
        use_feed(site, port=self.issuer.internal_port, server_ca=self.issuer.servers.pem, certificate=f"{stem}.pem",
                 key=f"{stem}.key")
        site.append_edge("poll_ms: 100\n")
        self.presigner_admin = site.use_presigner_admin()

    def use_key(self):
        """The intermediate's own key signs statements and CRLs, too."""
        folder = self.issuer.folder
        self.site.edit("presigner.yaml", r"^( +)file: ca-key.pem$",
                       rf"\1file: {folder}/inter/ca-key.pem\n\1passphrase_file: {folder}/passphrase")
        os.unlink(self.site.dir / "ca-key.pem")

    def start(self):
        self.issuer.start()
        self.site.start()
        self.issuer.prepare()
        return self

    def stop(self):
        self.issuer.stop()

    def save(self, certificate, name="leaf"):
        """What an order got, as files: the certificate, and what stands above it."""
        leaf, chain = self.site.dir / f"{name}.pem", self.site.dir / f"{name}-chain.pem"
        leaf.write_text(certificate["pem"])
        chain.write_text(certificate["chain_pem"])
        return leaf, chain

    def samples(self):
        """Of the presigner, also of one that has just been started."""
        def ask():
            try:
                return self.site.metrics(self.presigner_admin)
            except OSError:
                return None

        return wait_for(ask, "the presigner's metrics", process=self.site.presigner)

    def feed_metric(self, name):
        return self.samples()[f'statim_presigner_feed_{name}{{issuer="ca"}}']

    def sequence(self):
        return int(self.samples()["statim_presigner_sequence"])
