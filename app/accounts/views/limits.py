"""How often one may try, and whom a limit counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Response, request
from flask_login import current_user

from app.core.crypto import blind_index
from app.core.forms import clean_line
from app.core.ratelimit import address, limiter

V = TypeVar("V", bound=Callable[..., Any])

PER_ADDRESS = "20 per minute; 100 per hour"
PER_ACCOUNT = "10 per minute; 30 per hour"
# What causes a mail: enough for somebody who mistypes, too little to fill a mailbox.
MAILS_PER_ADDRESS = "10 per minute; 30 per hour"
MAILS_PER_ACCOUNT = "3 per minute; 6 per hour"


def account() -> str:
    """Whom the account limit counts: the address tried, unreadable in Redis."""
    return _unreadable(clean_line(request.form.get("email")))


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


def _invitation() -> str:
    return str((request.view_args or {}).get("invitation_id"))


def _limited(view: V, by_address: str, whom: Callable[[], str], by_whom: str, **options: Any) -> V:
    inner = limiter.limit(by_whom, key_func=whom, **options)(view)
    return cast(V, limiter.limit(by_address, key_func=address, **options)(inner))


def _went_well(response: Response) -> bool:
    return response.status_code < 400


def _unreadable(text: str | None) -> str:
    return (blind_index(text, purpose="limit") or b"").hex()
