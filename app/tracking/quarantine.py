"""Gives back what was kept apart by mistake: the events of a browser that was no bot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import delete, select

from app.core.announce import Announcement, announce
from app.core.db import db
from app.sites.models import Site
from app.tracking.arrivals import Arrival, Circumstances, Who
from app.tracking.models import Quarantined
from app.tracking.store import store

AT_ONCE = 500  # events in memory, and in one statement of the store


@dataclass(frozen=True, kw_only=True)
class QuarantineLifted(Announcement):
    """`number` events of one user agent were given back."""

    name: ClassVar[str] = "quarantine.lifted"
    site: Site
    number: int

    def details(self) -> dict[str, Any]:
        return {"events": self.number}


def restore(site: Site, event_id: UUID) -> int:
    """Store the event, and all others of the same user agent and reason, as if nobody had kept
    them apart. Answers how many there were; none if it is not there (any more).

    It commits one batch after the other, so that who stores events waits for one at most. The
    event goes with the last one: whoever was interrupted can ask the same again."""
    chosen = select(Quarantined).filter_by(site_number=site.number, id=event_id)
    suspect = db.session.scalars(chosen).one_or_none()
    if suspect is None:
        return 0
    same = select(Quarantined).filter_by(
        site_number=site.number, user_agent=suspect.user_agent, reason=suspect.reason
    )
    oldest = same.order_by(Quarantined.at, Quarantined.id).limit(AT_ONCE)
    number, more = 0, True
    while more:
        some = db.session.scalars(oldest).all()
        more = len(some) == AT_ONCE
        number += _give_back(site, some, {event_id} if more else set())
    return number


def _give_back(site: Site, some: Sequence[Quarantined], staying: set[UUID]) -> int:
    """Answers how many are gone from here: not those that somebody else has just given back."""
    long_ago = True  # it may be: what is kept apart stays for longer than visitors are remembered
    store(db.session.connection(), [_arrival(each) for each in some], long_ago)
    ids = [each.id for each in some if each.id not in staying]
    here = (Quarantined.site_number == site.number, Quarantined.id.in_(ids))
    gone: Any = db.session.execute(delete(Quarantined).where(*here))
    number: int = gone.rowcount
    if number:
        announce(QuarantineLifted(site=site, number=number))
    db.session.commit()
    return number


def _arrival(suspect: Quarantined) -> Arrival:
    """The event as it would have been stored; see `_record` of the committer."""
    kept: dict[str, Any] = suspect.record
    circumstances: Any = (kept.get(name) for name in Circumstances._fields)
    visitor, campaign = kept.get("visitor"), kept.get("campaign_id")
    return Arrival(
        organization_id=suspect.organization_id,
        site_number=suspect.site_number,
        id=suspect.id,
        at=suspect.at,
        name=kept["name"],
        url=kept["url"],
        who=Who(bytes.fromhex(visitor), kept.get("person", False)) if visitor else None,
        circumstances=Circumstances(*circumstances),
        referrer=kept.get("referrer"),
        title=kept.get("title"),
        props=kept.get("props"),
        amount=kept.get("amount"),
        currency=kept.get("currency"),
        campaign_id=UUID(campaign) if campaign else None,
        experiments=kept.get("experiments"),
        by_api=kept.get("by_api", False),
    )
