# SPDX-License-Identifier: Apache-2.0
"""The list and the keys of a CA that knows nothing of us."""

import pytest

import ocsp_oracle
from foreign_ca import ForeignCa
from site_under_test import STATIM, run


@pytest.mark.parametrize("delegate", [None, "p256", "rsa2048"], ids=["direct", "by-p256", "by-rsa2048"])
@pytest.mark.parametrize("key", ["p256", "rsa2048"])
def test_openssl_ca(make_site, tmp_path, key, delegate):
    ca = ForeignCa(tmp_path / "foreign", key)
    good = ca.issue("good")
    revoked = ca.issue("revoked")
    ca.revoke(revoked, "keyCompromise")
    site = make_site()
    site.init("--ca-cert", ca.certificate, "--ca-key", ca.key)
    if delegate is not None:
        site.use_responder(ca.issue("responder", "responder", delegate), ca.dir / "responder.key")
    run(STATIM, "import", site.dir, ca.dir / "index.txt")
    site.start()
    for name, path, status in (("good", good, ("GOOD", None)),
                               ("revoked", revoked, ("REVOKED", "key_compromise"))):
        for method in ("GET", "POST"):
            assert ocsp_oracle.ask(site.port, path, ca.certificate, method=method) == status
        done = run("openssl", "ocsp", "-issuer", ca.certificate, "-cert", path, "-url", site.url + "/",
                   "-CAfile", ca.certificate, "-no_nonce")
        assert "Response verify OK" in done.stderr + done.stdout
        assert f"{path}: {name}" in done.stdout


def test_own_delegate(make_site):
    """`statim responder` makes a delegated responder certificate that clients accept."""
    site = make_site()
    site.init()
    site.issue_certificate("good")
    site.import_certificates()
    run(STATIM, "responder", site.dir)
    site.start()
    certificate, issuer = ocsp_oracle.load(site.certificates["good"]), ocsp_oracle.load(site.ca)
    body = ocsp_oracle.exchange(site.port, ocsp_oracle.request_der(certificate, issuer))[2]
    assert ocsp_oracle.judge(body, issuer, certificate.serial_number) == ("GOOD", None)
    assert len(ocsp_oracle.ocsp.load_der_ocsp_response(body).certificates) == 1


def test_a_foreign_signer_is_refused(make_site, tmp_path):
    """A key that is not the CA's: the presigner says so and publishes nothing."""
    ca, other = ForeignCa(tmp_path / "a", "p256"), ForeignCa(tmp_path / "b", "p256")
    site = make_site()
    refused = run(STATIM, "init", site.dir, "--ca-cert", ca.certificate, "--ca-key", other.key, check=False)
    if refused.returncode == 0:
        run(STATIM, "import", site.dir, ca.dir / "index.txt")
        refused = site.presign_once(check=False)
        assert not (site.dir / "pub" / "head").exists()
    assert refused.returncode != 0
    assert "key" in refused.stderr.lower()
