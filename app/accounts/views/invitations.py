"""Inviting, and accepting: the latter by whoever has the link, signed in or with a new account."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import flash, redirect, request, url_for
from flask_login import current_user, login_required
from sqlalchemy import select

from app.accounts import letters
from app.accounts.access import current_member, current_organization, get_or_404, require
from app.accounts.forms.member import InvitationForm, JoiningForm
from app.accounts.models import Invitation, Member, Organization, User
from app.accounts.models.member import MembershipError
from app.accounts.permissions import Permission, Role, at_most
from app.accounts.queries import organization_id_of_invitation
from app.accounts.views import members
from app.accounts.views.limits import (
    count_invitation,
    demand_confirmed,
    invitation_mails_limited,
    links_limited,
)
from app.accounts.views.routes import blueprint
from app.accounts.views.sign_in import begin
from app.core import tenancy
from app.core.db import db
from app.core.letters import public_url
from app.core.mail import can_be_sent
from app.core.render import render


@blueprint.post("/o/<organization>/settings/invitations")
@require(Permission.MEMBERS_WRITE)
def create_invitation() -> Any:
    demand_confirmed(current_member.user)
    form = InvitationForm(at_most(current_member.role))
    if not form.validate():
        return members.page(422, form=form)
    try:
        invitation, tokens = Invitation.send(
            form.email.data or "",
            Role(form.role.data),
            may_give=current_member.may_give,
            inviter=current_member.user,
        )
    except MembershipError as error:
        form.email.errors = [str(error)]
        return members.page(422, form=form)
    return _sent(invitation, tokens)


@blueprint.post("/o/<organization>/settings/invitations/<uuid:invitation_id>/mail")
@require(Permission.MEMBERS_WRITE)
@invitation_mails_limited
def mail_invitation(invitation_id: UUID) -> Any:
    demand_confirmed(current_member.user)
    invitation = get_or_404(Invitation, invitation_id)
    if invitation.state not in ("open", "expired") or not current_member.may_give(invitation.role):
        return members.page(422, problem="This invitation cannot be sent again. Make a new one.")
    return _sent(invitation, invitation.renew())


@blueprint.post("/o/<organization>/settings/invitations/<uuid:invitation_id>/revocation")
@require(Permission.MEMBERS_WRITE)
def revoke_invitation(invitation_id: UUID) -> Any:
    get_or_404(Invitation, invitation_id).revoke()
    db.session.commit()
    flash("The invitation is revoked. Its link leads nowhere any more.", "success")
    return redirect(url_for("accounts.members", organization=current_organization.slug))


@blueprint.get("/invitation")
def invitation() -> Any:
    found = _entered(request.args.get("token"))
    return _page(found) if found else _gone(None)


@blueprint.post("/invitation/acceptance")
@login_required
@links_limited
def accept_invitation() -> Any:
    user = current_user._get_current_object()
    found = _entered(request.form.get("token"))
    if found is None or found.state != "open":
        return _gone(found)
    if _member(user) is not None:
        return _page(found, 422)
    return _joined(found, user)


@blueprint.post("/invitation/account")
@links_limited
def create_invited_account() -> Any:
    found, form = _entered(request.form.get("token")), JoiningForm()
    if found is None or found.state != "open":
        return _gone(found)
    if _only_by_mail(found):
        return _mailed(found)
    if not form.validate():
        return _page(found, 422, form=form)
    if User.by_email(found.email or "") is not None:
        form.name.errors = ["This address has an account. Sign in with it to accept."]
        return _page(found, 422, form=form)
    user = User.register(email=found.email or "", **form.values())
    if found.was_mailed_as(request.form["token"]):
        user.verify_email()
    else:
        letters.email_verification(user)
    return _joined(found, user, new=True)


def _sent(invitation: Invitation, tokens: Any) -> Any:
    organization = current_organization._get_current_object()  # type: ignore[attr-defined]
    count_invitation(invitation.email or "", str(current_member.user_id))
    letters.invitation(invitation, tokens.mailed, organization)
    db.session.commit()
    return members.page(link=public_url("accounts.invitation", token=tokens.shown))


def _only_by_mail(found: Invitation) -> bool:
    """Whether who has this link must still show that the address is his. Where no mail can be sent
    he could not: there whoever was handed the link is believed."""
    return can_be_sent() and not found.was_mailed_as(request.values.get("token") or "")


def _mailed(found: Invitation) -> Any:
    """The same answer and the same mail, whether the address has an account or not."""
    count_invitation(found.email or "")
    organization = db.session.get_one(Organization, found.organization_id)
    letters.invitation(found, found.renew_mailed(), organization)
    email = found.email
    db.session.commit()
    return render("accounts/check_mail.html", email=email)


def _entered(token: str | None) -> Invitation | None:
    """The invitation with this token; its organization is in scope from here on."""
    organization_id = organization_id_of_invitation(token or "")
    if organization_id is None:
        return None
    tenancy.enter(organization_id)
    return Invitation.by_token(token or "")


def _member(user: User) -> Member | None:
    return db.session.scalars(select(Member).filter_by(user_id=user.id)).one_or_none()


def _joined(found: Invitation, user: User, *, new: bool = False) -> Any:
    organization = db.session.get_one(Organization, found.organization_id)
    slug, name = organization.slug, organization.name
    if found.accept(user) is None:
        return _gone(found)
    if new:
        begin(user)
    db.session.commit()
    flash(f"You are a member of {name} now.", "success")
    return redirect(url_for("dashboard.home", organization=slug))


def _page(found: Invitation, status: int = 200, form: JoiningForm | None = None) -> Any:
    if found.state != "open":
        return _gone(found)
    user = current_user._get_current_object() if current_user.is_authenticated else None
    return render(
        "accounts/invitation.html",
        status,
        invitation=found,
        organization_name=db.session.get_one(Organization, found.organization_id).name,
        form=form or JoiningForm(formdata=None),
        token=request.values.get("token"),
        only_by_mail=_only_by_mail(found),
        membership=user and _member(user),
        slug=db.session.get_one(Organization, found.organization_id).slug,
    )


def _gone(found: Invitation | None) -> Any:
    reasons = {
        "accepted": "It was used already.",
        "revoked": "It was taken back.",
        "open": "Whoever sent it may not give this role any more.",
    }
    reason = reasons.get(found.state) if found else "It is not complete, or it was replaced."
    return render(
        "accounts/gone.html",
        410 if found else 404,
        text=f"{reason or 'It is older than a week.'} Ask whoever invited you for a new one.",
        again=None,
    )
