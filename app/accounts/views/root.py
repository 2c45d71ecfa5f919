"""The start: to one's organization, to the sign-in, or on a new installation to the first owner."""

from __future__ import annotations

from typing import Any

from flask import redirect, url_for
from flask_login import current_user

from app.accounts.forms.sign_up import SignUpForm
from app.accounts.queries import demo_exists, may_found, memberships, owned_by_somebody
from app.accounts.views.routes import blueprint
from app.core.render import render


@blueprint.get("/")
def root() -> Any:
    if not current_user.is_authenticated:
        return _welcome()
    mine = memberships(current_user.id)
    if not mine:
        return render("accounts/no_organization.html", may_found=may_found(mine))
    return redirect(url_for("dashboard.home", organization=mine[0].slug))


def _welcome() -> Any:
    if owned_by_somebody():
        return redirect(url_for("accounts.sign_in"))
    return render("accounts/sign_up/first.html", form=SignUpForm(), demo=demo_exists())
