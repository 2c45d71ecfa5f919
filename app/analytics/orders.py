"""What changes what visits earned: an order that changes, or whom the site believes."""

from __future__ import annotations

from sqlalchemy import select

from app.accounts.models.organization import OrganizationChanged
from app.analytics.rollups import mark, mark_all
from app.commerce.models import OrderAnnouncement
from app.core.announce import subscribe
from app.core.db import db
from app.sites.models import Site, SiteTrustChanged
from app.tracking.models import Event, Session


@subscribe(OrderAnnouncement)
def add_up_again(announcement: OrderAnnouncement) -> None:
    """Mark the quarter in which the visit that named the order began."""
    order = announcement.order
    site = db.session.get(Site, order.site_id)
    if site is None or order.external_id is None:
        return
    begun = (
        select(Session.started_at)
        .join(
            Event,
            (Event.site_number == Session.site_number) & (Event.session_id == Session.id),
        )
        .where(Event.site_number == site.number, Event.order_id == order.external_id)
    )
    mark(db.session, site, list(db.session.scalars(begun)))


@subscribe(OrganizationChanged)
def add_up_in_another_currency(announcement: OrganizationChanged) -> None:
    """Amounts in another one count for nothing. Days whose rows are dropped stay as they are."""
    if "currency" in announcement.changed:
        for site in db.session.scalars(select(Site).order_by(Site.id)):
            mark_all(db.session, site)


@subscribe(SiteTrustChanged)
def add_up_all_again(announcement: SiteTrustChanged) -> None:
    mark_all(db.session, announcement.site)
