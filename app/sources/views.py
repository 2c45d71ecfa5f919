"""Pages of sources."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, url_for

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.core.api import ListQuery, page
from app.core.db import db
from app.core.render import render
from app.sites.listing import choose_site
from app.sources.forms import MappingForm, SecretForm, SourceForm, as_text
from app.sources.inspector import MOST_SOURCES, Filter, webhook_sources
from app.sources.models import InboundDelivery, Source

LATEST = 10

blueprint = Blueprint("sources", __name__, url_prefix="/o/<organization>/sources")


@blueprint.get("")
@require(Permission.SOURCES_READ)
def index() -> Any:
    return render("sources/index.html", sources=webhook_sources(), most=MOST_SOURCES)


@blueprint.get("/new")
@require(Permission.SOURCES_WRITE)
def new() -> Any:
    return _new(SourceForm())


@blueprint.post("")
@require(Permission.SOURCES_WRITE)
def create() -> Any:
    form = SourceForm()
    if not form.validate():
        return _new(form, 422)
    source = Source.connect(
        form.site_id.site, form.kind.data, form.name.data or "", form.secret.data or None
    )
    db.session.commit()
    flash(f"{source.name} is connected. Now tell it where to send.", "success")
    return redirect(_page(source))


@blueprint.get("/<uuid:source_id>")
@require(Permission.SOURCES_READ)
def show(source_id: UUID) -> Any:
    source = get_or_404(Source, source_id)
    return _show(source, MappingForm(data={"mapping": as_text(source.mapping)}))


@blueprint.post("/<uuid:source_id>/mapping")
@require(Permission.SOURCES_WRITE)
def update_mapping(source_id: UUID) -> Any:
    source, form = get_or_404(Source, source_id), MappingForm()
    if not form.validate():
        return _show(source, form, 422)
    source.change(mapping=form.checked)
    db.session.commit()
    flash("The mapping is saved. It holds for deliveries from now on.", "success")
    return redirect(_page(source))


@blueprint.post("/<uuid:source_id>/secret")
@require(Permission.SOURCES_WRITE)
def update_secret(source_id: UUID) -> Any:
    """A provider shows its secret once the webhook exists, so after our address was needed."""
    source, form = get_or_404(Source, source_id), SecretForm()
    if not (source.takes_webhooks and form.validate()):
        return _show(source, MappingForm(data={"mapping": as_text(source.mapping)}), 422, form)
    source.change(secret=form.secret.data)
    db.session.commit()
    flash("The secret is saved. Deliveries signed with it are accepted from now on.", "success")
    return redirect(_page(source))


@blueprint.post("/<uuid:source_id>/removal")
@require(Permission.SOURCES_WRITE)
def remove(source_id: UUID) -> Any:
    source = get_or_404(Source, source_id)
    if source.takes_webhooks:
        source.remove()
        db.session.commit()
        flash(f"{source.name} is gone. What it told stays.", "success")
    return redirect(url_for("sources.index", organization=current_organization.slug))


def _show(
    source: Source, form: MappingForm, status: int = 200, secret_form: SecretForm | None = None
) -> Any:
    newest = Filter(source_id=source.id).statement()
    rows, older = page(newest, InboundDelivery, ListQuery(limit=LATEST))
    return render(
        "sources/show.html",
        status,
        source=source,
        form=form,
        secret_form=secret_form or SecretForm(formdata=None),
        deliveries=rows,
        more=older is not None,
        hook_url=source.hook_url,
        public_url=current_app.extensions["candor_settings"].url,
    )


def _new(form: SourceForm, status: int = 200) -> Any:
    choice = choose_site(form.site_id.data)
    return render("sources/new.html", status, block="picker", form=form, choice=choice)


def _page(source: Source) -> str:
    slug = current_organization.slug
    return url_for("sources.show", organization=slug, source_id=source.id)
