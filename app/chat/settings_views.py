"""How a site chats, on its own page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, request, url_for

from app.accounts.access import current_organization, get_or_404, require
from app.accounts.permissions import Permission
from app.chat.models import ChatSettings
from app.chat.settings_forms import ChatSettingsForm, ChatTextsForm
from app.core.db import db
from app.core.languages import LANGUAGES
from app.core.render import render
from app.sites.models import Site

blueprint = Blueprint("chat", __name__, url_prefix="/o/<organization>/sites/<uuid:site_id>/chat")


@blueprint.get("")
@require(Permission.SITES_WRITE)
def edit(site_id: UUID) -> Any:
    site, settings = _settings(site_id)
    return _page(site, settings, ChatSettingsForm.of(settings))


@blueprint.post("")
@require(Permission.SITES_WRITE)
def update(site_id: UUID) -> Any:
    site, settings = _settings(site_id)
    form = ChatSettingsForm()
    if not form.validate():
        return _page(site, settings, form, status=422)
    settings.change(site, **form.settings())
    db.session.commit()
    flash("Saved. Open pages follow within seconds.", "success")
    return redirect(_url(site))


@blueprint.post("/texts")
@require(Permission.SITES_WRITE)
def write_texts(site_id: UUID) -> Any:
    site, settings = _settings(site_id)
    form, language = ChatTextsForm(), _language(site)
    if not form.validate():
        return _page(site, settings, ChatSettingsForm.of(settings), form, status=422)
    others = {tag: each for tag, each in settings.texts.items() if tag != language}
    said = form.texts()
    settings.change(site, texts={**others, language: said} if said else others)
    db.session.commit()
    flash("Saved. Open pages follow within seconds.", "success")
    return redirect(_url(site, language=language))


@blueprint.post("/identity-secret")
@require(Permission.API_KEYS_WRITE)
def renew_secret(site_id: UUID) -> Any:
    """Like a key: whoever has it becomes any user of the site, and reads what he wrote."""
    site, settings = _settings(site_id)
    settings.renew_identity_secret(site)
    db.session.commit()
    flash("There is a new secret. Put it into your server now.", "success")
    return redirect(_url(site))


def _settings(site_id: UUID) -> tuple[Site, ChatSettings]:
    site = get_or_404(Site, site_id)
    settings = ChatSettings.of(site.id)
    db.session.commit()
    return site, settings


def _language(site: Site) -> str:
    asked = request.args.get("language", site.language)
    return asked if asked in LANGUAGES else site.language


def _page(
    site: Site,
    settings: ChatSettings,
    form: ChatSettingsForm,
    texts: ChatTextsForm | None = None,
    status: int = 200,
) -> Any:
    language = _language(site)
    return render(
        "chat/settings/edit.html",
        status,
        site=site,
        settings=settings,
        form=form,
        texts=texts or ChatTextsForm.of(settings, language),
        language=language,
        languages=LANGUAGES,
    )


def _url(site: Site, **query: Any) -> str:
    slug = current_organization.slug
    return url_for("chat.edit", organization=slug, site_id=site.id, **query)
