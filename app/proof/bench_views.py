"""Pages of the test bench: try a payload, adjust the mapping, save it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for
from sqlalchemy import select

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.core.db import db
from app.core.errors import not_found
from app.core.render import render
from app.proof.bench import Trial, attempt
from app.proof.forms import BenchForm
from app.sources import replays
from app.sources.inspector import Filter
from app.sources.models import InboundDelivery, Source

LATEST = 20

blueprint = Blueprint("bench", __name__, url_prefix="/o/<organization>/sources/<uuid:source_id>")


@blueprint.get("/bench")
@require(Permission.SOURCES_READ)
def show(source_id: UUID) -> Any:
    source = _source(source_id)
    chosen = _chosen(source)
    form = BenchForm.of(source.mapping, (chosen.readable_body or "") if chosen else "")
    return _bench(source, form, chosen)


@blueprint.post("/bench")
@require(Permission.SOURCES_READ)
def attempt_payload(source_id: UUID) -> Any:
    """Stores nothing. With script the answer is what changed, else the whole page."""
    source, form = _source(source_id), BenchForm()
    form.validate()
    return _bench(source, form, _chosen(source))


@blueprint.post("/bench/mapping")
@require(Permission.SOURCES_WRITE)
def save(source_id: UUID) -> Any:
    source, form = _source(source_id), BenchForm()
    if source.kind != "custom" or not form.validate():
        return _bench(source, form, _chosen(source), 422)
    source.change(mapping=form.mapping() or None)
    db.session.commit()
    flash("The mapping is saved. It holds for deliveries and replays from now on.", "success")
    chosen = request.form.get("delivery") or None
    slug = current_organization.slug
    page = url_for("bench.show", organization=slug, source_id=source.id, delivery=chosen)
    return redirect(page)


def _bench(
    source: Source, form: BenchForm, chosen: InboundDelivery | None, status: int = 200
) -> Any:
    headers = (chosen.headers or {}) if chosen else {}
    tried = attempt(source, form.payload.data or "", headers, form.expressions())
    _place_problems(form, tried)
    return render(
        "proof/bench/show.html",
        status,
        block="result",
        source=source,
        form=form,
        trial=tried,
        chosen=chosen,
        deliveries=_latest(source),
        failed=replays.count(Filter(source_id=source.id, verdict="failed")),
    )


def _place_problems(form: BenchForm, tried: Trial) -> None:
    """A problem stands at its field, also before it is saved."""
    for target, (_value, problem) in tried.found.items():
        if problem and not form[f"map_{target}"].errors:
            form[f"map_{target}"].errors = [problem]


def _source(source_id: UUID) -> Source:
    source = get_or_404(Source, source_id)
    if not source.takes_webhooks:
        raise not_found()
    return source


def _chosen(source: Source) -> InboundDelivery | None:
    """The past delivery that is tried, if one is named."""
    text = request.values.get("delivery", "")
    try:
        identifier = UUID(text)
    except ValueError:
        return None
    found = select(InboundDelivery).filter_by(id=identifier, source_id=source.id)
    return db.session.scalars(found).one_or_none()


def _latest(source: Source) -> list[InboundDelivery]:
    found = Filter(source_id=source.id).statement().where(InboundDelivery.body_sealed.is_not(None))
    found = found.where(InboundDelivery.verdict.in_(("accepted", "ignored", "failed")))
    return list(db.session.scalars(found.order_by(InboundDelivery.id.desc()).limit(LATEST)))
