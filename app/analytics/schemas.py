"""What the REST routes of analytics share: the question, and what every answer says of itself."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.accounts.access import get_or_404
from app.accounts.models import Organization
from app.analytics.questions import Question
from app.analytics.rollups import as_of
from app.core.api import Schema
from app.core.db import db
from app.sites.models import Site
from app.tracking.queries import moment


class QuestionQuery(BaseModel):
    """`?period=` today, yesterday, 7d, 30d, month, last_month or 12m (default 30d), or `?from=` and
    `?to=` as days, both included. `?zone=` an IANA time zone, default the site's. `?f=` a filter
    such as `country:is:DE|FR`; give it several times for several."""

    model_config = ConfigDict(populate_by_name=True)

    site_id: UUID
    period: str | None = Field(None, max_length=20)
    first: str | None = Field(None, alias="from", max_length=20)
    last: str | None = Field(None, alias="to", max_length=20)
    zone: str | None = Field(None, max_length=60)
    f: str | None = None

    def question(self) -> Question:
        return Question.asked(get_or_404(Site, self.site_id))


class Asked(Schema):
    """What an answer is about. Amounts are in minor units of `currency`; `as_of` is the moment up
    to which the numbers are whole."""

    site_id: UUID
    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    zone: str
    currency: str
    as_of: datetime

    @classmethod
    def said(cls, question: Question) -> dict[str, Any]:
        site, period = question.site, question.period
        organization = db.session.get_one(Organization, site.organization_id)
        return {
            "site_id": site.id,
            "first": period.first,
            "last": period.last,
            "zone": period.zone.key,
            "currency": organization.currency,
            "as_of": moment(as_of(site)),
        }
