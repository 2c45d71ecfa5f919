"""Campaigns: what is shown to visitors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from app.campaigns.content import PARTS, Invalid
from app.campaigns.formats import FORMATS, checked_parts
from app.campaigns.models.image import Image
from app.core import clock
from app.core.announce import Announcement, announce
from app.core.db import Base, db
from app.core.public import PublicAnnouncement
from app.core.tenancy import Tenant, owned_by
from app.sites.models import Site

DRAFTED = ("content", *PARTS)  # what a draft consists of


class Campaign(Tenant, Base):
    """Something shown to visitors. What is edited is a draft; `live` is what was published."""

    __tablename__ = "campaigns"
    __table_args__ = (
        owned_by("sites", "site_id"),
        UniqueConstraint("organization_id", "id"),
        Index("ix_campaigns_site_id_status", "site_id", "status"),
        Index("ix_campaigns_publish_at", "publish_at"),
        {"info": {"system": ("SELECT",)}},
    )

    site_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(120))
    format: Mapped[str] = mapped_column(String(40))
    renderer: Mapped[str] = mapped_column(String(20))
    content: Mapped[dict[str, Any]]
    triggers: Mapped[dict[str, Any]]
    rules: Mapped[dict[str, Any]]
    frequency: Mapped[dict[str, Any]]
    tracking: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(10), default="draft")
    live: Mapped[dict[str, Any] | None]
    published_at: Mapped[datetime | None]
    # When the draft is to be published by itself.
    publish_at: Mapped[datetime | None]
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
        **parts: dict[str, Any] | None,
    ) -> Campaign:
        """`parts` are triggers, rules, frequency and tracking. Raises Invalid for what the format
        does not know or cannot use."""
        campaign = cls(site_id=site.id, name=name, format=format, renderer=FORMATS[format].renderer)
        campaign._set({"content": content, **{part: parts.get(part) or {} for part in PARTS}})
        campaign.status = "draft"
        db.session.add(campaign)
        db.session.flush()
        announce(CampaignDrafted(campaign=campaign))
        return campaign

    @classmethod
    def revive(cls, site: Site, snapshot: dict[str, Any]) -> Campaign:
        """A deleted campaign under its old id, as a revision kept it. Announces nothing, as
        `restore`."""
        campaign = cls(
            id=UUID(snapshot["id"]),
            site_id=site.id,
            name=snapshot.get("name", ""),
            format=snapshot["format"],
            renderer=snapshot["renderer"],
        )
        db.session.add(campaign)
        campaign.restore(snapshot)
        return campaign

    def change(self, *, name: str | None = None, **parts: dict[str, Any]) -> None:
        """Edit the draft. Visitors keep seeing what is published. Raises Invalid."""
        before = (self.name, self.drafted)
        self._set(parts)
        self.name = name or self.name
        if (self.name, self.drafted) == before:
            return
        self.updated_at = clock.now()
        announce(CampaignChanged(campaign=self))

    def publish(self) -> None:
        scheduled = self.publish_at is not None and self.publish_at <= clock.now()
        self.live = self.drafted
        self.status, self.published_at, self.publish_at = "published", clock.now(), None
        db.session.flush()
        announce(CampaignPublished(campaign=self, scheduled=scheduled))

    def schedule(self, moment: datetime) -> None:
        """Have the draft, as it then is, published at a moment ahead."""
        self.publish_at = moment
        if self.status != "published":
            self.status = "scheduled"
        announce(CampaignScheduled(campaign=self))

    def unschedule(self) -> None:
        if self.publish_at is None:
            return
        self.publish_at = None
        if self.status == "scheduled":
            self.status = "paused" if self.live else "draft"
        announce(CampaignChanged(campaign=self))

    def pause(self) -> None:
        if self.status == "published":
            self.status, self.publish_at = "paused", None
            db.session.flush()
            announce(CampaignPaused(campaign=self))

    def duplicate(self) -> Campaign:
        """A draft of its own with the same content."""
        parts = {part: getattr(self, part) for part in DRAFTED}
        return Campaign.draft(
            self.site, name=f"{self.name} (copy)"[:120], format=self.format, **parts
        )

    def show_image(self, image: Image | None) -> None:
        """Put a picture into the draft, or take it out."""
        kept = self.content.get("image") or {}
        picture = image and {**image.reference, "alt": kept.get("alt", "")}
        self.change(content={**self.content, "image": picture})

    def discard_changes(self) -> None:
        """Set the draft back to what is published."""
        if self.live and self.has_unpublished_changes:
            self._take(self.live)
            announce(CampaignChanged(campaign=self))

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Set draft and publication to what a revision kept. Announces nothing: its caller
        publishes one revision for all of them."""
        self.name = snapshot.get("name") or self.name
        self._take(snapshot)
        self.live = self.drafted
        self.status, self.published_at, self.publish_at = "published", clock.now(), None

    def delete(self) -> None:
        announce(CampaignDeleted(campaign=self))
        was_published = self.status == "published"
        self.status = "draft"
        if was_published:
            db.session.flush()
            announce(PublicationChanged(campaign=self))
        db.session.delete(self)

    @property
    def drafted(self) -> dict[str, Any]:
        return {part: getattr(self, part) for part in DRAFTED}

    @property
    def has_unpublished_changes(self) -> bool:
        return self.status == "published" and {**_EMPTY, **(self.live or {})} != self.drafted

    def snapshot(self) -> dict[str, Any]:
        """What a revision keeps of it."""
        return {
            "id": str(self.id),
            "name": self.name,
            "format": self.format,
            "renderer": self.renderer,
            **(self.live or {}),
        }

    def _set(self, parts: dict[str, dict[str, Any]]) -> None:
        for part, values in checked_parts(self.format, parts).items():
            _check_picture(values.get("image"))
            setattr(self, part, values)

    def _take(self, kept: dict[str, Any]) -> None:
        for part in DRAFTED:
            setattr(self, part, kept.get(part, _EMPTY.get(part)))
        self.updated_at = clock.now()


