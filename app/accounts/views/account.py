from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from flask_login import current_user, login_required

from app.accounts import letters
from app.accounts.forms.account import EmailForm, NameForm, PasswordForm
from app.accounts.models import EmailVerification, User
from app.accounts.queries import may_found, memberships
from app.accounts.views.limits import own_attempts_limited, own_mails_limited
from app.accounts.views.routes import blueprint
from app.accounts.views.sign_in import begin_alone
from app.core.db import db
from app.core.render import render


@blueprint.get("/account")
@login_required
def account() -> Any:
    return _page()


@blueprint.post("/account")
@login_required
def change_account() -> Any:
    form = NameForm()
    if not form.validate():
        return _page(422, name_form=form)
    current_user.name = form.name.data
    db.session.commit()
    return _saved("Saved.")


@blueprint.post("/account/email")
@login_required
@own_attempts_limited
@own_mails_limited
def change_email() -> Any:
    form = EmailForm()
    if not form.validate() or not _is_own(form.password):
        return _page(422, email_form=form)
    EmailVerification.withdraw_all(current_user)
    if User.by_email(form.email.data or "") is None:
        letters.email_verification(current_user, form.email.data)
    else:
        letters.email_wanted(form.email.data or "")
    db.session.commit()
    return _saved(f"A mail is on its way to {form.email.data}. The link in it makes the change.")


@blueprint.post("/account/password")
@login_required
@own_attempts_limited
def change_password() -> Any:
    form = PasswordForm()
    if not form.validate() or not _is_own(form.current):
        return _page(422, password_form=form)
    user = current_user._get_current_object()
    user.change_password(form.new.data or "")
    letters.password_changed(user)
    begin_alone(user)
    db.session.commit()
    return _saved("Your password is changed, and you are signed out everywhere else.")


def _is_own(field: Any) -> bool:
    fits = current_user.has_password(field.data or "")
    if not fits:
        field.errors = ["This is not your password."]
    return fits


def _saved(text: str) -> Any:
    flash(text, "success")
    return redirect(url_for("accounts.account"))


def _page(status: int = 200, **forms: Any) -> Any:
    shown = {
        "name_form": NameForm(formdata=None, name=current_user.name),
        "email_form": EmailForm(formdata=None),
        "password_form": PasswordForm(formdata=None),
        **forms,
    }
    mine = memberships(current_user.id)
    return render(
        "accounts/account/index.html", status, mine=mine, may_found=may_found(mine), **shown
    )
