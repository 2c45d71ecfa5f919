"""All realtime of activities and revisions: told once, after the commit, to every open page."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.core import bus, clock
from app.core.announce import subscribe
from app.core.db import after_commit, db
from app.embed import published
from app.embed.notifications import RECENT, items_of
from app.proof.models import Activity, ActivityCreated, ActivityRetracted
from app.sites.models import Revision, RevisionPublished


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


@subscribe(RevisionPublished)
def follow(announcement: RevisionPublished) -> None:
    revision, site = announcement.revision, announcement.site
    frame = {
        "type": "config",
        "cursor": revision.change,
        "revision": revision.number,
        "key": site.key,
    }
    # This process forgets at once, also when the bus is down.
    after_commit(lambda: published.forget("", frame))
    _tell(site.id, frame)


def _live_campaigns(activity: Activity) -> list[dict]:
    number = activity.site.revision_number
    found = select(Revision.content).filter_by(site_id=activity.site_id, number=number)
    content = db.session.scalars(found).one_or_none() if number else None
    return content["campaigns"] if content else []


def _tell(site_id: UUID, frame: dict) -> None:
    after_commit(lambda: bus.publish(f"site:{site_id.hex}", frame))
