from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from flask import flash, g, redirect, url_for
from sqlalchemy import select
from sqlalchemy.orm.exc import ObjectDeletedError

from app.accounts.access import current_member, current_organization, get_or_404, require
from app.accounts.forms.member import InvitationForm, RoleForm
from app.accounts.models import Invitation, Member
from app.accounts.models.member import MembershipError
from app.accounts.permissions import Permission, Role, at_most
from app.accounts.views.routes import blueprint
from app.core.db import db
from app.core.errors import not_found
from app.core.mail import OutgoingMail, can_be_sent
from app.core.render import render


@blueprint.get("/o/<organization>/settings/members")
@require(Permission.MEMBERS_READ)
def members() -> Any:
    return page()


@blueprint.get("/o/<organization>/settings/members/<uuid:member_id>")
@require(Permission.MEMBERS_WRITE)
def member(member_id: UUID) -> Any:
    return _page(get_or_404(Member, member_id))


@blueprint.post("/o/<organization>/settings/members/<uuid:member_id>/role")
@require(Permission.MEMBERS_WRITE)
def change_role(member_id: UUID) -> Any:
    changed, form = get_or_404(Member, member_id), RoleForm(at_most(current_member.role))
    if not form.validate():
        return _page(changed, 422, form=form)
    role = Role(form.role.data)
    return _change(changed, lambda: changed.change_role(role, by=current_member.may_give), "Saved.")


@blueprint.post("/o/<organization>/settings/members/<uuid:member_id>/suspension")
@require(Permission.MEMBERS_WRITE)
def suspend_member(member_id: UUID) -> Any:
    changed = get_or_404(Member, member_id)
    done = "Suspended. Every page is closed to this member from now on."
    return _change(changed, lambda: changed.suspend(by=current_member.may_give), done)


@blueprint.post("/o/<organization>/settings/members/<uuid:member_id>/resumption")
@require(Permission.MEMBERS_WRITE)
def resume_member(member_id: UUID) -> Any:
    changed = get_or_404(Member, member_id)
    return _change(changed, lambda: changed.resume(by=current_member.may_give), "Active again.")


@blueprint.post("/o/<organization>/settings/members/<uuid:member_id>/removal")
@require(Permission.MEMBERS_WRITE)
def remove_member(member_id: UUID) -> Any:
    changed = get_or_404(Member, member_id)
    done = "Removed. An invitation brings somebody back."
    return _change(changed, lambda: changed.remove(by=current_member.may_give), done)


@blueprint.post("/o/<organization>/departure")
@require(Permission.SITES_READ)
def leave() -> Any:
    name = current_organization.name
    try:
        with _both_are_there():
            current_member.remove(by=current_member.may_give)
    except MembershipError as error:
        flash(str(error), "error")
        return redirect(url_for("accounts.account"))
    db.session.commit()
    flash(f"You left {name}.", "success")
    return redirect(url_for("accounts.account"))


def page(
    status: int = 200,
    *,
    form: InvitationForm | None = None,
    problem: str | None = None,
    link: str | None = None,
) -> Any:
    """Members and open invitations. `link` is that of a new invitation, shown this once."""
    grantable = at_most(current_member.role)
    invitations = Invitation.open()
    mails = select(OutgoingMail).where(OutgoingMail.id.in_([each.mail_id for each in invitations]))
    return render(
        "accounts/members/index.html",
        status,
        members=db.session.scalars(select(Member).order_by(Member.created_at)).all(),
        invitations=invitations,
        mails={mail.id: mail for mail in db.session.scalars(mails)},
        grantable=grantable,
        form=form or InvitationForm(grantable, formdata=None),
        problem=problem,
        link=link,
        can_be_sent=can_be_sent(),
    )


def _change(changed: Member, verb: Callable[[], None], done: str) -> Any:
    try:
        with _both_are_there():
            verb()
    except MembershipError as error:
        return _page(changed, 422, problem=str(error))
    db.session.commit()
    flash(done, "success")
    return redirect(url_for("accounts.members", organization=current_organization.slug))


@contextmanager
def _both_are_there() -> Iterator[None]:
    """Who acts, and whom it concerns: either may have been removed a moment ago."""
    try:
        yield
    except ObjectDeletedError as error:
        g.pop("member")
        raise not_found() from error


def _page(
    shown: Member, status: int = 200, *, form: RoleForm | None = None, problem: str | None = None
) -> Any:
    grantable = at_most(current_member.role)
    form = form or RoleForm(grantable, formdata=None, role=shown.role)
    return render("accounts/members/show.html", status, row=shown, form=form, problem=problem)
