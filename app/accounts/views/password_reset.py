from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for

from app.accounts import letters
from app.accounts.forms.password_reset import NewPasswordForm, PasswordResetForm
from app.accounts.models import PasswordReset
from app.accounts.views.limits import links_limited, mails_limited
from app.accounts.views.routes import blueprint
from app.accounts.views.sign_in import begin_alone
from app.core.db import db
from app.core.render import render


@blueprint.get("/password-reset")
def password_reset() -> Any:
    return render("accounts/password_reset/new.html", form=PasswordResetForm())


@blueprint.post("/password-reset")
@mails_limited
def create_password_reset() -> Any:
    form = PasswordResetForm()
    if not form.validate():
        return render("accounts/password_reset/new.html", 422, form=form)
    letters.password_reset(form.email.data or "")
    db.session.commit()
    return render("accounts/check_mail.html", email=form.email.data)


@blueprint.get("/password-reset/password")
def new_password() -> Any:
    found = PasswordReset.by_token(request.args.get("token"))
    return _page(found, NewPasswordForm()) if found else _gone()


@blueprint.post("/password-reset/password")
@links_limited
def create_new_password() -> Any:
    found, form = PasswordReset.by_token(request.form.get("token")), NewPasswordForm()
    if found is None:
        return _gone()
    if not form.validate():
        return _page(found, form, 422)
    user = found.complete(form.password.data or "")
    if user is None:
        return _gone()
    letters.password_changed(user)
    begin_alone(user)
    db.session.commit()
    flash("Your new password is set, and you are signed out everywhere else.", "success")
    return redirect(url_for("accounts.root"))


def _page(found: PasswordReset, form: NewPasswordForm, status: int = 200) -> Any:
    token = request.values.get("token")
    values = {"email": found.user.email, "form": form, "token": token}
    return render("accounts/password_reset/password.html", status, **values)


def _gone() -> Any:
    return render(
        "accounts/gone.html",
        410,
        text="It was used already, it is older than an hour, or the password was changed since.",
        again=("Ask for another link", url_for("accounts.password_reset")),
    )
