"""Found an organization, change its settings, delete it and change one's mind."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from flask_login import current_user, login_required
from sqlalchemy import select

from app.accounts import letters
from app.accounts.access import current_organization, current_organization_slug, require
from app.accounts.forms.organization import (
    DeletionForm,
    NewOrganizationForm,
    OrganizationForm,
    RetentionForm,
)
from app.accounts.models import Member, Organization
from app.accounts.permissions import Permission, Role
from app.accounts.queries import may_found, memberships
from app.accounts.views.limits import own_attempts_limited
from app.accounts.views.routes import blueprint
from app.core.db import db
from app.core.errors import ApiError
from app.core.render import render


@blueprint.get("/organizations/new")
@login_required
def new_organization() -> Any:
    _demand_may_found()
    return render("accounts/organizations/new.html", form=NewOrganizationForm())


@blueprint.post("/organizations")
@login_required
@own_attempts_limited
def create_organization() -> Any:
    _demand_may_found()
    form = NewOrganizationForm()
    if not form.validate():
        return render("accounts/organizations/new.html", 422, form=form)
    user = current_user._get_current_object()
    Organization.found(form.name.data or "")
    Member.join(user, Role.OWNER)
    slug = current_organization_slug()
    db.session.commit()
    flash("The organization is there. Name its first site.", "success")
    return redirect(url_for("sites.new", organization=slug))


@blueprint.post("/o/<organization>/settings/retention")
@require(Permission.ORGANIZATION_WRITE)
def change_retention() -> Any:
    form = RetentionForm()
    if not form.validate():
        return _page(OrganizationForm(formdata=None, obj=current_organization), 422)
    current_organization.keep_events(form.days, archives=form.keeps_archives.data)
    db.session.commit()
    return _done("Saved.")


@blueprint.get("/o/<organization>/settings")
@require(Permission.ORGANIZATION_WRITE)
def organization() -> Any:
    return _page(OrganizationForm(obj=current_organization))


@blueprint.post("/o/<organization>/settings")
@require(Permission.ORGANIZATION_WRITE)
def change_organization() -> Any:
    form = OrganizationForm()
    if not form.validate():
        return _page(form, 422)
    current_organization.change(**form.values())
    db.session.commit()
    return _done("Saved.")


@blueprint.get("/o/<organization>/settings/deletion")
@require(Permission.ORGANIZATION_DELETE)
def organization_deletion() -> Any:
    return _deletion(DeletionForm(current_organization.name))


@blueprint.post("/o/<organization>/settings/deletion")
@require(Permission.ORGANIZATION_DELETE)
def schedule_deletion() -> Any:
    form = DeletionForm(current_organization.name)
    if not form.validate():
        return _deletion(form, 422)
    if current_organization.schedule_deletion():
        _tell_owners()
    db.session.commit()
    return _done("The deletion is planned. You have a week to change your mind.")


@blueprint.post("/o/<organization>/settings/deletion/withdrawal")
@require(Permission.ORGANIZATION_DELETE)
def keep_organization() -> Any:
    current_organization.keep()
    db.session.commit()
    return _done(f"{current_organization.name} is kept.")


def _demand_may_found() -> None:
    if not may_found(memberships(current_user.id)):
        raise ApiError(403, "forbidden", "New organizations are closed here. Ask an owner.")


def _tell_owners() -> None:
    for owner in db.session.scalars(select(Member).filter_by(role=Role.OWNER.value)):
        letters.deletion_scheduled(owner.user, current_organization)


def _done(text: str) -> Any:
    flash(text, "success")
    return redirect(url_for("accounts.organization", organization=current_organization.slug))


def _page(form: OrganizationForm, status: int = 200) -> Any:
    kept = str(current_organization.events_kept_days or 0)
    archives = current_organization.keeps_archives
    retention = RetentionForm(formdata=None, events_kept_days=kept, keeps_archives=archives)
    return render("accounts/organizations/settings.html", status, form=form, retention=retention)


def _deletion(form: DeletionForm, status: int = 200) -> Any:
    return render("accounts/organizations/deletion.html", status, form=form)
