from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask_login import current_user, login_required

from app.accounts import letters
from app.accounts.models import EmailVerification
from app.accounts.views.limits import links_limited, own_mails_limited
from app.accounts.views.routes import blueprint
from app.core.db import db
from app.core.render import redirect_target, render


@blueprint.get("/email-verification")
@login_required
def email_verification() -> Any:
    found = _own(request.args.get("token"))
    if found is None:
        return _gone()
    token = request.args.get("token")
    return render("accounts/email_verification.html", verification=found, token=token)


@blueprint.post("/email-verification")
@login_required
@links_limited
def confirm_email() -> Any:
    found = _own(request.form.get("token"))
    before = current_user.email
    if found is None or not found.verify():
        return _gone()
    if before != current_user.email:
        letters.email_changed(current_user, before)
    EmailVerification.withdraw_all(current_user)
    db.session.commit()
    flash(f"{current_user.email} is confirmed.", "success")
    return redirect(url_for("accounts.account"))


@blueprint.post("/account/email-verification")
@login_required
@own_mails_limited
def create_email_verification() -> Any:
    if current_user.email_verified_at is None:
        letters.email_verification(current_user)
        db.session.commit()
    flash(f"A mail is on its way to {current_user.email}. Follow the link in it.", "success")
    return redirect(redirect_target(request.form.get("next"), url_for("accounts.account")))


def _own(token: str | None) -> EmailVerification | None:
    """Only the user himself: nobody is talked into confirming what somebody else asked for."""
    found = EmailVerification.by_token(token)
    return found if found is not None and found.user_id == current_user.id else None


def _gone() -> Any:
    return render(
        "accounts/gone.html",
        410,
        text="It was used already, it is older than two days, or it was meant for another account. "
        f"You are signed in as {current_user.email}.",
        again=("Go to your account", url_for("accounts.account")),
    )
