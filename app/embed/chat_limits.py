"""How often guests may write, of each web process; and begin conversations, open panels, send files
and have something mailed, of all of them together."""

from __future__ import annotations

from limits import RateLimitItem, parse_many

from app.core import bus
from app.core.crypto import blind_index
from app.core.errors import ApiError
from app.core.ratelimit import Buckets, address, limiter

# A person types; an office behind one address has many.
writers = Buckets(rate=1, burst=30)
addresses = Buckets(rate=20, burst=300)
# What was said is read again after each gap, by all pages of an office.
readers = Buckets(rate=100, burst=1000)
# From where a guest writes is looked at once a minute.
noted = Buckets(rate=1 / 60, burst=1)
# Files are kept in the database.
uploads = Buckets(rate=1 / 60, burst=20)
# What stays: rows that agents look at, and bytes in the database. The largest office has enough.
BEGINNINGS_OF_ADDRESS = "30 per minute; 300 per hour"
UPLOADS_OF_ADDRESS = "80 per hour; 300 per day"
# Openings and closings, of each of which receivers of webhooks are told.
PANELS_OF_ADDRESS = "120 per minute; 1200 per hour"
# Anybody can claim any address: enough mail for himself, too little to fill a stranger's mailbox.
MAILS_TO_RECIPIENT = "3 per hour; 24 per day"
MAILS_OF_SENDER = "10 per hour"


def demand_beginning() -> None:
    _demand(BEGINNINGS_OF_ADDRESS, "chat_beginning")


def demand_panel() -> None:
    _demand(PANELS_OF_ADDRESS, "chat_panel")


def demand_upload() -> None:
    """Never asked in a transaction that has written."""
    uploads.demand(address())
    _demand(UPLOADS_OF_ADDRESS, "chat_upload")


def _demand(limit: str, scope: str) -> None:
    """Raise 429 once this address has had its share. Without Redis each process counts alone, by
    its buckets: nobody who writes is sent away."""
    over: list[RateLimitItem | None] = []
    bus.missable(lambda: over.append(_spent(limit, scope, address())))
    if over and over[0]:
        message = "That is enough for now. Try again later."
        seconds = str(over[0].get_expiry())
        raise ApiError(429, "rate_limited", message, {}, {"Retry-After": seconds})


def may_mail(email: str) -> bool:
    """Then it is counted. As at sign-in, without Redis nothing is mailed: raises RedisError. Never
    asked in a transaction that has written."""
    recipient = (blind_index(email, purpose="limit") or b"").hex()
    if _spent(MAILS_OF_SENDER, "chat_sender", address()):
        return False
    return _spent(MAILS_TO_RECIPIENT, "chat_recipient", recipient) is None


def may_confirm(email: str) -> bool:
    """For what is kept all the same, and without Redis not confirmed."""
    allowed: list[bool] = []
    bus.missable(lambda: allowed.append(may_mail(email)))
    return allowed == [True]


def _spent(limit: str, scope: str, key: str) -> RateLimitItem | None:
    """Counts one more. Answers the limit beyond which it is, if any."""
    limits = parse_many(limit)
    return next((each for each in limits if not limiter.limiter.hit(each, scope, key)), None)
