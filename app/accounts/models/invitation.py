from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, func, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.accounts.models.member import (
    Member,
    MemberRoleChanged,
    MembershipError,
    MemberShutOut,
    hold_members,
)
from app.accounts.models.user import User, email_index, normal_email
from app.accounts.permissions import Role
from app.core import clock
from app.core.announce import Announcement, announce, subscribe
from app.core.crypto import Sealed, blind_index, fingerprint
from app.core.db import Base, db
from app.core.ids import secret_token
from app.core.tenancy import Tenant, current_organization_id

LIFETIME = timedelta(days=7)
MOST_A_DAY = 100


@dataclass(frozen=True)
class Tokens:
    """The token of the link that is mailed, and of the one that is shown to the inviter.

    Only who has the first has shown that mail to the address reaches him.
    """

    mailed: str
    shown: str


class Invitation(Tenant, Base):
    """A place in an organization for whoever has the link: once, for a week."""

    __tablename__ = "invitations"
    __table_args__ = (
        Index("ix_invitations_mailed_digest", "mailed_digest", unique=True),
        Index("ix_invitations_shown_digest", "shown_digest", unique=True),
        Index("ix_invitations_email_index", "organization_id", "email_index"),
        Index("ix_invitations_inviter_id", "inviter_id"),
        {"info": {"system": ("SELECT",)}},
    )

    email_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    email = Sealed("email_sealed")
    email_index: Mapped[bytes] = mapped_column(LargeBinary(16))
    role: Mapped[str] = mapped_column(String(10))
    mailed_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    shown_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    inviter_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    # The newest of its mails, to say whether it could be sent.
    mail_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    inviter: Mapped[User | None] = relationship()

    @classmethod
    def send(
        cls,
        email: str,
        role: Role,
        *,
        may_give: Callable[[Role], bool],
        inviter: User | None = None,
    ) -> tuple[Invitation, Tokens]:
        """Raises EmailError, or MembershipError with what the inviter can do about it."""
        if not may_give(role):
            raise MembershipError("You cannot give a role above your own.")
        email = normal_email(email)
        index = _index(email)
        _refuse_another(email, index)
        invitation = cls(email=email, role=role.value, inviter_id=inviter and inviter.id)
        invitation.email_index = index
        tokens = invitation.renew()
        db.session.add(invitation)
        db.session.flush()
        announce(MemberInvited(invitation=invitation))
        return invitation, tokens

    @classmethod
    def by_token(cls, token: str) -> Invitation | None:
        """Whatever has become of it. In the organization in scope."""
        return db.session.scalars(select(cls).where(with_token(token))).one_or_none()

    @classmethod
    def open(cls) -> list[Invitation]:
        """Those that can be accepted or sent again, newest first."""
        found = select(cls).filter_by(accepted_at=None, revoked_at=None).order_by(cls.id.desc())
        return list(db.session.scalars(found))

    def renew(self) -> Tokens:
        """New links for another week; those before lead nowhere any more."""
        tokens = Tokens(secret_token(), secret_token())
        self.mailed_digest = fingerprint(tokens.mailed)
        self.shown_digest = fingerprint(tokens.shown)
        self.expires_at = clock.now() + LIFETIME
        return tokens

    def renew_mailed(self) -> str:
        """The token of a new link to mail, good as long as the one before; the shown link stays."""
        token = secret_token()
        self.mailed_digest = fingerprint(token)
        return token

    @property
    def state(self) -> str:
        """`open`, `accepted`, `revoked` or `expired`."""
        if self.accepted_at is not None:
            return "accepted"
        if self.revoked_at is not None:
            return "revoked"
        return "open" if clock.now() < self.expires_at else "expired"

    def was_mailed_as(self, token: str) -> bool:
        return self.mailed_digest == fingerprint(token)

    def revoke(self) -> None:
        if self.accepted_at is None and self.revoked_at is None:
            self.revoked_at = clock.now()
            announce(InvitationRevoked(invitation=self))

    def accept(self, user: User) -> Member | None:
        """The new member; None if somebody was quicker, it is no longer open, or its inviter could
        not give the role any more."""
        hold_members(self.organization_id)
        if not self._is_backed():
            return None
        moment = clock.now()
        taken = (
            update(Invitation)
            .where(Invitation.id == self.id, Invitation.expires_at > moment)
            .where(Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))
            .values(accepted_at=moment)
            .returning(Invitation.id)
        )
        if db.session.execute(taken).first() is None:
            return None
        announce(InvitationAccepted(invitation=self))
        return Member.join(user, Role(self.role))

    def _is_backed(self) -> bool:
        """Whether its inviter, if it has one, is a member who may still make it."""
        if self.inviter_id is None:
            return True
        found = select(Member).filter_by(user_id=self.inviter_id, suspended_at=None)
        inviter = db.session.scalars(found).one_or_none()
        return inviter is not None and inviter.may_invite(self.role)


def with_token(token: str) -> Any:
    """The condition under which an invitation has this token, mailed or shown."""
    digest = fingerprint(token)
    return or_(Invitation.mailed_digest == digest, Invitation.shown_digest == digest)


def _index(email: str) -> bytes:
    tenant = current_organization_id()
    return blind_index(email, purpose="invitation.email", tenant=tenant) or b""


def _refuse_another(email: str, index: bytes) -> None:
    member = select(Member.id).join(User).where(User.email_index == email_index(email))
    if db.session.scalars(member).first() is not None:
        raise MembershipError("Somebody with this address is a member already.")
    if any(each.email_index == index for each in Invitation.open()):
        raise MembershipError("This address is invited already. Send that invitation again.")
    day = select(func.count(Invitation.id)).where(
        Invitation.created_at > clock.now() - timedelta(days=1)
    )
    if (db.session.scalar(day) or 0) >= MOST_A_DAY:
        raise MembershipError(f"At most {MOST_A_DAY} invitations a day. Try again tomorrow.")


@subscribe(MemberShutOut)
def withdraw(left: MemberShutOut) -> None:
    """Who is shut out leaves no door open."""
    for invitation in _invited_by(left.member):
        invitation.revoke()


@subscribe(MemberRoleChanged)
def withdraw_stronger(changed: MemberRoleChanged) -> None:
    """Nor one above what his role includes now."""
    for invitation in _invited_by(changed.member):
        if not changed.member.may_invite(invitation.role):
            invitation.revoke()


def _invited_by(member: Member) -> list[Invitation]:
    """Open invitations of his, or of a key that he made."""
    return [each for each in Invitation.open() if each.inviter_id == member.user_id]


@dataclass(frozen=True, kw_only=True)
class InvitationAnnouncement(Announcement):
    invitation: Invitation

    def details(self) -> dict[str, Any]:
        return {"role": self.invitation.role}


@dataclass(frozen=True, kw_only=True)
class MemberInvited(InvitationAnnouncement):
    name: ClassVar[str] = "member.invited"


@dataclass(frozen=True, kw_only=True)
class InvitationRevoked(InvitationAnnouncement):
    name: ClassVar[str] = "invitation.revoked"


@dataclass(frozen=True, kw_only=True)
class InvitationAccepted(InvitationAnnouncement):
    name: ClassVar[str] = "invitation.accepted"
