"""REST: saved reports, segments and annotations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from apiflask import APIBlueprint
from pydantic import Field, field_validator
from sqlalchemy import select

from app.accounts.access import authorized, get_or_404
from app.accounts.permissions import Permission
from app.analytics.filters import read_filters
from app.analytics.models import Annotation, Refused, Report, Segment, Wanted
from app.analytics.periods import read_period
from app.analytics.questions import Question
from app.analytics.report_tables import check, report_table
from app.analytics.schemas import Asked
from app.core.api import ListQuery, Page, Schema, writes
from app.core.db import db
from app.core.errors import ApiError, bad_query, invalid
from app.core.forms import clean_line
from app.sites.models import Site

blueprint = APIBlueprint("reports_api", __name__, url_prefix="/api/v1", tag="Analytics")

FIRST_YEAR, LAST_YEAR = 1971, 2200


class Named(Schema):
    name: str = Field(min_length=1, max_length=120)

    @field_validator("name", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)


class ReportIn(Named):
    """`metrics`: visitors, sessions, page_views, bounce_rate, seconds, events, orders, revenue.
    `dimensions`: none, one or two, such as country or day. `filters` as in an address,
    `country:is:DE|FR`. `period`: today, yesterday, 7d, 30d, month, last_month or 12m."""

    site_id: UUID
    metrics: list[str] = Field(min_length=1, max_length=20)
    dimensions: list[str] = Field([], max_length=2)
    filters: list[str] = Field([], max_length=50)
    period: str = Field("30d", max_length=20)

    def wanted(self) -> Wanted:
        """Raises ApiError 422 that names the field."""
        metrics = list(dict.fromkeys(self.metrics))
        _refusing(lambda: check(metrics, self.dimensions))
        filters = _of_field("filters", lambda: read_filters(self.filters))
        _of_field("period", lambda: read_period(self.period, None, None, ZoneInfo("UTC")))
        return Wanted(metrics, self.dimensions, filters, self.period)


class ReportOut(Schema):
    id: UUID
    site_id: UUID
    name: str
    metrics: list[str]
    dimensions: list[str]
    filters: list[str]
    period: str
    schedule: str | None
    hour: int
    next_at: datetime | None
    created_at: datetime


class Reports(Page[ReportOut]):
    pass


class ReportRun(Asked):
    """`rows`: the values of the dimensions, then the figures of the metrics, in their order.
    Revenue in minor units, bounce rate as a share of one, seconds of a visit on average."""

    id: UUID
    name: str
    dimensions: list[str]
    metrics: list[str]
    rows: list[list[Any]]
    left_out: int


class OfASite(ListQuery):
    """`?site_id=` only that site's."""

    site_id: UUID | None = None


class SegmentIn(Named):
    """`filters` as in an address: `country:is:DE|FR`."""

    site_id: UUID
    filters: list[str] = Field(min_length=1, max_length=50)


class SegmentOut(Schema):
    id: UUID
    site_id: UUID
    name: str
    filters: list[str]
    created_at: datetime


class Segments(Page[SegmentOut]):
    pass


class AnnotationIn(Schema):
    """`day` by the site's clock."""

    site_id: UUID
    day: date
    text: str = Field(min_length=1, max_length=300)

    @field_validator("text", mode="before")
    @classmethod
    def one_line(cls, text: Any) -> Any:
        return clean_line(text)

    @field_validator("day")
    @classmethod
    def of_our_time(cls, day: date) -> date:
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValueError("A day of our time, please.")
        return day


class AnnotationOut(Schema):
    id: UUID
    site_id: UUID
    day: date
    text: str
    created_at: datetime


class Annotations(Page[AnnotationOut]):
    pass


@blueprint.get("/reports")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(OfASite, location="query")
@blueprint.output(Reports)
def list_reports(query_data: OfASite) -> Any:
    return Reports.read(_of_site(Report, query_data), Report, query_data, ReportOut.of)


@blueprint.post("/reports")
@authorized(Permission.ANALYTICS_WRITE)
@blueprint.input(ReportIn)
@blueprint.output(ReportOut, status_code=201)
@writes
def create_report(json_data: ReportIn) -> Any:
    site, wanted = get_or_404(Site, json_data.site_id), json_data.wanted()
    return ReportOut.of(_refusing(lambda: Report.create(site, json_data.name, wanted)))


