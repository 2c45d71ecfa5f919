"""A report's table as a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from app.accounts.models import Organization
from app.analytics.exports import major, written_apart
from app.analytics.models import Report
from app.analytics.periods import Period, read_period
from app.analytics.report_tables import report_table
from app.core.announce import Announcement, announce
from app.core.db import db
from app.core.errors import bad_query
from app.core.progress import Progress
from app.sites.models import Site


@dataclass(frozen=True)
class ReportExport:
    report: Report
    site: Site
    period: Period
    format: str

    @classmethod
    def of(cls, report: Report, format: str) -> ReportExport:
        site = db.session.get_one(Site, report.site_id)
        period = read_period(report.period, None, None, ZoneInfo(site.time_zone))
        return cls(report, site, period, format)

    @property
    def filename(self) -> str:
        return f"report-{self.period.first}-{self.period.last}.{self.format}"

    def begin(self, progress: Progress) -> Iterator[bytes]:
        """Say that it is taken out, and answer it in pieces."""
        report = self.report
        if report.fault:
            raise bad_query("f", report.fault)
        announce(ReportExported(report=report))
        dimensions, metrics = list(report.dimensions), list(report.metrics)
        table = report_table(self.site, self.period, report.read, dimensions, metrics)
        currency = db.session.get_one(Organization, report.organization_id).currency
        rows = [
            [*values, *(_cell(totals, each, currency) for each in metrics)]
            for values, totals in table.rows
        ]
        return written_apart([*dimensions, *metrics], rows, self.format, progress)


def _cell(totals: Any, metric: str, currency: str) -> Any:
    value = getattr(totals, metric)
    if metric == "revenue":
        return major(value, currency)
    return round(value, 4) if isinstance(value, float) else value


@dataclass(frozen=True, kw_only=True)
class ReportExported(Announcement):
    name: ClassVar[str] = "report.exported"
    report: Report

    def details(self) -> dict[str, Any]:
        return {"name": self.report.name, "site_id": str(self.report.site_id)}
