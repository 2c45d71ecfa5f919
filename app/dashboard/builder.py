"""The builder: a form beside frames in which the real widget draws what is typed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for

from app.accounts.access import current_member, current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.campaigns.content import Invalid
from app.campaigns.formats import FORMATS, checked_parts
from app.campaigns.forms import CampaignForm, form_of, sent_form
from app.campaigns.models import Campaign
from app.campaigns.queries import can_show
from app.core.db import db
from app.core.headers import allow_own_frames
from app.core.render import render
from app.dashboard.preview import preview_of
from app.embed.loader import built_names, configuration

blueprint = Blueprint(
    "builder", __name__, url_prefix="/o/<organization>/campaigns/<uuid:campaign_id>"
)


@blueprint.get("")
@require(Permission.CAMPAIGNS_READ)
def show(campaign_id: UUID) -> Any:
    campaign = get_or_404(Campaign, campaign_id)
    return _page(campaign, form_of(campaign), campaign.drafted)


@blueprint.get("/frame")
@require(Permission.CAMPAIGNS_READ)
def frame(campaign_id: UUID) -> Any:
    """The page inside a frame: a shop window of no shop, with the real widget on it."""
    campaign = get_or_404(Campaign, campaign_id)
    config = configuration(campaign.site.key, campaign.site.language, [], "preview")
    widget = built_names()["preview"]
    return allow_own_frames(render("dashboard/builder/frame.html", config=config, widget=widget))


@blueprint.post("/preview")
@require(Permission.CAMPAIGNS_READ)
def preview(campaign_id: UUID) -> Any:
    """What is being typed, checked and drawn. Nothing is kept."""
    campaign = get_or_404(Campaign, campaign_id)
    form = sent_form(FORMATS[campaign.format], request.form)
    drafted = _checked(campaign, form)
    return _region(campaign, form, drafted)


@blueprint.post("")
@require(Permission.CAMPAIGNS_WRITE)
def update(campaign_id: UUID) -> Any:
    campaign = get_or_404(Campaign, campaign_id)
    form, taken = _taken(campaign)
    if not taken:
        return _page(campaign, form, campaign.drafted, 422)
    db.session.commit()
    return _saved(campaign)


@blueprint.post("/publication")
@require(Permission.CAMPAIGNS_WRITE)
def publish(campaign_id: UUID) -> Any:
    """From the builder it carries the form: what is published is what was on the screen."""
    campaign = get_or_404(Campaign, campaign_id)
    if "name" in request.form:
        form, taken = _taken(campaign)
        if not taken:
            return _page(campaign, form, campaign.drafted, 422)
    campaign.publish()
    db.session.commit()
    flash(f"{campaign.name} is published. Open pages follow within seconds.", "success")
    return redirect(_address(campaign))


def _taken(campaign: Campaign) -> tuple[CampaignForm, bool]:
    """The form that was sent, and whether the campaign took it."""
    form = sent_form(FORMATS[campaign.format], request.form)
    drafted = _checked(campaign, form)
    if drafted is not None:
        campaign.change(name=form.name.data, **drafted)
    return form, drafted is not None


def _checked(campaign: Campaign, form: CampaignForm) -> dict[str, Any] | None:
    """The draft that the form says, or None with the reasons at its fields."""
    valid = form.validate()
    try:
        parts = checked_parts(campaign.format, form.parts(campaign))
    except Invalid as error:
        form.show(error)
        return None
    return parts if valid else None


def _page(
    campaign: Campaign, form: CampaignForm, drafted: dict[str, Any], status: int = 200
) -> Any:
    block = "status" if status == 422 else None
    return render(
        "dashboard/builder/show.html", status, block=block, **_values(campaign, form, drafted)
    )


def _region(campaign: Campaign, form: CampaignForm, drafted: dict[str, Any] | None) -> Any:
    status = 422 if drafted is None else 200
    return render("dashboard/builder/_form.html", status, **_values(campaign, form, drafted))


def _values(campaign: Campaign, form: CampaignForm, drafted: dict[str, Any] | None) -> Any:
    return {
        "campaign": campaign,
        "format": FORMATS[campaign.format],
        "form": form,
        "seen": can_show(campaign.site, FORMATS[campaign.format]),
        "preview": drafted and preview_of(campaign, drafted, people=_sees_people()),
    }


def _sees_people() -> bool:
    return current_member.may(Permission.ACTIVITIES_READ)


def _saved(campaign: Campaign) -> Any:
    if request.headers.get("HX-Request"):
        return render(
            "dashboard/builder/show.html",
            block="status",
            campaign=campaign,
            format=FORMATS[campaign.format],
        )
    flash("Saved. Visitors see it once it is published.", "success")
    return redirect(_address(campaign))


def _address(campaign: Campaign) -> str:
    slug = current_organization.slug
    return url_for("builder.show", organization=slug, campaign_id=campaign.id)
