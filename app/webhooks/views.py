"""Pages of endpoints."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.core.api import ListQuery, page
from app.core.db import db
from app.core.public import public_types
from app.core.render import render
from app.sites.listing import Choice, choose_site
from app.webhooks.checks import checked_url
from app.webhooks.forms import EndpointForm, TestForm
from app.webhooks.log import Filter
from app.webhooks.models import Delivery, Endpoint, Refused
from app.webhooks.models.delivery import indented
from app.webhooks.models.endpoint import EVERYTHING
from app.webhooks.outbox import nudge, write_test
from app.webhooks.queries import DAYS, health_of

PAGE = 30

blueprint = Blueprint("webhooks", __name__, url_prefix="/o/<organization>/endpoints")


@blueprint.get("")
@require(Permission.ENDPOINTS_READ)
def index() -> Any:
    found = select(Endpoint).options(joinedload(Endpoint.site)).order_by(Endpoint.id)
    endpoints = list(db.session.scalars(found))
    health = health_of([each.id for each in endpoints])
    return render("webhooks/endpoints/index.html", endpoints=endpoints, health=health, days=DAYS)


@blueprint.get("/types")
@require(Permission.ENDPOINTS_READ)
def types() -> Any:
    known = public_types()
    examples = {name: indented(kind.example) for name, kind in known.items()}
    return render("webhooks/types.html", types=known, examples=examples)


@blueprint.get("/new")
@require(Permission.ENDPOINTS_WRITE)
def new() -> Any:
    return _new(EndpointForm())


@blueprint.post("")
@require(Permission.ENDPOINTS_WRITE)
def create() -> Any:
    form = EndpointForm()
    if not form.validate():
        return _new(form, 422)
    try:
        endpoint = Endpoint.create(site=form.site.site, **form.checked)
    except Refused as error:
        form[error.field].errors = [str(error)]
        return _new(form, 422)
    db.session.commit()
    return _secret(endpoint, created=True)


@blueprint.get("/<uuid:endpoint_id>")
@require(Permission.ENDPOINTS_READ)
def show(endpoint_id: UUID) -> Any:
    return show_endpoint(get_or_404(Endpoint, endpoint_id), TestForm(formdata=None))


@blueprint.get("/<uuid:endpoint_id>/edit")
@require(Permission.ENDPOINTS_WRITE)
def edit(endpoint_id: UUID) -> Any:
    endpoint = get_or_404(Endpoint, endpoint_id)
    return _edit(endpoint, EndpointForm.of(endpoint))


@blueprint.post("/<uuid:endpoint_id>")
@require(Permission.ENDPOINTS_WRITE)
def update(endpoint_id: UUID) -> Any:
    endpoint = get_or_404(Endpoint, endpoint_id)
    form = EndpointForm(kept=endpoint.headers, before=endpoint.url)
    valid = form.validate()
    # It may have gone while a name server was asked.
    endpoint = get_or_404(Endpoint, endpoint_id)
    if not valid:
        return _edit(endpoint, form, 422)
    endpoint.change(**form.checked)
    return _done(endpoint, "Saved. It holds for what happens from now on.")


@blueprint.post("/<uuid:endpoint_id>/secret")
@require(Permission.ENDPOINTS_WRITE)
def rotate_secret(endpoint_id: UUID) -> Any:
    endpoint = get_or_404(Endpoint, endpoint_id)
    endpoint.rotate_secret()
    db.session.commit()
    return _secret(endpoint, created=False)


@blueprint.post("/<uuid:endpoint_id>/enabling")
@require(Permission.ENDPOINTS_WRITE)
def enable(endpoint_id: UUID) -> Any:
    endpoint = get_or_404(Endpoint, endpoint_id)
    endpoint.enable()
    nudge(endpoint)
    return _done(endpoint, "It is enabled. What waited goes out now.")


@blueprint.post("/<uuid:endpoint_id>/disabling")
@require(Permission.ENDPOINTS_WRITE)
def disable(endpoint_id: UUID) -> Any:
    endpoint = get_or_404(Endpoint, endpoint_id)
    endpoint.disable()
    return _done(endpoint, "It is disabled. Nothing is sent or kept for it.")


@blueprint.post("/<uuid:endpoint_id>/tests")
@require(Permission.ENDPOINTS_WRITE)
def send_test(endpoint_id: UUID) -> Any:
    endpoint, form = get_or_404(Endpoint, endpoint_id), TestForm()
    try:
        if not form.validate() or endpoint.disabled_at:
            return show_endpoint(endpoint, form, 422)
        checked_url(endpoint.url or "")
    except Refused as error:
        return show_endpoint(get_or_404(Endpoint, endpoint_id), form, 422, str(error))
    delivery = write_test(get_or_404(Endpoint, endpoint_id), form.type.data)
    db.session.commit()
    return redirect(address_of(delivery))


@blueprint.post("/<uuid:endpoint_id>/removal")
@require(Permission.ENDPOINTS_WRITE)
def remove(endpoint_id: UUID) -> Any:
    endpoint = get_or_404(Endpoint, endpoint_id)
    name = endpoint.name
    endpoint.remove()
    db.session.commit()
    flash(f"{name} is gone, with its deliveries.", "success")
    return redirect(url_for("webhooks.index", organization=current_organization.slug))


def show_endpoint(
    endpoint: Endpoint, form: TestForm, status: int = 200, refusal: str | None = None
) -> Any:
    """An endpoint with its log, or the log alone."""
    asked, cursor = Filter.read(request.args, endpoint.id), request.args.get("cursor")
    rows, older = page(asked.statement(), Delivery, ListQuery(limit=PAGE, cursor=cursor))
    return render(
        "webhooks/endpoints/show.html",
        status,
        block="log",
        endpoint=endpoint,
        health=health_of([endpoint.id])[endpoint.id],
        days=DAYS,
        form=form,
        refusal=refusal,
        asked=asked,
        deliveries=rows,
        older=older,
        newest=not cursor,
        types=list(public_types()),
        everything=EVERYTHING in endpoint.types,
    )


def address_of(delivery: Delivery) -> str:
    slug = current_organization.slug
    return url_for("webhooks.delivery", organization=slug, outgoing_id=delivery.id)


def _choice(identifier: str | None = None) -> Choice | None:
    """The one site that it is for, or the sites to choose from; None: for all of them."""
    asked = identifier or "site" in request.args or "q" in request.args
    return choose_site(identifier) if asked else None


def _new(form: EndpointForm, status: int = 200) -> Any:
    return render(
        "webhooks/endpoints/new.html",
        status,
        block="picker",
        form=form,
        choice=_choice(form.site.data),
        kinds=public_types(),
    )


def _edit(endpoint: Endpoint, form: EndpointForm, status: int = 200) -> Any:
    return render(
        "webhooks/endpoints/edit.html",
        status,
        endpoint=endpoint,
        form=form,
        kinds=public_types(),
    )


def _secret(endpoint: Endpoint, *, created: bool) -> Any:
    """The only page that shows it."""
    return render("webhooks/endpoints/secret.html", endpoint=endpoint, created=created)


def _done(endpoint: Endpoint, words: str) -> Any:
    db.session.commit()
    flash(words, "success")
    slug = current_organization.slug
    return redirect(url_for("webhooks.show", organization=slug, endpoint_id=endpoint.id))
