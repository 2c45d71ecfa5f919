from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import flash, g, redirect, session, url_for
from flask_login import current_user, login_required
from sqlalchemy import select

from app.accounts.models import SignIn
from app.accounts.views.routes import blueprint
from app.core.db import db
from app.core.errors import not_found
from app.core.render import render


@blueprint.get("/account/sign-ins")
@login_required
def sign_ins() -> Any:
    rows = SignIn.of(current_user)
    return render("accounts/account/sign_ins.html", sign_ins=rows, present=g.sign_in)


@blueprint.post("/account/sign-ins/<uuid:sign_in_id>/revocation")
@login_required
def revoke_sign_in(sign_in_id: UUID) -> Any:
    found = select(SignIn).filter_by(id=sign_in_id, user_id=current_user.id)
    sign_in = db.session.scalars(found).one_or_none()
    if sign_in is None:
        raise not_found()
    sign_in.close()
    db.session.commit()
    flash("That browser is signed out.", "success")
    return redirect(url_for("accounts.sign_ins"))


@blueprint.post("/account/sign-ins/revocation")
@login_required
def revoke_sign_ins() -> Any:
    SignIn.close_all(current_user)
    db.session.commit()
    session.clear()
    flash("You are signed out everywhere.", "success")
    return redirect(url_for("accounts.sign_in"))
