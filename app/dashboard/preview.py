"""What the builder's frames draw: a draft in the form in which the public widget gets it, with
real activities of the site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.campaigns.formats import FORMATS
from app.campaigns.models import Campaign
from app.core import clock
from app.core.db import db
from app.embed.loader import configuration
from app.embed.notifications import items_of
from app.embed.summaries import summary_of
from app.proof import wording
from app.proof.models import Activity
from app.sites.models import Site

SHOWN = 5


@dataclass(frozen=True)
class Preview:
    """`draft` is what the widget takes: config, items, summaries. `real` says whether the sentence
    comes from rows or, where there are none yet, from the names of the variables."""

    draft: dict[str, Any]
    real: bool

    @property
    def sample(self) -> str:
        """The sentence that a visitor would read now; empty for a campaign of plain words."""
        told = [*self.draft["items"], *self.draft["summaries"]]
        return told[0]["message"].replace("{{time_ago}}", "just now") if told else ""


def preview_of(campaign: Campaign, drafted: dict[str, Any], *, people: bool) -> Preview:
    """A draft with the site's own rows; without `people` only with those that name nobody."""
    site, snapshot = campaign.site, {**campaign.snapshot(), **drafted}
    config = configuration(site.key, site.language, [snapshot], "preview")
    items, summaries = _rows(site, snapshot, people)
    real = bool(items or summaries)
    shows = FORMATS[campaign.format].shows
    if not real and shows == "activities":
        items = [_example(campaign, snapshot)]
    elif not real and shows == "counts":
        summaries = [_example(campaign, snapshot)]
    return Preview({"config": config, "items": items, "summaries": summaries}, real)


def _rows(site: Site, snapshot: dict[str, Any], people: bool) -> tuple[list[Any], list[Any]]:
    if FORMATS[snapshot["format"]].shows != "activities":
        summary = summary_of(site, snapshot)
        return [], [summary] if summary else []
    if not people:
        return [], []
    latest = (
        select(Activity)
        .filter_by(site_id=site.id, retracted_at=None)
        .where(Activity.type.in_(snapshot["content"]["types"]))
        .order_by(Activity.occurred_at.desc())
        .limit(SHOWN)
    )
    rows = db.session.scalars(latest).all()
    return [
        item for row in rows for item in items_of(row, [snapshot], site.person_style, site.language)
    ], []


def _example(campaign: Campaign, snapshot: dict[str, Any]) -> dict[str, Any]:
    """Nothing invented: each variable says its own name."""
    names = FORMATS[campaign.format].variables
    template = wording.parse(snapshot["content"]["template"], variables=tuple(names))
    values = {name: f"‹{name.replace('_', ' ')}›" for name in names}
    return {
        "id": "example",
        "campaign": str(campaign.id),
        "type": "example",
        "message": template.render(values),
        "timestamp": clock.iso(clock.now()),
        "as_of": clock.iso(clock.now()),
    }
