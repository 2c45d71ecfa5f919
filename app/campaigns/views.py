"""Campaigns and their life. Their builder is `dashboard/builder.py`, which shows them drawn."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for
from sqlalchemy import select

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.campaigns.formats import FORMATS, Format
from app.campaigns.forms import ScheduleForm
from app.campaigns.models import Campaign, Image
from app.campaigns.queries import can_show
from app.core.api import ListQuery, page, uuid_or_404
from app.core.db import db
from app.core.errors import not_found
from app.core.pictures import LARGEST_UPLOAD, PictureError, read_picture
from app.core.render import render
from app.core.request import takes_upload
from app.sites.listing import choose_site
from app.sites.models import Site

blueprint = Blueprint("campaigns", __name__, url_prefix="/o/<organization>/campaigns")

PAGE = 50


@blueprint.get("")
@require(Permission.CAMPAIGNS_READ)
def index() -> Any:
    query = ListQuery(limit=PAGE, cursor=request.args.get("cursor"))
    campaigns, older = page(select(Campaign), Campaign, query)
    return render("campaigns/index.html", campaigns=campaigns, formats=FORMATS, older=older)


@blueprint.get("/new")
@require(Permission.CAMPAIGNS_WRITE)
def choose() -> Any:
    choice = choose_site()
    formats = [each for each in FORMATS.values() if choice.chosen and can_show(choice.chosen, each)]
    return render("campaigns/choose.html", block="picker", formats=formats, choice=choice)


@blueprint.post("")
@require(Permission.CAMPAIGNS_WRITE)
def create() -> Any:
    format = _format(request.form.get("format", ""))
    site = get_or_404(Site, uuid_or_404(request.form.get("site", "")))
    campaign = Campaign.draft(site, name=format.label, format=format.name, content=format.example)
    db.session.commit()
    return redirect(_page(campaign))


@blueprint.post("/<uuid:campaign_id>/schedule")
@require(Permission.CAMPAIGNS_WRITE)
def schedule(campaign_id: UUID) -> Any:
    campaign = get_or_404(Campaign, campaign_id)
    form = ScheduleForm(campaign.site.time_zone)
    if not form.validate():
        return render("campaigns/schedule.html", 422, campaign=campaign, schedule=form)
    campaign.schedule(form.moment)
    db.session.commit()
    return redirect(_page(campaign))


@blueprint.get("/<uuid:campaign_id>/schedule")
@require(Permission.CAMPAIGNS_WRITE)
def plan(campaign_id: UUID) -> Any:
    campaign = get_or_404(Campaign, campaign_id)
    form = ScheduleForm(campaign.site.time_zone)
    return render("campaigns/schedule.html", campaign=campaign, schedule=form)


@blueprint.post("/<uuid:campaign_id>/schedule/cancellation")
@require(Permission.CAMPAIGNS_WRITE)
def unschedule(campaign_id: UUID) -> Any:
    campaign = get_or_404(Campaign, campaign_id)
    campaign.unschedule()
    db.session.commit()
    flash("The schedule is cancelled.", "success")
    return redirect(_page(campaign))


@blueprint.post("/<uuid:campaign_id>/pause")
@require(Permission.CAMPAIGNS_WRITE)
def pause(campaign_id: UUID) -> Any:
    campaign = get_or_404(Campaign, campaign_id)
    campaign.pause()
    db.session.commit()
    flash(f"{campaign.name} is paused. It leaves every page.", "success")
    return redirect(_page(campaign))


@blueprint.post("/<uuid:campaign_id>/reset")
@require(Permission.CAMPAIGNS_WRITE)
def discard_changes(campaign_id: UUID) -> Any:
    campaign = get_or_404(Campaign, campaign_id)
    campaign.discard_changes()
    db.session.commit()
    flash("The draft is what is published again.", "success")
    return redirect(_page(campaign))


@blueprint.post("/<uuid:campaign_id>/copies")
@require(Permission.CAMPAIGNS_WRITE)
def duplicate(campaign_id: UUID) -> Any:
    copy = get_or_404(Campaign, campaign_id).duplicate()
    db.session.commit()
    flash("This is the copy. It is a draft.", "success")
    return redirect(_page(copy))


@blueprint.post("/<uuid:campaign_id>/deletion")
@require(Permission.CAMPAIGNS_WRITE)
def delete(campaign_id: UUID) -> Any:
    campaign = get_or_404(Campaign, campaign_id)
    campaign.delete()
    db.session.commit()
    flash(f"{campaign.name} is deleted.", "success")
    return redirect(url_for("campaigns.index", organization=current_organization.slug))


@blueprint.post("/<uuid:campaign_id>/image")
@require(Permission.CAMPAIGNS_WRITE)
@takes_upload(LARGEST_UPLOAD)
def upload_image(campaign_id: UUID) -> Any:
    campaign, upload = _pictured(campaign_id), request.files.get("image")
    try:
        picture = read_picture(upload.read() if upload else b"")
    except PictureError as error:
        flash(str(error), "error")
        return redirect(_page(campaign))
    campaign.show_image(Image.keep(campaign.site, picture))
    db.session.commit()
    return redirect(_page(campaign))


@blueprint.post("/<uuid:campaign_id>/image/removal")
@require(Permission.CAMPAIGNS_WRITE)
def remove_image(campaign_id: UUID) -> Any:
    campaign = _pictured(campaign_id)
    campaign.show_image(None)
    db.session.commit()
    return redirect(_page(campaign))


def _pictured(campaign_id: UUID) -> Campaign:
    campaign = get_or_404(Campaign, campaign_id)
    if not FORMATS[campaign.format].knows("image"):
        raise not_found()
    return campaign


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise not_found()
    return FORMATS[name]


def _page(campaign: Campaign) -> str:
    slug = current_organization.slug
    return url_for("builder.show", organization=slug, campaign_id=campaign.id)
