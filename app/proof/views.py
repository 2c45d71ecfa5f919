"""Pages of activities, and the public receipt of each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, jsonify, make_response, redirect, request, url_for
from sqlalchemy import select

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.commerce.models import Order, Refund
from app.core import clock
from app.core.api import ListQuery, page
from app.core.db import db, system
from app.core.errors import not_found
from app.core.render import render
from app.proof import opt_outs
from app.proof.forms import ActivityForm
from app.proof.models import Activity, ProofReceipt
from app.proof.recording import name_of, report_activity
from app.sites.listing import choose_site
from app.sources.facts import Money
from app.sources.models import Source

PAGE = 30

blueprint = Blueprint("proof", __name__)


@blueprint.get("/o/<organization>/activities")
@require(Permission.ACTIVITIES_READ)
def index() -> Any:
    query = ListQuery(limit=PAGE, cursor=request.args.get("cursor", type=str))
    activities, older = page(select(Activity), Activity, query)
    return render(
        "proof/activities/index.html",
        activities=activities,
        older=older,
        opted_out=opt_outs.count(),
    )


@blueprint.get("/o/<organization>/activities/new")
@require(Permission.ACTIVITIES_WRITE)
def new() -> Any:
    return _new(ActivityForm())


@blueprint.post("/o/<organization>/activities")
@require(Permission.ACTIVITIES_WRITE)
def create() -> Any:
    form = ActivityForm()
    if not form.validate():
        return _new(form, 422)
    report_activity(Source.built_in(form.site_id.site, "manual"), form.fact())
    db.session.commit()
    flash("Recorded. Its receipt says that it was typed by hand.", "success")
    return redirect(_list())


@blueprint.get("/o/<organization>/activities/<uuid:activity_id>")
@require(Permission.ACTIVITIES_READ)
def show(activity_id: UUID) -> Any:
    return render("proof/activities/show.html", activity=get_or_404(Activity, activity_id))


@blueprint.get("/o/<organization>/orders/<uuid:order_id>")
@require(Permission.ACTIVITIES_READ)
def order(order_id: UUID) -> Any:
    """An order that a delivery became, with its refunds and what is shown of it."""
    return _order(get_or_404(Order, order_id))


@blueprint.get("/o/<organization>/refunds/<uuid:refund_id>")
@require(Permission.ACTIVITIES_READ)
def refund(refund_id: UUID) -> Any:
    """A refund is seen at its order."""
    return _order(get_or_404(Order, get_or_404(Refund, refund_id).order_id))


@blueprint.post("/o/<organization>/activities/<uuid:activity_id>/retraction")
@require(Permission.ACTIVITIES_WRITE)
def retract(activity_id: UUID) -> Any:
    get_or_404(Activity, activity_id).retract("moderated")
    db.session.commit()
    flash("Retracted. It disappears from every open page.", "success")
    return redirect(_list())


@blueprint.get("/proof/<token>")
def receipt(token: str) -> Any:
    """What anybody may know of a shown fact, as a page or as JSON."""
    rows = receipt_rows(token)
    if not rows:
        raise not_found()
    wants = request.accept_mimetypes.best_match(["text/html", "application/json"])
    body = receipt_json(rows)
    if wants == "application/json":
        response = make_response(jsonify(body))
    else:
        response = render("proof/receipts/show.html", receipt=rows[0], retraction=_retraction(rows))
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Cache-Control"] = "no-cache"
    response.vary.add("Accept")
    return response


def receipt_rows(token: str) -> list[Any]:
    """The receipt and its retraction if there is one, as plain rows."""
    columns = ProofReceipt.__table__.c
    found = (
        select(ProofReceipt.__table__)
        .where(columns.token == token[:32])
        .order_by(columns.statement.desc())
    )
    with system() as connection:
        return list(connection.execute(found))


def receipt_json(rows: list[Any]) -> dict[str, Any]:
    shown, retraction = rows[0], _retraction(rows)
    return {
        "receipt": shown.token,
        "type": shown.activity_type,
        "source": shown.source_kind,
        "strength": shown.strength,
        "verified": shown.strength == "signed",
        "hour": clock.iso(shown.hour) if shown.hour else None,
        "digest": shown.digest.hex(),
        "seal": shown.seal.hex(),
        "retracted": clock.iso(retraction.hour) if retraction and retraction.hour else None,
    }


def _retraction(rows: list[Any]) -> Any:
    return next((row for row in rows if row.statement == "retracted"), None)


def _new(form: ActivityForm, status: int = 200) -> Any:
    choice = choose_site(form.site_id.data)
    return render("proof/activities/new.html", status, block="picker", form=form, choice=choice)


def _order(found: Order) -> Any:
    activity = Activity.of_order(found.source_id, name_of(found))
    refunds = [(each, _amount(each.amount, each.currency)) for each in found.refunds]
    total = _amount(found.total, found.currency) or "unknown"
    return render(
        "proof/orders/show.html", order=found, activity=activity, total=total, refunds=refunds
    )


def _amount(amount: int | None, currency: str | None) -> str | None:
    if amount is None or currency is None:
        return None
    return f"{Money(amount, currency).decimal()} {currency}"


def _list() -> str:
    return url_for("proof.index", organization=current_organization.slug)
