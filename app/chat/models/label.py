"""Label: a word by which agents sort conversations."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.chat.announcements import LabelChanged, LabelCreated, LabelRemoved
from app.core import clock
from app.core.announce import announce
from app.core.db import Base, db, exclusive
from app.core.tenancy import Tenant, current_organization_id, owned_by

MOST_LABELS = 50
LONGEST_NAME = 30
COLOURS = ("neutral", "accent", "good", "warn", "bad")


class LabelError(ValueError):
    """A label cannot be made so; the message says why, for a person."""


class Label(Tenant, Base):
    __tablename__ = "labels"
    __table_args__ = (
        UniqueConstraint("organization_id", "id"),
        UniqueConstraint("organization_id", "folded"),
    )

    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    # Its name without upper case, since SQLite knows only ASCII's.
    folded: Mapped[str] = mapped_column(String(2 * LONGEST_NAME))
    colour: Mapped[str] = mapped_column(String(10), default="neutral")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    @classmethod
    def create(cls, name: str, colour: str = "neutral") -> Label:
        """Raises LabelError for a name that is taken and for one label too many."""
        exclusive(f"labels/{current_organization_id()}")
        if (db.session.scalar(select(func.count(cls.id))) or 0) >= MOST_LABELS:
            raise LabelError(f"There can be at most {MOST_LABELS} labels. Delete one first.")
        folded = name.casefold()
        if db.session.scalars(select(cls.id).filter_by(folded=folded)).first():
            raise LabelError("There is a label of this name already.")
        label = cls(name=name, folded=folded, colour=colour)
        db.session.add(label)
        db.session.flush()
        announce(LabelCreated(label=label))
        return label

    @classmethod
    def all(cls) -> list[Label]:
        return list(db.session.scalars(select(cls).order_by(cls.folded)))

    def change(self, colour: str) -> None:
        self.colour = colour
        db.session.flush()
        announce(LabelChanged(label=self))

    def remove(self) -> None:
        """Conversations stay, without it."""
        announce(LabelRemoved(label=self))
        db.session.delete(self)
        db.session.flush()


class ConversationLabel(Tenant, Base):
    __tablename__ = "conversation_labels"
    __table_args__ = (
        owned_by("conversations", "conversation_id"),
        owned_by("labels", "label_id"),
        UniqueConstraint("organization_id", "conversation_id", "label_id"),
        Index("ix_conversation_labels_conversation_id", "conversation_id"),
        Index("ix_conversation_labels_label_id", "label_id", "conversation_id"),
    )

    conversation_id: Mapped[UUID]
    label_id: Mapped[UUID]

    @classmethod
    def put(cls, conversation_id: UUID, labels: list[Label]) -> tuple[list[str], list[str]]:
        """These and no others. Answers the names of what came and of what went."""
        wanted = {label.id: label for label in labels}
        kept = select(cls, Label.name).join(Label, Label.id == cls.label_id)
        rows = db.session.execute(kept.where(cls.conversation_id == conversation_id)).all()
        had = {row.label_id for row, _ in rows}
        removed = [name for row, name in rows if row.label_id not in wanted]
        for row, _ in rows:
            if row.label_id not in wanted:
                db.session.delete(row)
        new = [label for label in labels if label.id not in had]
        db.session.add_all(cls(conversation_id=conversation_id, label_id=each.id) for each in new)
        db.session.flush()
        return sorted(each.name for each in new), sorted(removed)
