"""The inspector: pages of the deliveries that came in, and their replays."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import flash, make_response, redirect, request, url_for

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.models import Member
from app.accounts.permissions import Permission
from app.core.api import ListQuery, page
from app.core.db import db
from app.core.render import render
from app.sources import replays
from app.sources.forms import ReplayForm
from app.sources.hooks import redacted
from app.sources.inspector import Filter, topics, webhook_sources
from app.sources.jobs import replay_range
from app.sources.models import InboundDelivery, Source
from app.sources.replays import NotReplayable, Replay, ReplayRange
from app.sources.views import blueprint

PAGE = 30


@blueprint.get("/deliveries")
@require(Permission.SOURCES_READ)
def deliveries() -> Any:
    asked, cursor = _asked(request.args), request.args.get("cursor")
    rows, older = page(asked.statement(), InboundDelivery, ListQuery(limit=PAGE, cursor=cursor))
    return render(
        "sources/deliveries/index.html",
        block="list",
        deliveries=rows,
        older=older,
        asked=asked,
        sources=webhook_sources(),
        topics=topics(),
        newest=not cursor,
    )


@blueprint.get("/deliveries/<uuid:delivery_id>")
@require(Permission.SOURCES_READ)
def delivery(delivery_id: UUID) -> Any:
    return _delivery(get_or_404(InboundDelivery, delivery_id))


@blueprint.get("/deliveries/<uuid:delivery_id>/body")
@require(Permission.SOURCES_READ)
def body(delivery_id: UUID) -> Any:
    """The body to the letter, as a download: what a stranger sent is never shown as a page."""
    response = make_response(get_or_404(InboundDelivery, delivery_id).body or b"")
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["Content-Disposition"] = f'attachment; filename="delivery-{delivery_id}.txt"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/deliveries/<uuid:delivery_id>/replay")
@require(Permission.SOURCES_WRITE)
def replay(delivery_id: UUID) -> Any:
    found = get_or_404(InboundDelivery, delivery_id)
    try:
        made = Replay.of(found)
    except NotReplayable as error:
        return _delivery(found, 422, str(error))
    db.session.commit()
    flash(*_outcome(made))
    slug = current_organization.slug
    return redirect(url_for("sources.delivery", organization=slug, delivery_id=delivery_id))


@blueprint.get("/replays/new")
@require(Permission.SOURCES_WRITE)
def new_replay() -> Any:
    return _new_replay(_asked(request.args))


@blueprint.post("/replays")
@require(Permission.SOURCES_WRITE)
def create_replay() -> Any:
    asked, form = _asked(request.form), ReplayForm()
    if not form.validate():
        return _new_replay(asked, 422)
    try:
        begun = ReplayRange.begin(asked, form.total.data)
    except NotReplayable:
        return _new_replay(asked, 422)
    replay_range.enqueue(range_id=begun.id)
    db.session.commit()
    slug = current_organization.slug
    return redirect(url_for("sources.show_replay", organization=slug, range_id=begun.id))


@blueprint.get("/replays/<uuid:range_id>")
@require(Permission.SOURCES_READ)
def show_replay(range_id: UUID) -> Any:
    begun = get_or_404(ReplayRange, range_id)
    asked = Filter.read(begun.filter)
    return render("sources/replays/show.html", block="progress", range=begun, asked=asked)


def _asked(arguments: Any) -> Filter:
    """The filter of a request. A source that is not there is as unknown here as anywhere."""
    asked = Filter.read(arguments)
    if asked.source_id:
        get_or_404(Source, asked.source_id)
    return asked


def _delivery(found: InboundDelivery, status: int = 200, refusal: str | None = None) -> Any:
    history = replays.replays_of(found)
    return render(
        "sources/deliveries/show.html",
        status,
        delivery=found,
        headers=redacted(found.headers or {}),
        replays=history,
        names=_names(history),
        refusal=refusal,
    )


def _names(history: list[Replay]) -> dict[UUID, str]:
    """Who asked for each replay, by the member's id."""
    ids = {replay.actor_id for replay in history if replay.actor_kind == "member"}
    members = (db.session.get(Member, identifier) for identifier in ids)
    return {member.id: member.user.name or "A member" for member in members if member}


def _new_replay(asked: Filter, status: int = 200) -> Any:
    total = replays.count(asked)
    return render(
        "sources/replays/new.html",
        status,
        asked=asked,
        total=total,
        refusal=replays.refusal(total),
        sources=webhook_sources(),
    )


def _outcome(replay: Replay) -> tuple[str, str]:
    if replay.after == "accepted":
        return "Replayed: it is accepted. What it became counts once.", "success"
    words = {"ignored": "has no consequence", "failed": "is still not understood"}
    return f"Replayed: it {words[replay.after]}.", "info"
