"""All realtime of activities and revisions: told once, after the commit, to every open page."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.core import bus, clock
from app.core.announce import subscribe
from app.core.db import after_commit, db
from app.embed import published, recounts
from app.embed.notifications import RECENT, items_of
from app.proof.models import Activity, ActivityCreated, ActivityRetracted
from app.sites.models import Revision, RevisionPublished, Site, SiteRemoved


@subscribe(ActivityCreated)
def show(created: ActivityCreated) -> None:
    activity = created.activity
    # Each change is told, also one that no page shows: a missing number means a lost frame.
    _tell(activity.site_id, {"type": "change", "cursor": activity.created_change})
    if activity.occurred_at < clock.now() - RECENT:
        return
    site = activity.site
    for item in items_of(activity, _live_campaigns(activity), site.person_style, site.language):
        _tell(
            activity.site_id,
            {"type": "notification", "cursor": activity.created_change, "data": item},
        )


@subscribe(ActivityRetracted)
def retract(retracted: ActivityRetracted) -> None:
    activity = retracted.activity
    _tell(
        activity.site_id,
        {"type": "retract", "cursor": activity.retracted_change, "activity": str(activity.id)},
    )


@subscribe(ActivityCreated)
def count_more(created: ActivityCreated) -> None:
    _recount(created.activity, created.activity.created_change)


@subscribe(ActivityRetracted)
def count_less(retracted: ActivityRetracted) -> None:
    _recount(retracted.activity, retracted.activity.retracted_change)


@subscribe(RevisionPublished)
def follow(announcement: RevisionPublished) -> None:
    revision = announcement.revision
    _renew(announcement.site, revision.number, revision.change)


@subscribe(SiteRemoved)
def clear(removed: SiteRemoved) -> None:
    """Open pages ask for a revision that will never be, are told 404, and take everything away."""
    site = removed.site
    _renew(site, (site.revision_number or 0) + 1, site.next_change())


def _renew(site: Site, revision: int, change: int) -> None:
    frame = {"type": "config", "cursor": change, "revision": revision, "key": site.key}
    # This process forgets at once, also when the bus is down.
    after_commit(lambda: published.forget("", frame))
    _tell(site.id, frame)


def _live_campaigns(activity: Activity) -> list[dict]:
    number = activity.site.revision_number
    found = select(Revision.content).filter_by(site_id=activity.site_id, number=number)
    content = db.session.scalars(found).one_or_none() if number else None
    return content["campaigns"] if content else []


def _recount(activity: Activity, cursor: int | None) -> None:
    """Not the number itself: each process counts for the pages that are open with it."""
    frame = {"key": activity.site.key, "counted": activity.type, "cursor": cursor}
    channel = f"{recounts.CHANNEL}{activity.site_id.hex}"
    bus.tell(channel, frame)


def _tell(site_id: UUID, frame: dict) -> None:
    bus.tell(f"site:{site_id.hex}", frame)
