"""Mail: a row in the transaction of what caused it, sent by a job, made up for by a sweep.

At least once: a worker that dies between the server's yes and the record sends again, under the
same Message-ID. Without a mail server outside production mail is kept and shown at /dev/mail.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from contextlib import suppress
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit
from uuid import UUID

import structlog
from flask import current_app
from sqlalchemy import Index, Integer, LargeBinary, Select, String, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Mapped, mapped_column

from app.config import MAILBOX, Settings
from app.core import bus, clock, tenancy
from app.core.crypto import NO_TENANT, Sealed
from app.core.db import Base, after_commit, db, system
from app.core.ids import uuid7
from app.core.jobs import job
from app.core.tenancy import Tenant

PENDING, SENT, FAILED, KEPT = "pending", "sent", "failed", "kept"
BACKOFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
# Longer than a job may take: until then whoever claimed a mail may still be sending it.
CLAIM = timedelta(seconds=90)
BODIES_KEPT = timedelta(days=30)
SWEPT_AT_ONCE = 500
SMTP_TIMEOUT = 10  # seconds for one step of the conversation
# While the server is silent one mail in a while tries it, so that other jobs get their turn.
SILENCE = timedelta(seconds=30)
SILENT_UNTIL = "candor:mail:silent-until"
LONGEST_LINE = 250
LONGEST_ADDRESS = 254
LONGEST_ERROR = 500

PORTS = {"smtp": 25, "starttls": 587, "smtps": 465}
# No 8-bit lines: not every server takes them.
POLICY = SMTP.clone(cte_type="7bit")
NAME_MARKS = re.compile(r'[()<>\[\]:;@\\,"]+')

log = structlog.get_logger()


class Mail:
    """One mail to one person: `pending`, then `sent` or `failed`; `kept` where none is sent."""

    id: Mapped[UUID]
    recipient_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    recipient = Sealed("recipient_sealed")
    subject_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    subject = Sealed("subject_sealed")
    text_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    text = Sealed("text_sealed")
    html_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    html = Sealed("html_sealed")
    state: Mapped[str] = mapped_column(String(10), default=PENDING)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[datetime | None]
    # Sealed, since servers like to repeat the address in their refusal.
    last_error_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    last_error = Sealed("last_error_sealed")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    sent_at: Mapped[datetime | None]
    erase_at: Mapped[datetime | None]

    def claim(self) -> bool:
        """Take it for one attempt, so that nobody else does until CLAIM has passed."""
        moment = clock.now()
        kind = type(self)
        statement = (
            update(kind)
            .where(kind.id == self.id, kind.state == PENDING)
            .where(kind.next_attempt_at <= moment)
            .values(attempts=kind.attempts + 1, next_attempt_at=moment + CLAIM)
        )
        result = db.session.execute(statement, execution_options={"synchronize_session": False})
        return isinstance(result, CursorResult) and result.rowcount == 1

    @property
    def exhausted(self) -> bool:
        """Whether this would be one attempt too many: the last one ended without a record."""
        return self.attempts > len(BACKOFF) + 1

    def message(self, sender: str) -> EmailMessage:
        message = EmailMessage(policy=POLICY)
        message["From"] = _address(sender)
        message["To"] = _address(self.recipient or "")
        message["Subject"] = self.subject
        message["Date"] = format_datetime(self.created_at)
        message["Message-ID"] = f"<{self.id}@{_address(sender).domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.text or "")
        if self.html is not None:
            message.add_alternative(self.html, subtype="html")
        return message

    def keep(self) -> None:
        self._settle(KEPT)

    def record_sent(self) -> None:
        self._settle(SENT)
        self.sent_at = clock.now()
        self.last_error = None

    def record_failure(self, reason: str, *, final: bool = False) -> None:
        """Try again later, or never again when it is `final` or was the last attempt."""
        self.last_error = reason[:LONGEST_ERROR]
        if final or self.attempts > len(BACKOFF):
            self._settle(FAILED)
        else:
            self.next_attempt_at = clock.now() + BACKOFF[self.attempts - 1]

    def _settle(self, state: str) -> None:
        self.state = state
        self.next_attempt_at = None
        self.erase_at = clock.now() + BODIES_KEPT


class OutgoingMail(Mail, Tenant, Base):
    """A mail that an organization causes."""

    __tablename__ = "outgoing_mail"
    __table_args__ = (
        Index("ix_outgoing_mail_state_next_attempt_at", "state", "next_attempt_at"),
        Index("ix_outgoing_mail_erase_at", "erase_at"),
        {"info": {"system": ("SELECT",)}},
    )

    # Where one click ends mail of this kind, for what comes again and again.
    unsubscribe_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    unsubscribe = Sealed("unsubscribe_sealed")

    def message(self, sender: str) -> EmailMessage:
        message = super().message(sender)
        if self.unsubscribe is not None:
            # RFC 8058: programs of the receiver may post there without asking.
            message["List-Unsubscribe"] = f"<{self.unsubscribe}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return message


class AccountMail(Mail, Base):
    """A mail to somebody about his account, which precedes all organizations."""

    __tablename__ = "account_mail"
    __table_args__ = (
        Index("ix_account_mail_state_next_attempt_at", "state", "next_attempt_at"),
        Index("ix_account_mail_erase_at", "erase_at"),
        {"info": {"system": ("SELECT",)}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-1)

    def __init__(self, **values: Any) -> None:
        # Sealed columns are bound to the row, so a row knows who it is from the start.
        self.id = values.pop("id", None) or uuid7()
        for name, value in values.items():
            setattr(self, name, value)


class Undelivered(Exception):
    """The server did not take a mail. `final` if it never will, `silent` if it takes none."""

    def __init__(self, reason: str, *, final: bool = False, silent: bool = False) -> None:
        super().__init__(reason)
        self.final, self.silent = final, silent


def send(
    to: str, subject: str, text: str, html: str | None = None, *, unsubscribe: str | None = None
) -> OutgoingMail:
    """Have a mail of the organization in scope sent once the caller's transaction is on disk.

    `to` is an address or `Name <address>`. Raises ValueError if it is neither. `unsubscribe` is
    the address at which a POST ends such mail.
    """
    mail = OutgoingMail(**_written(to, subject, text, html), unsubscribe=unsubscribe)
    if _post(mail):
        send_mail.enqueue(mail_id=mail.id)
    return mail


def send_to_account(to: str, subject: str, text: str, html: str | None = None) -> AccountMail:
    """As `send`, for mail that belongs to no organization."""
    mail = AccountMail(**_written(to, subject, text, html))
    mail_id = mail.id
    if _post(mail):
        after_commit(lambda: _nudge_account_mail(mail_id))
    return mail


def can_be_sent() -> bool:
    """Whether mail goes anywhere: to a server, or outside production to /dev/mail."""
    return _settings().smtp_url is not None or not _settings().production


def is_kept() -> bool:
    """Whether mail goes no further than /dev/mail."""
    return _settings().smtp_url is None and not _settings().production


def _written(to: str, subject: str, text: str, html: str | None) -> dict[str, Any]:
    return {
        "recipient": str(_address(to)),
        "subject": _one_line(subject),
        "text": _storable(text),
        "html": None if html is None else _storable(html),
        "next_attempt_at": clock.now(),
    }


def _post(mail: Mail) -> bool:
    """Put it into the transaction; whether it is to be sent, not kept."""
    db.session.add(mail)
    if _settings().smtp_url is None and not _settings().production:
        mail.keep()
        return False
    return True


@job
def send_mail(mail_id: str) -> None:
    _attempt(db.session.get(OutgoingMail, UUID(mail_id)))


@job
def send_account_mail(mail_id: str) -> None:
    _attempt(db.session.get(AccountMail, UUID(mail_id)))


def _nudge_account_mail(mail_id: UUID) -> None:
    # A job belongs to an organization; this one to one that has no rows.
    send_account_mail.nudge(str(NO_TENANT), {"mail_id": str(mail_id)})


def _attempt(mail: Mail | None) -> None:
    if mail is None or _silent() or not mail.claim():
        return
    db.session.commit()
    if mail.exhausted:
        mail.record_failure("It broke off each time, without an answer.", final=True)
        return
    message = mail.message(_settings().mail_from)
    # Nothing stays open in the database while a server takes its time.
    db.session.rollback()
    try:
        deliver(message, _settings().smtp_url)
    except Undelivered as error:
        log.warning(
            "mail_undelivered", mail_id=str(mail.id), final=error.final, silent=error.silent
        )
        mail.record_failure(str(error), final=error.final)
    else:
        mail.record_sent()


def sweep_mail() -> None:
    """Nudge what is due, also what a lost nudge or a dead worker left behind; erase old bodies."""
    moment = clock.now()
    old = select(OutgoingMail.organization_id).where(OutgoingMail.erase_at <= moment).distinct()
    with system() as connection:
        owned = connection.execute(_due(OutgoingMail, moment, OutgoingMail.organization_id)).all()
        unowned = connection.scalars(_due(AccountMail, moment)).all()
        organization_ids = list(connection.scalars(old))
    for mail_id, organization_id in owned:
        send_mail.nudge(str(organization_id), {"mail_id": str(mail_id)})
    for mail_id in unowned:
        _nudge_account_mail(mail_id)
    for organization_id in organization_ids:
        with tenancy.scope(organization_id):
            _erase_bodies(OutgoingMail, moment)
            db.session.commit()
    _erase_bodies(AccountMail, moment)
    db.session.commit()


def _due(kind: type[Any], moment: datetime, *more: Any) -> Select[Any]:
    return (
        select(kind.id, *more)
        .where(kind.state == PENDING, kind.next_attempt_at <= moment)
        .order_by(kind.next_attempt_at)
        .limit(SWEPT_AT_ONCE)
    )


def _erase_bodies(kind: type[Any], moment: datetime) -> None:
    names = ("text_sealed", "html_sealed", "last_error_sealed", "unsubscribe_sealed")
    nothing = {name: None for name in names if hasattr(kind, name)}
    statement = update(kind).where(kind.erase_at <= moment)
    db.session.execute(
        statement.values(**nothing, erase_at=None),
        execution_options={"synchronize_session": False},
    )


def deliver(message: EmailMessage, smtp_url: str | None) -> None:
    """Hand one mail to the server. Raises Undelivered."""
    if smtp_url is None:
        raise Undelivered("No mail server is configured: SMTP_URL is not set.")
    sender, recipient = (message[name].addresses[0].addr_spec for name in ("From", "To"))
    server = _reach(urlsplit(smtp_url), sender)
    try:
        server.send_message(message, sender, [recipient])
    except smtplib.SMTPRecipientsRefused as error:
        code, reply = next(iter(error.recipients.values()))
        raise Undelivered(_reply(code, reply), final=code >= 500) from error
    except smtplib.SMTPDataError as error:
        reason = _reply(error.smtp_code, error.smtp_error)
        raise Undelivered(reason, final=error.smtp_code >= 500) from error
    except smtplib.SMTPResponseException as error:
        raise Undelivered(_reply(error.smtp_code, error.smtp_error)) from error
    except smtplib.SMTPNotSupportedError as error:
        raise Undelivered("The mail server cannot write to this address.", final=True) from error
    except (OSError, smtplib.SMTPException) as error:
        raise Undelivered(f"The mail server broke off: {error}") from error
    else:
        # The mail is taken: a goodbye that fails must not have it sent again.
        with suppress(OSError, smtplib.SMTPException):
            server.quit()
    finally:
        server.close()


def _reach(url: SplitResult, sender: str) -> smtplib.SMTP:
    """A connection that is ready for a mail. What goes wrong here concerns every mail."""
    try:
        return _connect(url, sender.rpartition("@")[2])
    except smtplib.SMTPResponseException as error:
        _be_silent()
        raise Undelivered(_reply(error.smtp_code, error.smtp_error), silent=True) from error
    except (OSError, smtplib.SMTPException) as error:
        _be_silent()
        raise Undelivered(f"The mail server cannot be reached: {error}", silent=True) from error


def _connect(url: SplitResult, own_name: str) -> smtplib.SMTP:
    starttls = url.query == "tls=starttls" or bool(url.username and not url.query)
    kind = "starttls" if url.scheme == "smtp" and starttls else url.scheme
    host, port = url.hostname or "", url.port or PORTS[kind]
    # Its own name is given: smtplib would ask the DNS for it, and wait.
    if kind == "smtps":
        context = ssl.create_default_context()
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, port, own_name, timeout=SMTP_TIMEOUT, context=context
        )
    else:
        server = smtplib.SMTP(host, port, own_name, timeout=SMTP_TIMEOUT)
    try:
        if kind == "starttls":
            server.starttls(context=ssl.create_default_context())
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
    except BaseException:
        server.close()
        raise
    return server


def _silent() -> bool:
    until = bus.redis().get(SILENT_UNTIL)
    return until is not None and clock.now() < datetime.fromisoformat(until.decode())


def _be_silent() -> None:
    until = clock.now() + SILENCE
    bus.redis().set(SILENT_UNTIL, until.isoformat(), ex=SILENCE)


def _address(text: str) -> Address:
    """Raises ValueError unless `text` is an address or `Name <address>`."""
    found = MAILBOX.fullmatch(text.strip())
    if found is None or len(found["address"]) > LONGEST_ADDRESS:
        raise ValueError("not a mail address")
    user, _, domain = found["address"].rpartition("@")
    if not (user + domain).isprintable():
        raise ValueError("not a mail address")
    name = NAME_MARKS.sub(" ", _one_line(found["name"] or ""))
    return Address(" ".join(name.split()), user, _ascii(domain))


def _ascii(domain: str) -> str:
    """bücher.example as xn--bcher-kva.example: not every server knows the other form."""
    try:
        return domain.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError("not a mail address") from error


def _one_line(text: str) -> str:
    """Text that cannot become a second header. Encoded words come apart as well: the header
    classes decode them, and what they hide may be a line break."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable.replace("=?", "= ?").strip()[:LONGEST_LINE]


def _storable(text: str) -> str:
    return text.encode(errors="replace").decode()


def _reply(code: int, reply: bytes | str) -> str:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return f"The mail server answered {code} {text}"


def _settings() -> Settings:
    return current_app.extensions["candor_settings"]
