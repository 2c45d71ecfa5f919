"""Publishing at a time: when it happens, that it happens once, and on whose clock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import requests
from sqlalchemy import func, select

from app.campaigns import jobs
from app.campaigns.models import Campaign
from app.core import bus, clock, cron, tenancy
from app.core.db import db
from app.core.jobs import SCHEDULED, queue
from app.schedule import PERIODIC
from app.sites.models import Revision, Site

JOB = "app.campaigns.jobs.publish_due"


@pytest.fixture
def drafted(app, acme):
    """`drafted(minutes=5)` is a draft that goes live then; without: one that is not scheduled."""

    def make(site_id=None, **ahead):
        with app.app_context(), tenancy.scope(acme.id):
            site = db.session.get_one(Site, site_id or acme.site_id)
            content = {"message": "Now"}
            campaign = Campaign.draft(site, name="Sale", format="notice", content=content)
            if ahead:
                campaign.schedule(clock.now() + timedelta(**ahead))
            db.session.commit()
            return campaign.id

    return make


@pytest.fixture
def state(app, acme):
    def read(campaign_id):
        with app.app_context(), tenancy.scope(acme.id):
            campaign = db.session.get_one(Campaign, campaign_id)
            return campaign.status, campaign.publish_at

    return read


@pytest.fixture
def zone(app, acme):
    def put(name):
        with app.app_context(), tenancy.scope(acme.id):
            db.session.get_one(Site, acme.site_id).change(time_zone=name)
            db.session.commit()

    return put


@pytest.fixture
def alice(sign_in, acme):
    return sign_in("alice@acme.example")


def tick(app):
    """What the cron process does at a tick of this job; the worker has yet to do it."""
    with app.app_context():
        number = int(clock.now().timestamp() // PERIODIC[JOB])
        cron._enqueue_once(queue(SCHEDULED), JOB, PERIODIC[JOB], number)


def test_what_is_due_is_published_by_the_periodic_job(app, acme, client, drafted, state, work):
    due, ahead = drafted(seconds=-1), drafted(minutes=5)
    assert state(due)[0] == state(ahead)[0] == "scheduled"
    tick(app)
    work()
    assert state(due) == ("published", None)
    assert state(ahead)[0] == "scheduled"
    config = client.get(f"/widget/v1/config/{acme.site_key}").json
    assert [each["id"] for each in config["campaigns"]] == [str(due)]
    newest = client.get(
        f"/api/v1/sites/{acme.site_id}/revisions?limit=1", headers=acme.bearer
    ).json["data"][0]
    assert (newest["author"], newest["cause"]) == ("Candor", "Sale published as scheduled")
    assert PERIODIC[JOB] <= 5


def test_what_was_called_off_is_not_published(app, acme, alice, drafted, state, work):
    campaign = drafted(seconds=1)
    path = f"/o/{acme.slug}/campaigns/{campaign}/schedule/cancellation"
    assert alice.post(path).status_code == 302
    assert state(campaign) == ("draft", None)
    with app.app_context(), tenancy.scope(acme.id):
        assert db.session.get_one(Campaign, campaign).publish_at is None
    tick(app)
    work()
    assert state(campaign)[0] == "draft"


def test_two_ticks_at_once_publish_once(app, acme, drafted, state):
    campaigns = [drafted(seconds=-1) for _ in range(3)]
    tick(app)
    tick(app)
    with app.app_context():
        assert len(queue(SCHEDULED).job_ids) == 1
        bus.redis().flushall()

    def publish(_number):
        with app.app_context():
            jobs.publish_due()

    with app.app_context(), tenancy.scope(acme.id):
        before = db.session.scalar(select(func.count(Revision.id)))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(publish, range(4)))
    assert {state(each)[0] for each in campaigns} == {"published"}
    with app.app_context(), tenancy.scope(acme.id):
        assert db.session.scalar(select(func.count(Revision.id))) == before + 3


def test_the_draft_is_published_as_it_is_at_that_moment(app, acme, client, drafted, work):
    campaign = drafted(seconds=-1)
    with app.app_context(), tenancy.scope(acme.id):
        db.session.get_one(Campaign, campaign).change(content={"message": "Later"})
        db.session.commit()
    tick(app)
    work()
    config = client.get(f"/widget/v1/config/{acme.site_key}").json
    assert config["campaigns"][0]["message"] == "Later"


def test_it_happens_within_seconds_in_the_running_program(program, acme, drafted, state):
    program.start("cron")
    try:
        campaign = drafted(seconds=1)
        deadline = clock.now() + timedelta(seconds=15)
        while state(campaign)[0] != "published":
            assert clock.now() < deadline, "not published"
            requests.get(f"{program.url}/health/live", timeout=5)
    finally:
        program.kill("cron")


def typed(moment):
    return {"at": moment.strftime("%Y-%m-%dT%H:%M")}


def test_the_moment_is_on_the_sites_own_clock(acme, alice, drafted, state, zone):
    zone("Asia/Kathmandu")
    campaign = drafted()
    path = f"/o/{acme.slug}/campaigns/{campaign}"
    assert "Asia/Kathmandu" in alice.get(f"{path}/schedule").text
    local = (datetime.now(ZoneInfo("Asia/Kathmandu")) + timedelta(days=2)).replace(
        second=0, microsecond=0
    )
    assert alice.post(f"{path}/schedule", typed(local)).status_code == 302
    status, publish_at = state(campaign)
    assert status == "scheduled" and publish_at == local
    assert publish_at.utcoffset() == timedelta(0) and local.utcoffset() == timedelta(minutes=345)
    page = alice.get(f"/o/{acme.slug}/sites/{acme.site_id}/publications").text
    assert f"Goes live {local.strftime('%-d %b %Y, %H:%M')} (Asia/Kathmandu)" in page


def spring(name):
    """The next day on which the clocks of a zone go forward, at midnight there."""
    zone = ZoneInfo(name)
    day = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while (day + timedelta(days=1)).utcoffset() <= day.utcoffset():
        day += timedelta(days=1)
    return day


def test_a_moment_that_the_clocks_skip_is_refused_with_a_reason(acme, alice, drafted, state, zone):
    zone("Europe/Berlin")
    campaign = drafted()
    path = f"/o/{acme.slug}/campaigns/{campaign}/schedule"
    skipped = spring("Europe/Berlin").replace(hour=2, minute=30)
    refused = alice.post(path, typed(skipped))
    assert refused.status_code == 422 and "The clocks go forward" in refused.text
    assert typed(skipped)["at"] in refused.text
    assert state(campaign) == ("draft", None)
    assert alice.post(path, typed(skipped.replace(hour=3))).status_code == 302
    assert state(campaign)[1] == skipped.replace(hour=1, minute=30, tzinfo=UTC)


@pytest.mark.parametrize(
    "at",
    ["", "soon", "2001-01-01T00:00", "9999-12-31T23:59", "0001-01-01T00:00", "2026-02-31T00:00"],
)
def test_a_moment_that_cannot_be_is_refused(acme, alice, drafted, state, at):
    campaign = drafted()
    path = f"/o/{acme.slug}/campaigns/{campaign}/schedule"
    assert alice.post(path, {"at": at}).status_code == 422
    assert state(campaign) == ("draft", None)
