"""The page for the person shown. No sign-in: whoever has the address may end it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from sqlalchemy import select

from app.core import tenancy
from app.core.countries import country_name
from app.core.db import db, system
from app.core.errors import not_found
from app.core.ratelimit import Buckets, address
from app.core.render import render
from app.proof.forms import OptOutForm
from app.proof.models import Activity
from app.proof.opt_outs import is_out, read_token
from app.proof.values import shown_person
from app.sites.models import Site

blueprint = Blueprint("opt_out", __name__, url_prefix="/proof/opt-out")

# Nobody needs many, and a token cannot be guessed; this keeps trying cheap for us.
asked = Buckets(rate=0.5, burst=20)


@blueprint.before_request
def _limit() -> None:
    asked.demand(address())


@blueprint.after_request
def _keep_private(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blueprint.get("/<token>")
def show(token: str) -> Any:
    return _show(token, _enter(token))


@blueprint.post("/<token>")
def create(token: str) -> Any:
    activity, form = _enter(token), OptOutForm()
    if not form.validate():
        return _show(token, activity, 422)
    activity.hide(for_good=bool(form.for_good.data))
    db.session.commit()
    return redirect(url_for("opt_out.show", token=token, done=1))


def _show(token: str, activity: Activity, status: int = 200) -> Any:
    name = shown_person(activity.first_name, activity.site.person_style)
    return render(
        "proof/opt_outs/show.html",
        status,
        activity=activity,
        token=token,
        name=name,
        shown=_shown_place(activity),
        gone=is_out(activity.person_index),
        form=OptOutForm(formdata=None, data={"for_good": True}),
        just_done="done" in request.args,
    )


def _shown_place(activity: Activity) -> str:
    place = activity.shown_place or {}
    parts = (place.get("city") or place.get("region"), country_name(place.get("country")))
    return ", ".join(filter(None, parts))


def _enter(token: str) -> Activity:
    named = read_token(token)
    organization_id = _organization_of(named[0]) if named else None
    if named is None or organization_id is None:
        raise not_found()
    tenancy.enter(organization_id)
    activity = db.session.get(Activity, named[1])
    if activity is None or activity.site_id != named[0]:
        raise not_found()
    return activity


def _organization_of(site_id: UUID) -> UUID | None:
    with system() as connection:
        return connection.scalar(select(Site.organization_id).where(Site.id == site_id))
