"""Steps that lead somewhere, to be counted again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from app.analytics.models.goal import Goal, GoalRemoved, TooMany
from app.analytics.steps import Step, StepError, plain, read_step
from app.core import clock
from app.core.announce import Announcement, announce, subscribe
from app.core.db import Base, db
from app.core.tenancy import Tenant, owned_by
from app.sites.models import Site

MOST_FUNNELS = 100  # of a site


class Funnel(Tenant, Base):
    """What visitors do on the way, in this order, within `window` seconds from the first step."""

    __tablename__ = "funnels"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "id"),
        Index("ix_funnels_site_id", "site_id", "id"),
    )

    site_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(80))
    kept_steps: Mapped[list[Any]]
    window: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def create(cls, site: Site, name: str, steps: Sequence[Step], window: int) -> Funnel:
        """Raises TooMany, and StepError for a goal that is not the site's."""
        Goal.lock(site.id)
        if len(cls.of(site)) >= MOST_FUNNELS:
            raise TooMany(f"A site has at most {MOST_FUNNELS} funnels.")
        funnel = cls(site_id=site.id, name=name, window=window)
        funnel._take(steps)
        db.session.add(funnel)
        db.session.flush()
        announce(FunnelCreated(funnel=funnel))
        return funnel

    @classmethod
    def of(cls, site: Site) -> list[Funnel]:
        """In the order in which they were made."""
        return list(db.session.scalars(select(cls).filter_by(site_id=site.id).order_by(cls.id)))

    def change(self, name: str, steps: Sequence[Step], window: int) -> None:
        """Raises StepError for a goal that is not the site's."""
        Goal.lock(self.site_id)
        self.name, self.window = name, window
        self._take(steps)
        db.session.flush()
        announce(FunnelChanged(funnel=self))

    def remove(self) -> None:
        announce(FunnelRemoved(funnel=self))
        db.session.delete(self)
        db.session.flush()

    @property
    def steps(self) -> list[Step]:
        return [read_step(each) for each in self.kept_steps]

    def _take(self, steps: Sequence[Step]) -> None:
        known_goals(self.site_id, steps)
        self.kept_steps = [each.kept() for each in steps]


def known_goals(site_id: UUID, steps: Sequence[Step]) -> dict[UUID, Goal]:
    """Those that the steps name. Raises StepError for one that is not the site's."""
    found = select(Goal).where(
        Goal.site_id == site_id, Goal.id.in_([each.goal_id for each in steps if each.goal_id])
    )
    goals = {each.id: each for each in db.session.scalars(found)}
    for number, each in enumerate(steps, 1):
        if each.goal_id and each.goal_id not in goals:
            raise StepError(f"steps.{number}.goal_id", "Choose a goal of this site.")
    return goals


@subscribe(GoalRemoved)
def put_in_its_place(announcement: GoalRemoved) -> None:
    """What a goal looked for stays in the funnels that it was a step of."""
    goal = announcement.goal
    instead = plain(Step(goal.wanted))
    for funnel in db.session.scalars(select(Funnel).filter_by(site_id=goal.site_id)):
        steps = [
            instead if each.get("goal_id") == str(goal.id) else each for each in funnel.kept_steps
        ]
        if steps != funnel.kept_steps:
            funnel.kept_steps = steps


@dataclass(frozen=True, kw_only=True)
class FunnelAnnouncement(Announcement):
    funnel: Funnel

    def details(self) -> dict[str, Any]:
        return {"site_id": str(self.funnel.site_id), "name": self.funnel.name}


@dataclass(frozen=True, kw_only=True)
class FunnelCreated(FunnelAnnouncement):
    name: ClassVar[str] = "funnel.created"


@dataclass(frozen=True, kw_only=True)
class FunnelChanged(FunnelAnnouncement):
    name: ClassVar[str] = "funnel.changed"


@dataclass(frozen=True, kw_only=True)
class FunnelRemoved(FunnelAnnouncement):
    """Told while the row is still there."""

    name: ClassVar[str] = "funnel.removed"
