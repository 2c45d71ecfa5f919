"""Pages: sign-in and sign-out, members, API keys, audit log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, g, redirect, request, session, url_for
from flask_login import current_user, login_required
from sqlalchemy import select

from app.accounts.access import (
    current_member,
    current_organization,
    get_or_404,
    open_session,
    require,
)
from app.accounts.forms import ApiKeyForm, SignInForm
from app.accounts.models import ApiKey, AuditEntry, Member, SignIn, User
from app.accounts.models.api_key import EVERYTHING
from app.accounts.permissions import Permission
from app.accounts.queries import memberships
from app.core.crypto import blind_index
from app.core.db import db
from app.core.forms import clean_line
from app.core.ratelimit import address, limiter
from app.core.render import redirect_target, render

PER_ADDRESS = "20 per minute; 100 per hour"
PER_ACCOUNT = "10 per minute; 30 per hour"

blueprint = Blueprint("accounts", __name__)


def account() -> str:
    """Whom the account limit counts: the address tried, unreadable in Redis."""
    email = clean_line(request.form.get("email"))
    return (blind_index(email, purpose="limit") or b"").hex()


@blueprint.get("/")
def root() -> Any:
    if not current_user.is_authenticated:
        return redirect(url_for("accounts.sign_in"))
    mine = memberships(current_user.id)
    if not mine:
        return render("accounts/no_organization.html")
    return redirect(url_for("dashboard.home", organization=mine[0].slug))


@blueprint.get("/sign-in")
def sign_in() -> Any:
    return render("accounts/sign_in.html", form=SignInForm())


@blueprint.post("/sign-in")
@limiter.limit(PER_ADDRESS, key_func=address)
@limiter.limit(PER_ACCOUNT, key_func=account)
def create_sign_in() -> Any:
    form = SignInForm()
    if not form.validate():
        return render("accounts/sign_in.html", 422, form=form)
    user = User.authenticate(form.email.data or "", form.password.data or "")
    if user is None:
        form.password.errors = ["E-mail or password is not right."]
        return render("accounts/sign_in.html", 422, form=form)
    if current_user.is_authenticated:
        g.sign_in.close()
    open_session(SignIn.open(user, request.user_agent.string))
    db.session.commit()
    return redirect(redirect_target(request.args.get("next"), url_for("accounts.root")))


@blueprint.post("/sign-out")
@login_required
def sign_out() -> Any:
    g.sign_in.close()
    db.session.commit()
    session.clear()
    return redirect(url_for("accounts.sign_in"))


@blueprint.get("/o/<organization>/settings/members")
@require(Permission.MEMBERS_READ)
def members() -> Any:
    rows = db.session.scalars(select(Member).order_by(Member.created_at)).all()
    return render("accounts/members/index.html", members=rows)


@blueprint.get("/o/<organization>/settings/api-keys")
@require(Permission.API_KEYS_WRITE)
def api_keys() -> Any:
    return _api_keys(ApiKeyForm(_grantable()))


@blueprint.post("/o/<organization>/settings/api-keys")
@require(Permission.API_KEYS_WRITE)
def create_api_key() -> Any:
    form = ApiKeyForm(_grantable())
    if not form.validate():
        return _api_keys(form, 422)
    scopes = _all_scopes() if form.everything.data else form.scopes.data or []
    _key, secret = ApiKey.issue(form.name.data or "", scopes)
    db.session.commit()
    return _api_keys(ApiKeyForm(_grantable(), formdata=None), secret=secret)


@blueprint.post("/o/<organization>/settings/api-keys/<uuid:key_id>/revocation")
@require(Permission.API_KEYS_WRITE)
def revoke_api_key(key_id: UUID) -> Any:
    get_or_404(ApiKey, key_id).revoke()
    db.session.commit()
    flash("The key is revoked. Programs that use it are locked out from now on.", "success")
    return redirect(url_for("accounts.api_keys", organization=current_organization.slug))


@blueprint.get("/o/<organization>/settings/audit")
@require(Permission.AUDIT_READ)
def audit() -> Any:
    newest = select(AuditEntry).order_by(AuditEntry.number.desc()).limit(100)
    return render("accounts/audit/index.html", entries=db.session.scalars(newest).all())


def _grantable() -> list[Permission]:
    return [permission for permission in Permission if current_member.may(permission)]


def _all_scopes() -> list[str]:
    mine = _grantable()
    return [EVERYTHING] if len(mine) == len(Permission) else [each.value for each in mine]


def _api_keys(form: ApiKeyForm, status: int = 200, secret: str | None = None) -> Any:
    keys = db.session.scalars(select(ApiKey).order_by(ApiKey.id.desc())).all()
    return render("accounts/api_keys/index.html", status, form=form, keys=keys, secret=secret)
