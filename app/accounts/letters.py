"""Every mail about accounts and membership, and who gets it."""

from __future__ import annotations

from app.accounts.models import EmailVerification, Invitation, Organization, PasswordReset, User
from app.core.letters import one_line, public_url, write
from app.core.mail import OutgoingMail, send, send_to_account


def sign_up(email: str, token: str | None) -> None:
    """With the link, or without one to somebody who has an account. What the one who signed up
    calls himself is not repeated: he may be writing to somebody else."""
    if token is None:
        letter = write(
            "sign_up_known",
            link=public_url("accounts.sign_in"),
            reset=public_url("accounts.password_reset"),
        )
    else:
        letter = write("sign_up", link=public_url("accounts.sign_up_confirmation", token=token))
    send_to_account(email, *letter)


def email_verification(user: User, email: str | None = None) -> None:
    """To the address that the user has, or to the one he wants."""
    address = email or user.email or ""
    token = EmailVerification.issue(user_id=user.id, email=address)
    link = public_url("accounts.email_verification", token=token)
    send_to_account(address, *write("email_verification", link=link))


def email_wanted(email: str) -> None:
    """To somebody whose address another account wants to have."""
    send_to_account(email, *write("email_wanted"))


def email_changed(user: User, before: str) -> None:
    send_to_account(before, *write("email_changed", name=user.name))


def password_reset(email: str) -> None:
    """With the link, or to an address that has no account without one: as much work for both. To
    the account's own address: one that is spelled otherwise and found all the same, as with a long
    s, may be somebody else's."""
    user = User.by_email(email)
    if user is None:
        letter = write("password_reset_unknown", link=public_url("accounts.root"))
    else:
        token = PasswordReset.issue(user_id=user.id)
        link = public_url("accounts.new_password", token=token)
        letter = write("password_reset", link=link)
    send_to_account((user and user.email) or email, *letter)


def password_changed(user: User) -> None:
    link = public_url("accounts.password_reset")
    send_to_account(user.email or "", *write("password_changed", link=link))


def invitation(invited: Invitation, token: str, organization: Organization) -> OutgoingMail:
    """With the link to be mailed; `token` is of that one."""
    link = public_url("accounts.invitation", token=token)
    letter = write(
        "invitation",
        link=link,
        organization=one_line(organization.name),
        inviter=one_line(invited.inviter and invited.inviter.name),
        role=invited.role,
        expires_at=invited.expires_at,
    )
    mail = send(invited.email or "", *letter)
    invited.mail_id = mail.id
    return mail


def deletion_scheduled(owner: User, organization: Organization) -> None:
    letter = write(
        "deletion_scheduled",
        link=public_url("accounts.organization", organization=organization.slug),
        organization=organization.name,
        deletion_at=organization.deletion_at,
    )
    send(owner.email or "", *letter)
