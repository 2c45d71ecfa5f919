"""Pages of campaigns."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for
from sqlalchemy import select

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.campaigns.formats import FORMATS, Format
from app.campaigns.forms import form_for
from app.campaigns.models import Campaign
from app.core.api import uuid_or_404
from app.core.db import db
from app.core.errors import not_found
from app.core.render import render
from app.sites.listing import choose_site
from app.sites.models import Site

blueprint = Blueprint("campaigns", __name__, url_prefix="/o/<organization>/campaigns")


@blueprint.get("")
@require(Permission.CAMPAIGNS_READ)
def index() -> Any:
    campaigns = db.session.scalars(select(Campaign).order_by(Campaign.id.desc())).all()
    return render("campaigns/index.html", campaigns=campaigns, formats=FORMATS)


@blueprint.get("/new")
@require(Permission.CAMPAIGNS_WRITE)
def choose() -> Any:
    formats, choice = FORMATS.values(), choose_site()
    return render("campaigns/choose.html", block="picker", formats=formats, choice=choice)


@blueprint.get("/new/<format_name>")
@require(Permission.CAMPAIGNS_WRITE)
def new(format_name: str) -> Any:
    format = _format(format_name)
    form = form_for(format.name, format.renderer)
    return render("campaigns/new.html", form=form, format=format, site=_site())


@blueprint.post("/new/<format_name>")
@require(Permission.CAMPAIGNS_WRITE)
def create(format_name: str) -> Any:
    format, site = _format(format_name), _site()
    form = form_for(format.name, format.renderer)
    if not form.validate():
        return render("campaigns/new.html", 422, form=form, format=format, site=site)
    campaign = Campaign.draft(
        site,
        name=form.name.data or "",
        format=format.name,
        content=form.content(),
        triggers=form.triggers(),
    )
    db.session.commit()
    flash("Saved as a draft. Publish it when you like it.", "success")
    return redirect(_page(campaign))


@blueprint.get("/<uuid:campaign_id>")
@require(Permission.CAMPAIGNS_READ)
def show(campaign_id: UUID) -> Any:
    campaign = get_or_404(Campaign, campaign_id)
    form = form_for(campaign.format, campaign.renderer, campaign)
    return _show(campaign, form)


@blueprint.post("/<uuid:campaign_id>")
@require(Permission.CAMPAIGNS_WRITE)
def update(campaign_id: UUID) -> Any:
    campaign = get_or_404(Campaign, campaign_id)
    form = form_for(campaign.format, campaign.renderer)
    if not form.validate():
        return _show(campaign, form, 422)
    # The API may have set what this form does not show: it stays.
    content = {**campaign.content, **form.content()}
    campaign.change(name=form.name.data, content=content, triggers=form.triggers())
    db.session.commit()
    flash("Saved. Visitors see it once it is published.", "success")
    return redirect(_page(campaign))


@blueprint.post("/<uuid:campaign_id>/publication")
@require(Permission.CAMPAIGNS_WRITE)
def publish(campaign_id: UUID) -> Any:
    campaign = get_or_404(Campaign, campaign_id)
    campaign.publish()
    db.session.commit()
    flash(f"{campaign.name} is published. Open pages follow within seconds.", "success")
    return redirect(_page(campaign))


@blueprint.post("/<uuid:campaign_id>/pause")
@require(Permission.CAMPAIGNS_WRITE)
def pause(campaign_id: UUID) -> Any:
    campaign = get_or_404(Campaign, campaign_id)
    campaign.pause()
    db.session.commit()
    flash(f"{campaign.name} is paused. It leaves every page.", "success")
    return redirect(_page(campaign))


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise not_found()
    return FORMATS[name]


def _site() -> Site:
    return get_or_404(Site, uuid_or_404(request.args.get("site", "")))


def _show(campaign: Campaign, form: Any, status: int = 200) -> Any:
    format = FORMATS[campaign.format]
    return render("campaigns/show.html", status, campaign=campaign, form=form, format=format)


def _page(campaign: Campaign) -> str:
    slug = current_organization.slug
    return url_for("campaigns.show", organization=slug, campaign_id=campaign.id)
