# SPDX-License-Identifier: Apache-2.0
"""An edge whose way to the publication is cut, in network namespaces: it serves until nextUpdate, says so at its
threshold, serves nothing that is over, and catches up by itself when the way is there again."""

import datetime
import re
import socket

import pytest

import ocsp_oracle
from network import Cable, Namespace
from nginx_origin import NGINX, Nginx
from site_under_test import wait_for

GOOD, REVOKED = ("GOOD", None), ("REVOKED", "superseded")
VALIDITY_S, REFRESH_S, HEAD_AGE_MAX_S = 12, 2, 4
# How late the edge may be seen to go over: one look after the other, on a busy machine.
LATE_S = 5
HEAD_OLD = re.compile(rf"^the newest head is (\d+) s old, at most {HEAD_AGE_MAX_S}$", re.M)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


@pytest.fixture
def cable():
    """A cable from the edge's namespace to the publication's."""
    namespaces = []
    try:
        for _ in range(2):
            namespaces.append(Namespace())
        cable = Cable(*namespaces)
    except OSError as error:
        for namespace in namespaces:
            namespace.remove()
        pytest.skip(str(error))
    yield cable
    for namespace in namespaces:
        namespace.remove()


@pytest.fixture
def site(make_site, cable, tmp_path):
    """An edge at the near end, nginx with the publication at the far end, a running presigner."""
    site = make_site()
    site.init()
    site.edit("presigner.yaml", r"\Z", "allow_any_validity: true\n")
    site.edit("presigner.yaml", r"^  - name: ca$",
              f"  - name: ca\n    validity_s: {VALIDITY_S}\n    refresh_s: {REFRESH_S}\n    backdate_s: 0")
    site.append_edge(f"head_age_max_s: {HEAD_AGE_MAX_S}\nconnect_timeout_s: 2\nstall_timeout_s: 2\n")
    for name in ("good", "other"):
        site.issue_certificate(name)
    site.import_certificates()
    site.start_presigner()
    wait_for((site.dir / "pub/head").exists, "the publication", 20, site.presigner)
    origin = Nginx(tmp_path / "nginx", site.dir / "pub", cable.FAR, cable.far.enter)
    site.origin = origin
    site.use_origin(origin.url)
    origin.start()
    site.enter = cable.near.enter
    site.start_edge(wait=False)
    site.enter = []
    with cable.near.inside():
        site.wait_healthy()
    yield site
    origin.stop()


class Look:
    """What the edge says at one time. The oracle refuses whatever was not current when it was asked for."""

    def __init__(self, site, name):
        certificate, issuer = ocsp_oracle.load(site.certificates[name]), ocsp_oracle.load(site.ca)
        self.asked_at = now()
        body = ocsp_oracle.exchange(site.port, ocsp_oracle.request_der(certificate, issuer))[2]
        self.answered_at = now()
        try:
            self.answer = ocsp_oracle.judge(body, issuer, certificate.serial_number, self.asked_at)
            self.this_update, self.next_update = ocsp_oracle.times_of(body)
        except ocsp_oracle.Refused as refused:
            self.answer = str(refused)
        self.healthz, self.health = site.admin("/healthz")

    def signed_before(self, when):
        """To the second, which is all that thisUpdate tells."""
        return self.this_update <= when


# How to cut, what becomes of a connection, and how to mend.
CUTS = {"unplugged": (Cable.unplug, "Network is unreachable", Cable.plug_in),
        "swallowed": (Cable.swallow, "timed out", Cable.deliver)}


def why_unreachable(port):
    """What a connection to the far end dies of."""
    with pytest.raises(OSError) as raised:
        socket.create_connection((Cable.FAR, port), timeout=1).close()
    return str(raised.value)


@pytest.mark.long
@pytest.mark.skipif(NGINX is None, reason="no nginx")
@pytest.mark.parametrize("how", CUTS)
def test_an_edge_cut_off(site, cable, how):
    cut, why, mend = CUTS[how]
    with cable.near.inside():
        looks = [first_look(site)]
        cut(cable)
        assert why in why_unreachable(site.origin.port)
        revoked_at = now()
        site.revoke("other")
        looks += looks_until_try_later(site)
        last_good, over = looks[-2:]
        assert last_good.answer == GOOD
        assert over.answered_at >= last_good.next_update
        assert (last_good.next_update - last_good.asked_at).total_seconds() < LATE_S
        check_health(looks)
        assert f"could not fetch the head from {site.origin.url}" in site.edge_log()
        assert Look(site, "other").answer == "TRY_LATER"
        assert Look(site, "good").answer == "TRY_LATER"
        mend(cable)
        wait_for(lambda: caught_up(site, revoked_at), "the edge caught up", 60)
        site.wait_healthy()


def first_look(site):
    """All is well, also with the head's age, which is never far from its threshold."""
    seen = []

    def well():
        seen.append(Look(site, "good"))
        return (seen[-1].answer, seen[-1].healthz) == (GOOD, 200)

    wait_for(well, "good and healthy")
    return seen[-1]


def looks_until_try_later(site):
    """Everything seen from the cut on: good, of both certificates, and then tryLater."""
    looks = []

    def over():
        assert Look(site, "other").answer in (GOOD, "TRY_LATER")  # its revocation is behind the cut
        looks.append(Look(site, "good"))
        assert looks[-1].answer in (GOOD, "TRY_LATER")
        return looks[-1].answer == "TRY_LATER"

    wait_for(over, "tryLater", VALIDITY_S + LATE_S + 5)
    return looks


def check_health(looks):
    """Green until the head is too old, and red from then on, while the answers are still good."""
    seen = [look.healthz for look in looks]
    assert sorted(seen) == seen and set(seen) == {200, 503}
    red = [look for look in looks if look.healthz == 503]
    age_s = int(HEAD_OLD.search(red[0].health)[1])
    assert HEAD_AGE_MAX_S < age_s <= HEAD_AGE_MAX_S + LATE_S
    assert red[0].answer == GOOD


def caught_up(site, revoked_at):
    """On the way there the edge passes what was signed between the cut and the revocation."""
    good, other = Look(site, "good").answer, Look(site, "other")
    assert good in (GOOD, "TRY_LATER")
    assert other.answer in (REVOKED, "TRY_LATER") or other.answer == GOOD and other.signed_before(revoked_at)
    return (good, other.answer) == (GOOD, REVOKED)
