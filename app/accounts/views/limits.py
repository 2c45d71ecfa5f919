"""How often one may try, and whom a limit counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Response, request
from flask_login import current_user
from limits import parse_many

from app.accounts.models.user import EmailError, User, normal_email
from app.core.crypto import blind_index
from app.core.errors import ApiError
from app.core.forms import clean_line
from app.core.mail import can_be_sent
from app.core.ratelimit import address, limiter

V = TypeVar("V", bound=Callable[..., Any])

PER_ADDRESS = "20 per minute; 100 per hour"
PER_ACCOUNT = "10 per minute; 30 per hour"
# What causes a mail: enough for somebody who mistypes, too little to fill a mailbox.
MAILS_PER_ADDRESS = "10 per minute; 30 per hour"
MAILS_PER_ACCOUNT = "3 per minute; 6 per hour"
# Enough to bring a team in, too little to write to strangers.
INVITATIONS_PER_INVITER = "30 per hour; 100 per day"

CONFIRM_FIRST = (
    "Confirm your own e-mail address before you invite others: follow the link that was sent to "
    "you, or have it sent again on the page of your account."
)


def account() -> str:
    """Whom the account limit counts: the address tried, unreadable in Redis."""
    return recipient(clean_line(request.form.get("email")) or "")


def recipient(email: str) -> str:
    """One mailbox, however it is written."""
    try:
        return _unreadable(normal_email(email))
    except EmailError:
        return _unreadable(email)


def link() -> str:
    """The link that is tried."""
    return _unreadable(request.form.get("token"))


def user() -> str:
    """The one who is signed in; anybody else by his address."""
    return str(current_user.id) if current_user.is_authenticated else address()


def attempts_limited(view: V) -> V:
    """For what a password or an account can be guessed with, by the address in the form."""
    return _limited(view, PER_ADDRESS, account, PER_ACCOUNT)


def mails_limited(view: V) -> V:
    """For what sends a mail to the address in the form. A form that comes back sends none."""
    return _limited(view, MAILS_PER_ADDRESS, account, MAILS_PER_ACCOUNT, deduct_when=_went_well)


def links_limited(view: V) -> V:
    """For what takes the token of a link."""
    return _limited(view, PER_ADDRESS, link, PER_ACCOUNT)


def own_attempts_limited(view: V) -> V:
    """For what asks somebody who is signed in for his password."""
    return _limited(view, PER_ADDRESS, user, PER_ACCOUNT)


def own_mails_limited(view: V) -> V:
    """For what sends somebody who is signed in a mail."""
    return _limited(view, MAILS_PER_ADDRESS, user, MAILS_PER_ACCOUNT, deduct_when=_went_well)


def invitation_mails_limited(view: V) -> V:
    """For what sends an invitation again."""
    return cast(V, limiter.limit(MAILS_PER_ACCOUNT, key_func=_invitation)(view))


def count_invitation(email: str, inviter: str | None = None) -> None:
    """One more mail to whoever is invited, in all organizations together, and of whoever invites,
    by pages and keys together. Raises 429."""
    _count(MAILS_PER_ACCOUNT, "invited", recipient(email))
    if inviter is not None:
        _count(INVITATIONS_PER_INVITER, "inviter", inviter)


def demand_confirmed(inviter: User | None) -> None:
    """Only who receives mail himself has mail sent to strangers. Raises 403."""
    if inviter is not None and inviter.email_verified_at is None and can_be_sent():
        raise ApiError(403, "forbidden", CONFIRM_FIRST)


def _count(limit: str, scope: str, key: str) -> None:
    for each in parse_many(limit):
        if not limiter.limiter.hit(each, scope, key):
            message = "Too many invitations for now. Try again later."
            headers = {"Retry-After": str(each.get_expiry())}
            raise ApiError(429, "rate_limited", message, {}, headers)


def _invitation() -> str:
    return str((request.view_args or {}).get("invitation_id"))


def _limited(view: V, by_address: str, whom: Callable[[], str], by_whom: str, **options: Any) -> V:
    inner = limiter.limit(by_whom, key_func=whom, **options)(view)
    return cast(V, limiter.limit(by_address, key_func=address, **options)(inner))


def _went_well(response: Response) -> bool:
    return response.status_code < 400


def _unreadable(text: str | None) -> str:
    return (blind_index(text, purpose="limit") or b"").hex()
