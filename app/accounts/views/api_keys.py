from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import flash, g, redirect, url_for
from sqlalchemy import select

from app.accounts.access import current_member, current_organization, get_or_404, require
from app.accounts.forms.api_key import ApiKeyForm
from app.accounts.models import ApiKey
from app.accounts.models.api_key import EVERYTHING
from app.accounts.models.member import MembershipError
from app.accounts.permissions import Permission
from app.accounts.views.routes import blueprint
from app.core.db import db
from app.core.errors import ApiError
from app.core.render import render


@blueprint.get("/o/<organization>/settings/api-keys")
@require(Permission.API_KEYS_WRITE)
def api_keys() -> Any:
    return _page(ApiKeyForm(_grantable()))


@blueprint.post("/o/<organization>/settings/api-keys")
@require(Permission.API_KEYS_WRITE)
def create_api_key() -> Any:
    form = ApiKeyForm(_grantable())
    if not form.validate():
        return _page(form, 422)
    scopes = _all_scopes() if form.everything.data else form.scopes.data or []
    try:
        _key, secret = ApiKey.issue(form.name.data or "", scopes, maker_id=current_member.user_id)
    except MembershipError as error:
        g.pop("member")  # who may be none any more
        raise ApiError(403, "forbidden", str(error)) from error
    db.session.commit()
    return _page(ApiKeyForm(_grantable(), formdata=None), secret=secret)


@blueprint.post("/o/<organization>/settings/api-keys/<uuid:key_id>/revocation")
@require(Permission.API_KEYS_WRITE)
def revoke_api_key(key_id: UUID) -> Any:
    get_or_404(ApiKey, key_id).revoke()
    db.session.commit()
    flash("The key is revoked. Programs that use it are locked out from now on.", "success")
    return redirect(url_for("accounts.api_keys", organization=current_organization.slug))


def _grantable() -> list[Permission]:
    return [permission for permission in Permission if current_member.may(permission)]


def _all_scopes() -> list[str]:
    mine = _grantable()
    return [EVERYTHING] if len(mine) == len(Permission) else [each.value for each in mine]


def _page(form: ApiKeyForm, status: int = 200, secret: str | None = None) -> Any:
    keys = db.session.scalars(select(ApiKey).order_by(ApiKey.id.desc())).all()
    return render("accounts/api_keys/index.html", status, form=form, keys=keys, secret=secret)
