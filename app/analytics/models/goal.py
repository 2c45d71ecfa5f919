"""What a site wants its visitors to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from app.analytics.dimensions import GOAL
from app.analytics.filters import Filter
from app.analytics.matches import Match
from app.analytics.models.refused import Refused
from app.core import clock
from app.core.announce import Announcement, announce
from app.core.db import Base, db, exclusive
from app.core.tenancy import Tenant, owned_by
from app.sites.models import Site

MOST_GOALS = 50  # of a site


class TooMany(Exception):
    """A site has as many of something as it can have. The text is for a person."""


class Goal(Tenant, Base):
    """A page that is viewed, an event or an order. Keeps no counts: it is looked for in what there
    is when somebody asks."""

    __tablename__ = "goals"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "id"),
        Index("ix_goals_site_id", "site_id", "id"),
    )

    site_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(10))
    match: Mapped[str] = mapped_column(String(300))
    having: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def create(cls, site: Site, name: str, wanted: Match) -> Goal:
        """Raises TooMany."""
        cls.lock(site.id)
        if len(cls.of(site)) >= MOST_GOALS:
            raise TooMany(f"A site has at most {MOST_GOALS} goals.")
        goal = cls(site_id=site.id, name=name, **vars(wanted))
        db.session.add(goal)
        db.session.flush()
        announce(GoalCreated(goal=goal))
        return goal

    @classmethod
    def of(cls, site: Site) -> list[Goal]:
        """In the order in which they were made."""
        return list(db.session.scalars(select(cls).filter_by(site_id=site.id).order_by(cls.id)))

    @classmethod
    def demand(cls, site_id: UUID, filters: Sequence[Filter]) -> None:
        """Raises Refused for a filter by a goal that the site does not have: all visits are without
        it, and a `not` would show them."""
        about = [each for each in filters if each.dimension == GOAL.name]
        if not about:
            return
        names = db.session.scalars(select(cls.name).filter_by(site_id=site_id)).all()
        for value in (value for each in about for value in each.beyond(names)):
            raise Refused("f", f"This site has no goal “{value}”.")

    @classmethod
    def hold(cls, site_id: UUID, filters: Sequence[Filter]) -> None:
        """Until the commit no goal that these ask for is renamed or removed."""
        if any(each.dimension == GOAL.name for each in filters):
            cls.lock(site_id)

    @classmethod
    def demand_to_keep(cls, site_id: UUID, filters: Sequence[Filter]) -> None:
        cls.hold(site_id, filters)
        cls.demand(site_id, filters)

    def change(self, name: str, wanted: Match) -> None:
        self.lock(self.site_id)
        before, self.name = self.name, name
        self.kind, self.match, self.having = wanted.kind, wanted.match, wanted.having
        db.session.flush()
        announce(GoalChanged(goal=self, before=before))

    def remove(self) -> None:
        self.lock(self.site_id)
        announce(GoalRemoved(goal=self))
        db.session.delete(self)
        db.session.flush()

    @staticmethod
    def lock(site_id: UUID) -> None:
        """Nobody else makes, changes or removes a goal of the site, or names one in a funnel."""
        exclusive(f"goals/{site_id}")

    @property
    def wanted(self) -> Match:
        return Match(self.kind, self.match, self.having)


@dataclass(frozen=True, kw_only=True)
class GoalAnnouncement(Announcement):
    goal: Goal

    def details(self) -> dict[str, Any]:
        goal = self.goal
        return {"site_id": str(goal.site_id), "name": goal.name, "wanted": str(goal.wanted)}


@dataclass(frozen=True, kw_only=True)
class GoalCreated(GoalAnnouncement):
    name: ClassVar[str] = "goal.created"


@dataclass(frozen=True, kw_only=True)
class GoalChanged(GoalAnnouncement):
    """`before`: how it was called."""

    before: str
    name: ClassVar[str] = "goal.changed"


@dataclass(frozen=True, kw_only=True)
class GoalRemoved(GoalAnnouncement):
    """Told while the row is still there."""

    name: ClassVar[str] = "goal.removed"
