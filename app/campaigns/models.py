"""Campaigns: what is shown to visitors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.campaigns.formats import FORMATS, Triggers, checked_content
from app.core import clock
from app.core.announce import Announcement, announce
from app.core.db import Base, db
from app.core.tenancy import Tenant, owned_by
from app.sites.models import Site


class Campaign(Tenant, Base):
    """Something shown to visitors. What is edited is a draft; `live` is what was published."""

    __tablename__ = "campaigns"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "id"),
        Index("ix_campaigns_site_id_status", "site_id", "status"),
    )

    site_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(120))
    format: Mapped[str] = mapped_column(String(40))
    renderer: Mapped[str] = mapped_column(String(20))
    content: Mapped[dict[str, Any]]
    triggers: Mapped[dict[str, Any]]
    rules: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(10), default="draft")
    live: Mapped[dict[str, Any] | None]
    published_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now)
    site: Mapped[Site] = relationship(primaryjoin=lambda: foreign(Campaign.site_id) == Site.id)

    @classmethod
    def draft(
        cls,
        site: Site,
        *,
        name: str,
        format: str,
        content: dict[str, Any],
        triggers: dict[str, Any] | None = None,
        rules: dict[str, Any] | None = None,
    ) -> Campaign:
        """Raises pydantic.ValidationError for content that the format does not know."""
        renderer = FORMATS[format].renderer
        campaign = cls(
            site_id=site.id,
            name=name,
            format=format,
            renderer=renderer,
            content=checked_content(format, renderer, content),
            triggers=Triggers.model_validate(triggers or {}).model_dump(),
            rules=rules or {},
            status="draft",
        )
        db.session.add(campaign)
        db.session.flush()
        announce(CampaignDrafted(campaign=campaign))
        return campaign

    def change(
        self,
        *,
        name: str | None = None,
        content: dict[str, Any] | None = None,
        triggers: dict[str, Any] | None = None,
    ) -> None:
        """Edit the draft. Visitors keep seeing what is published."""
        self.name = name or self.name
        if content is not None:
            self.content = checked_content(self.format, self.renderer, content)
        if triggers is not None:
            self.triggers = Triggers.model_validate(triggers).model_dump()
        self.updated_at = clock.now()
        announce(CampaignChanged(campaign=self))

    def publish(self) -> None:
        self.live = {"content": self.content, "triggers": self.triggers, "rules": self.rules}
        self.status, self.published_at = "published", clock.now()
        db.session.flush()
        announce(CampaignPublished(campaign=self))

    def pause(self) -> None:
        if self.status == "published":
            self.status = "paused"
            db.session.flush()
            announce(CampaignPaused(campaign=self))

    @property
    def has_unpublished_changes(self) -> bool:
        draft = {"content": self.content, "triggers": self.triggers, "rules": self.rules}
        return self.status == "published" and self.live != draft

    def snapshot(self) -> dict[str, Any]:
        """What a revision keeps of it."""
        return {
            "id": str(self.id),
            "format": self.format,
            "renderer": self.renderer,
            **(self.live or {}),
        }


@dataclass(frozen=True, kw_only=True)
class CampaignDrafted(Announcement):
    name: ClassVar[str] = "campaign.drafted"
    campaign: Campaign

    def details(self) -> dict[str, Any]:
        return {"name": self.campaign.name, "format": self.campaign.format}


@dataclass(frozen=True, kw_only=True)
class CampaignChanged(CampaignDrafted):
    name: ClassVar[str] = "campaign.changed"


@dataclass(frozen=True, kw_only=True)
class PublicationChanged(CampaignDrafted):
    """What visitors see is about to be another: floor 4 composes the revision."""


@dataclass(frozen=True, kw_only=True)
class CampaignPublished(PublicationChanged):
    name: ClassVar[str] = "campaign.published"


@dataclass(frozen=True, kw_only=True)
class CampaignPaused(PublicationChanged):
    name: ClassVar[str] = "campaign.paused"
