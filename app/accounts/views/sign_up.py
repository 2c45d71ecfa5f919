from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for

from app.accounts import letters
from app.accounts.access import current_organization_slug
from app.accounts.forms.sign_up import ConfirmationForm, SignUpForm
from app.accounts.models import Member, Organization, SignUp, User
from app.accounts.models.user import hash_password, password_fits
from app.accounts.permissions import Role
from app.accounts.queries import demo_exists, owned_by_somebody, sign_up_is_open
from app.accounts.views.limits import links_limited, mails_limited
from app.accounts.views.routes import blueprint
from app.accounts.views.sign_in import begin
from app.core import tenancy
from app.core.db import db, exclusive
from app.core.render import render


@blueprint.get("/sign-up")
def sign_up() -> Any:
    return _page(SignUpForm())


@blueprint.post("/sign-up")
@mails_limited
def create_sign_up() -> Any:
    form = SignUpForm()
    if not sign_up_is_open() or not form.validate():
        return _page(form, 422)
    wanted = form.values()
    if not owned_by_somebody() and _first_owner(wanted):
        return _to_the_first_site()
    letters.sign_up(wanted["email"], SignUp.request(**wanted))
    db.session.commit()
    return render("accounts/check_mail.html", email=wanted["email"])


@blueprint.get("/sign-up/confirmation")
def sign_up_confirmation() -> Any:
    found = SignUp.by_token(request.args.get("token"))
    return _confirmation(found, ConfirmationForm()) if found else _gone()


@blueprint.post("/sign-up/confirmation")
@links_limited
def confirm_sign_up() -> Any:
    found, form = SignUp.by_token(request.form.get("token")), ConfirmationForm()
    if found is None:
        return _gone()
    if not form.validate() or not _chosen(found, form):
        return _confirmation(found, form, 422)
    user = found.complete()
    if user is None:
        return _gone()
    begin(user)
    return _to_the_first_site()


def _first_owner(wanted: dict[str, str]) -> bool:
    """Whether this is the first owner of the installation, who is believed without a mail: there
    may be no mail server yet. An address that has an account already goes the usual way."""
    if User.by_email(wanted["email"]) is not None:
        return False
    password_hash = hash_password(wanted["password"])
    Organization.found(wanted["organization"])
    exclusive("first owner")
    if owned_by_somebody():
        db.session.rollback()
        tenancy.leave()
        return False
    user = User.create(email=wanted["email"], name=wanted["name"], password_hash=password_hash)
    Member.join(user, Role.OWNER)
    letters.email_verification(user)
    begin(user)
    return True


def _to_the_first_site() -> Any:
    slug = current_organization_slug()
    db.session.commit()
    flash("Welcome to Candor. Name the site that it is for.", "success")
    return redirect(url_for("sites.new", organization=slug))


def _chosen(found: SignUp, form: ConfirmationForm) -> bool:
    fits = password_fits(found.password_hash, form.password.data or "")
    if not fits:
        form.password.errors = ["This is not the password that was chosen when signing up."]
    return fits


def _page(form: SignUpForm, status: int = 200) -> Any:
    if not sign_up_is_open():
        return render("accounts/sign_up/closed.html", 403)
    if not owned_by_somebody():
        return render("accounts/sign_up/first.html", status, form=form, demo=demo_exists())
    return render("accounts/sign_up/new.html", status, form=form)


def _confirmation(found: SignUp, form: ConfirmationForm, status: int = 200) -> Any:
    token = request.values.get("token")
    return render(
        "accounts/sign_up/confirmation.html", status, sign_up=found, form=form, token=token
    )


def _gone() -> Any:
    return render(
        "accounts/gone.html",
        410,
        text="It was used already, or it is older than two days. If you signed up before, sign in.",
        again=("Sign up again", url_for("accounts.sign_up")),
    )
