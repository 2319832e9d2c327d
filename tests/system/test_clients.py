# SPDX-License-Identifier: Apache-2.0
"""Real clients get verified answers, and would notice wrong ones."""

import shutil

import pytest
from cryptography.hazmat.primitives import hashes

import ocsp_oracle
from site_under_test import free_port, run


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=["sha1", "sha256"])
@pytest.mark.parametrize("how", [{"method": "GET"}, {"method": "GET", "encoded": False},
                                 {"method": "POST"}], ids=["get", "get-raw", "post"])
def test_python_cryptography(served, algorithm, how):
    ask = lambda name: ocsp_oracle.ask(served.port, served.certificates[name], served.ca,
                                       algorithm=algorithm, **how)
    assert ask("good") == ("GOOD", None)
    assert ask("revoked") == ("REVOKED", "key_compromise")


def openssl_ocsp(site, name, port, *arguments):
    return run("openssl", "ocsp", "-issuer", site.ca, "-cert", site.certificates[name], "-url",
               f"http://127.0.0.1:{port}/", "-CAfile", site.ca, "-no_nonce", *arguments, check=False)


@pytest.mark.parametrize("algorithm", ["-sha1", "-sha256"])
def test_openssl(served, algorithm):
    for name in ("good", "revoked"):
        # The digest option must come before the certificate it is for.
        done = run("openssl", "ocsp", algorithm, "-issuer", served.ca, "-cert",
                   served.certificates[name], "-url", served.url + "/", "-CAfile", served.ca,
                   "-no_nonce", check=False)
        assert done.returncode == 0, done.stderr
        assert "Response verify OK" in done.stderr + done.stdout
        assert f"{served.certificates[name]}: {name}" in done.stdout


def test_openssl_nonce_is_ignored(served):
    done = run("openssl", "ocsp", "-issuer", served.ca, "-cert", served.certificates["good"], "-url",
               served.url + "/", "-CAfile", served.ca, check=False)
    assert "no nonce in response" in done.stderr + done.stdout
    assert f"{served.certificates['good']}: good" in done.stdout


def ocsptool(site, name, port):
    return run("ocsptool", f"--ask=http://127.0.0.1:{port}/", "--load-cert",
               site.certificates[name], "--load-issuer", site.ca, "--load-signer", site.ca, check=False)


def test_gnutls_ocsptool(served):
    done = ocsptool(served, "good", served.port)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Verifying OCSP Response: Success" in done.stdout + done.stderr
    assert "Certificate Status: good" in done.stdout
    assert "Certificate Status: revoked" in ocsptool(served, "revoked", served.port).stdout


NSS_GOOD = 'Check of certificate "good" succeeded'


def nss_database(site):
    folder = site.dir / "nss"
    if not folder.exists():
        folder.mkdir()
        run("certutil", "-N", "-d", f"sql:{folder}", "--empty-password")
        run("certutil", "-A", "-d", f"sql:{folder}", "-n", "ca", "-t", "CT,C,C", "-i", site.ca)
        for name in ("good", "revoked"):
            run("certutil", "-A", "-d", f"sql:{folder}", "-n", name, "-t", ",,", "-i",
                site.certificates[name])
    return f"sql:{folder}"


def ocspclnt(site, name, port):
    return run("ocspclnt", "-d", nss_database(site), "-S", name, "-l", f"http://127.0.0.1:{port}/", "-t",
               "ca", check=False)


@pytest.mark.skipif(shutil.which("ocspclnt") is None, reason="this release has no ocspclnt")
def test_nss_ocspclnt(served):
    good = ocspclnt(served, "good", served.port)
    assert NSS_GOOD in good.stdout, good.stdout + good.stderr
    revoked = ocspclnt(served, "revoked", served.port)
    assert NSS_GOOD not in revoked.stdout
    assert "revoked" in (revoked.stdout + revoked.stderr).lower()


def test_oracles_fail_with_the_server_down(served):
    port = free_port()
    with pytest.raises(OSError):
        ocsp_oracle.ask(port, served.certificates["good"], served.ca)
    assert ": good" not in openssl_ocsp(served, "good", port).stdout
    assert "Success" not in ocsptool(served, "good", port).stdout
    if shutil.which("ocspclnt"):
        assert NSS_GOOD not in ocspclnt(served, "good", port).stdout


def test_oracles_fail_with_one_flipped_bit(served, tmp_path):
    """Every bit of a good answer's octets matters to both judges."""
    certificate = ocsp_oracle.load(served.certificates["good"])
    issuer = ocsp_oracle.load(served.ca)
    der = ocsp_oracle.request_der(certificate, issuer)
    body = ocsp_oracle.exchange(served.port, der)[2]
    assert ocsp_oracle.judge(body, issuer, certificate.serial_number) == ("GOOD", None)
    for at in range(0, len(body), 7):
        flipped = bytearray(body)
        flipped[at] ^= 1 << (at % 8)
        with pytest.raises((ocsp_oracle.Refused, ValueError)):
            ocsp_oracle.judge(bytes(flipped), issuer, certificate.serial_number)
    flipped = bytearray(body)
    flipped[-1] ^= 1
    path = tmp_path / "flipped.der"
    path.write_bytes(flipped)
    done = run("openssl", "ocsp", "-issuer", served.ca, "-cert", served.certificates["good"], "-respin",
               path, "-CAfile", served.ca, "-no_nonce", check=False)
    assert "Response verify OK" not in done.stderr + done.stdout
