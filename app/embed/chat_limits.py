"""How often guests may write, send files, and have something mailed. Of each web process."""

from __future__ import annotations

from app.core.ratelimit import Buckets, address

# A person types; an office behind one address has many.
writers = Buckets(rate=1, burst=30)
addresses = Buckets(rate=20, burst=300)
# What was said is read again after each gap, by all pages of an office.
readers = Buckets(rate=100, burst=1000)
# From where a guest writes is looked at once a minute.
noted = Buckets(rate=1 / 60, burst=1)
# Anybody can claim any address: enough mail for himself, too little to fill a stranger's mailbox.
recipients = Buckets(rate=1 / 3600, burst=3)
senders = Buckets(rate=1 / 360, burst=10)
# Files are kept in the database.
uploads = Buckets(rate=1 / 60, burst=20)


def may_mail(email: str) -> bool:
    return senders.take(address()) and recipients.take(email.casefold())
