"""Pages of single deliveries, and of ranges that are sent again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import flash, redirect, request, url_for
from sqlalchemy import select

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.core.db import db
from app.core.render import render
from app.webhooks import redeliveries
from app.webhooks.forms import RedeliveryForm
from app.webhooks.log import Filter
from app.webhooks.models import Delivery, DeliveryAttempt, Endpoint, NotRedeliverable
from app.webhooks.outbox import nudge
from app.webhooks.redeliveries import Redelivery
from app.webhooks.views import address_of, blueprint


@blueprint.get("/deliveries/<uuid:outgoing_id>")
@require(Permission.ENDPOINTS_READ)
def delivery(outgoing_id: UUID) -> Any:
    return _delivery(get_or_404(Delivery, outgoing_id))


@blueprint.post("/deliveries/<uuid:outgoing_id>/redelivery")
@require(Permission.ENDPOINTS_WRITE)
def redeliver(outgoing_id: UUID) -> Any:
    found = get_or_404(Delivery, outgoing_id)
    try:
        found.redeliver()
    except NotRedeliverable as error:
        return _delivery(found, 422, str(error))
    nudge(found.endpoint)
    db.session.commit()
    flash("It is sent again, with the same id.", "success")
    return redirect(address_of(found))


@blueprint.get("/<uuid:endpoint_id>/redeliveries/new")
@require(Permission.ENDPOINTS_WRITE)
def new_redelivery(endpoint_id: UUID) -> Any:
    endpoint = get_or_404(Endpoint, endpoint_id)
    return _new_redelivery(endpoint, Filter.read(request.args, endpoint.id))


@blueprint.post("/<uuid:endpoint_id>/redeliveries")
@require(Permission.ENDPOINTS_WRITE)
def create_redelivery(endpoint_id: UUID) -> Any:
    endpoint, form = get_or_404(Endpoint, endpoint_id), RedeliveryForm()
    asked = Filter.read(request.form, endpoint.id)
    if not form.validate():
        return _new_redelivery(endpoint, asked, 422)
    try:
        begun = Redelivery.begin(endpoint, asked, form.total.data)
    except NotRedeliverable as error:
        flash(str(error), "error")
        return _new_redelivery(endpoint, asked, 422)
    nudge(endpoint)
    db.session.commit()
    slug = current_organization.slug
    return redirect(url_for("webhooks.redelivery", organization=slug, redelivery_id=begun.id))


@blueprint.get("/redeliveries/<uuid:redelivery_id>")
@require(Permission.ENDPOINTS_READ)
def redelivery(redelivery_id: UUID) -> Any:
    begun = get_or_404(Redelivery, redelivery_id)
    states = begun.states()
    return render(
        "webhooks/redeliveries/show.html", block="progress", redelivery=begun, states=states
    )


def _delivery(found: Delivery, status: int = 200, refusal: str | None = None) -> Any:
    made = select(DeliveryAttempt).filter_by(delivery_id=found.id).order_by(DeliveryAttempt.id)
    return render(
        "webhooks/deliveries/show.html",
        status,
        block="delivery",
        delivery=found,
        attempts=list(db.session.scalars(made)),
        refusal=refusal,
    )


def _new_redelivery(endpoint: Endpoint, asked: Filter, status: int = 200) -> Any:
    total = redeliveries.count(asked)
    return render(
        "webhooks/redeliveries/new.html",
        status,
        endpoint=endpoint,
        asked=asked,
        total=total,
        refusal=redeliveries.refusal(total),
    )