def _check_picture(image: dict[str, Any] | None) -> None:
    """It was uploaded to this organization. Raises Invalid."""
    if image and db.session.scalar(select(Image.id).filter_by(token=image["token"])) is None:
        raise Invalid({"content.image": "There is no such picture. Upload it first."})


# What is assumed of parts that a publication of long ago did not have.
_EMPTY = {part: schema().model_dump() for part, schema in PARTS.items()}


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
class CampaignScheduled(CampaignDrafted):
    name: ClassVar[str] = "campaign.scheduled"


@dataclass(frozen=True, kw_only=True)
class CampaignDeleted(CampaignDrafted):
    name: ClassVar[str] = "campaign.deleted"


@dataclass(frozen=True, kw_only=True)
class PublicationChanged(CampaignDrafted):
    """What visitors see is about to be another: floor 4 composes the revision."""

    name: ClassVar[str] = "publication.changed"
    audited: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class CampaignPublished(PublicationChanged, PublicAnnouncement):
    """`scheduled`: because its moment had come."""

    name: ClassVar[str] = "campaign.published"
    audited: ClassVar[bool] = True
    about: ClassVar[str] = "Visitors see a campaign, or a new version of it, from now on."
    since: ClassVar[str] = "0.1.0"
    example: ClassVar[dict[str, Any]] = {
        "id": "01980d3c-5b7a-7c11-9a52-3f0c6b1d2e04",
        "site_id": "01980d3c-5b7a-7c11-9a52-3f0c6b1d2e02",
        "name": "Recent orders",
        "format": "recent_activity",
        "scheduled": False,
        "published_at": "2026-01-31T14:05:00.000Z",
    }
    scheduled: bool = False

    def public_site_id(self) -> UUID | None:
        return self.campaign.site_id

    def public_data(self) -> dict[str, Any]:
        return {
            "id": str(self.campaign.id),
            "site_id": str(self.campaign.site_id),
            "name": self.campaign.name,
            "format": self.campaign.format,
            "scheduled": self.scheduled,
            "published_at": clock.iso(clock.past(self.campaign.published_at)),
        }


@dataclass(frozen=True, kw_only=True)
class CampaignPaused(PublicationChanged):
    name: ClassVar[str] = "campaign.paused"
    audited: ClassVar[bool] = True
