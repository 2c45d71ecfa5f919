"""What a page of analytics was asked: of which site, which days, which visits. All of it stands in
the address, so that a link says the same to everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import request, url_for

from app.accounts.access import current_organization
from app.analytics.filters import Filter, read_filters
from app.analytics.models import Goal, Refused
from app.analytics.periods import Period, read_period, zone_named
from app.core.errors import bad_query
from app.sites.models import Site


@dataclass(frozen=True)
class Question:
    site: Site
    period: Period
    filters: Sequence[Filter]

    @classmethod
    def asked(cls, site: Site) -> Question:
        """By this request: `?period=`, or `?from=` and `?to=`; `?zone=`; `?f=`, several of them.

        Raises ApiError 400 that names the field.
        """
        said = request.args.get
        zone = zone_named(said("zone") or site.time_zone)
        period = read_period(said("period"), said("from"), said("to"), zone)
        return cls(site, period, asked_filters(site))

    @property
    def own_clock(self) -> bool:
        return self.period.is_by(self.site.time_zone)

    def parameters(self, **changes: Any) -> dict[str, Any]:
        """As they stand in an address; `None` leaves one out."""
        said = {
            "site": self.site.id,
            "f": [str(each) for each in self.filters],
            "zone": None if self.own_clock else self.period.zone.key,
            **self._days(),
            **changes,
        }
        return {name: value for name, value in said.items() if value not in (None, [], "")}

    def address(self, endpoint: str, **changes: Any) -> str:
        """Another page, or the same one, with the same question but for the changes."""
        return url_for(
            endpoint, organization=current_organization.slug, **self.parameters(**changes)
        )

    def query(self, **changes: Any) -> str:
        """The same page with the same question but for the changes: what stands after its `?`."""
        return urlencode(self.parameters(**changes), doseq=True)

    def without(self, filter: Filter) -> list[str]:
        return [str(each) for each in self.filters if each != filter]

    def _days(self) -> dict[str, Any]:
        if self.period.preset != "custom":
            return {"period": self.period.preset}
        return {"from": self.period.first.isoformat(), "to": self.period.last.isoformat()}


def asked_filters(site: Site) -> list[Filter]:
    """`?f=`, several of them. Raises ApiError 400, also for a goal that the site does not have."""
    filters = read_filters(request.args.getlist("f"))
    try:
        Goal.demand(site.id, filters)
    except Refused as error:
        raise bad_query(error.field, str(error)) from error
    return filters