@blueprint.get("/reports/<uuid:report_id>")
@authorized(Permission.ANALYTICS_READ)
@blueprint.output(ReportOut)
def show_report(report_id: UUID) -> Any:
    return ReportOut.of(get_or_404(Report, report_id))


@blueprint.get("/reports/<uuid:report_id>/rows")
@authorized(Permission.ANALYTICS_READ)
@blueprint.output(ReportRun)
def run_report(report_id: UUID) -> Any:
    """Its table as of now. A filter by a goal that was deleted is 400."""
    report = get_or_404(Report, report_id)
    if report.fault:
        raise bad_query("f", report.fault)
    site = db.session.get_one(Site, report.site_id)
    period = read_period(report.period, None, None, ZoneInfo(site.time_zone))
    table = report_table(site, period, report.read, report.dimensions, report.metrics)
    rows = [
        [*values, *(getattr(totals, each) for each in report.metrics)]
        for values, totals in table.rows
    ]
    return ReportRun(
        id=report.id,
        name=report.name,
        dimensions=report.dimensions,
        metrics=report.metrics,
        rows=rows,
        left_out=table.left_out,
        **Asked.said(Question(site, period, report.read)),
    )


@blueprint.delete("/reports/<uuid:report_id>")
@authorized(Permission.ANALYTICS_WRITE)
@blueprint.output({}, status_code=204)
@writes
def delete_report(report_id: UUID) -> Any:
    get_or_404(Report, report_id).remove()


@blueprint.get("/segments")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(OfASite, location="query")
@blueprint.output(Segments)
def list_segments(query_data: OfASite) -> Any:
    return Segments.read(_of_site(Segment, query_data), Segment, query_data, SegmentOut.of)


@blueprint.post("/segments")
@authorized(Permission.ANALYTICS_WRITE)
@blueprint.input(SegmentIn)
@blueprint.output(SegmentOut, status_code=201)
@writes
def create_segment(json_data: SegmentIn) -> Any:
    site = get_or_404(Site, json_data.site_id)
    filters = _of_field("filters", lambda: read_filters(json_data.filters))
    return SegmentOut.of(_refusing(lambda: Segment.save(site, json_data.name, filters)))


@blueprint.delete("/segments/<uuid:segment_id>")
@authorized(Permission.ANALYTICS_WRITE)
@blueprint.output({}, status_code=204)
@writes
def delete_segment(segment_id: UUID) -> Any:
    get_or_404(Segment, segment_id).remove()


@blueprint.get("/annotations")
@authorized(Permission.ANALYTICS_READ)
@blueprint.input(OfASite, location="query")
@blueprint.output(Annotations)
def list_annotations(query_data: OfASite) -> Any:
    found = _of_site(Annotation, query_data)
    return Annotations.read(found, Annotation, query_data, AnnotationOut.of)


@blueprint.post("/annotations")
@authorized(Permission.ANALYTICS_WRITE)
@blueprint.input(AnnotationIn)
@blueprint.output(AnnotationOut, status_code=201)
@writes
def create_annotation(json_data: AnnotationIn) -> Any:
    site, said = get_or_404(Site, json_data.site_id), json_data
    return AnnotationOut.of(_refusing(lambda: Annotation.write(site, said.day, said.text)))


@blueprint.delete("/annotations/<uuid:annotation_id>")
@authorized(Permission.ANALYTICS_WRITE)
@blueprint.output({}, status_code=204)
@writes
def delete_annotation(annotation_id: UUID) -> Any:
    get_or_404(Annotation, annotation_id).remove()


def _of_site(model: Any, query: OfASite) -> Any:
    if query.site_id is None:
        return select(model)
    return select(model).filter_by(site_id=get_or_404(Site, query.site_id).id)


def _refusing(act: Callable[[], Any]) -> Any:
    """What a verb refuses is a field that is not valid."""
    try:
        return act()
    except Refused as error:
        field = "filters" if error.field == "f" else error.field
        raise invalid(field, str(error)) from error


def _of_field(field: str, read: Callable[[], Any]) -> Any:
    """What would be a bad query in an address is a field of a body here."""
    try:
        return read()
    except ApiError as error:
        raise invalid(field, error.message) from error
