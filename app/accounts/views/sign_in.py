from __future__ import annotations

from typing import Any

from flask import g, redirect, request, session, url_for
from flask_login import current_user, login_required

from app.accounts.access import open_session
from app.accounts.forms.sign_in import SignInForm
from app.accounts.models import SignIn, User
from app.accounts.queries import sign_up_is_open
from app.accounts.views.limits import attempts_limited
from app.accounts.views.routes import blueprint
from app.core.db import db
from app.core.render import redirect_target, render


@blueprint.get("/sign-in")
def sign_in() -> Any:
    return _page(SignInForm())


@blueprint.post("/sign-in")
@attempts_limited
def create_sign_in() -> Any:
    form = SignInForm()
    if not form.validate():
        return _page(form, 422)
    user = User.authenticate(form.email.data or "", form.password.data or "")
    if user is None:
        form.password.errors = ["E-mail or password is not right."]
        return _page(form, 422)
    begin(user)
    db.session.commit()
    return redirect(redirect_target(request.args.get("next"), url_for("accounts.root")))


@blueprint.post("/sign-out")
@login_required
def sign_out() -> Any:
    g.sign_in.close()
    db.session.commit()
    session.clear()
    return redirect(url_for("accounts.sign_in"))


def begin(user: User) -> None:
    """Sign somebody in, in this browser, as a fresh session."""
    if current_user.is_authenticated:
        g.sign_in.close()
    open_session(SignIn.open(user, request.user_agent.string))


def begin_alone(user: User) -> None:
    """The same, after signing him out everywhere."""
    SignIn.close_all(user)
    open_session(SignIn.open(user, request.user_agent.string))


def _page(form: SignInForm, status: int = 200) -> Any:
    return render("accounts/sign_in.html", status, form=form, sign_up_is_open=sign_up_is_open())
