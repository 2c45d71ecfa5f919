"""What programs of others may hear of: announcements with a public name and payload.

A package defines the public side of what happens beside its announcement, and whoever tells the
outside (webhooks) subscribes to `PublicAnnouncement`: neither imports the other. `public_types()`
is the one list of what can be heard, and what is shown and documented is made from it.

    @dataclass(frozen=True, kw_only=True)
    class ConversationOpened(PublicAnnouncement):
        name: ClassVar[str] = "conversation.opened"
        audited: ClassVar[bool] = False
        about: ClassVar[str] = "A visitor has written a first message."
        since: ClassVar[str] = "0.1.0"
        example: ClassVar[dict[str, Any]] = {"id": "0197…", "site_id": "0197…", "name": "Ada"}
        nullable: ClassVar[frozenset[str]] = frozenset({"name"})
        conversation: Conversation

        def public_site_id(self) -> UUID | None:
            return self.conversation.site_id

        def public_data(self) -> dict[str, Any]:
            return {"id": str(self.conversation.id), …}

A class with an `example` of its own is a public type; one without is a base for others and is not
told. To an announcement that has its own base it is added behind: `class OrderPlaced(
OrderAnnouncement, PublicAnnouncement)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from app.core.announce import Announcement


@dataclass(frozen=True, kw_only=True)
class PublicAnnouncement(Announcement):
    """Something that an organization may have told to its other programs, as type `name`.

    `about` is one sentence for a person; `since` the release that had it first; `version` counts
    changes of its data that a receiver may stumble over (a new key is none). `example` is data as
    `public_data` gives it: the same keys always, and the same JSON types, but for what is
    `nullable` and for the content of `free` objects (dotted paths, `visitor.country`). An empty
    list or object in the example stands for any.
    """

    about: ClassVar[str]
    since: ClassVar[str]
    version: ClassVar[int] = 1
    example: ClassVar[dict[str, Any]]
    nullable: ClassVar[frozenset[str]] = frozenset()
    free: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "example" in cls.__dict__:
            _types[cls.name] = cls

    def public_site_id(self) -> UUID | None:
        """The site that it concerns; None for the organization as a whole."""
        raise NotImplementedError

    def public_data(self) -> dict[str, Any]:
        """Its `data`, as JSON values: ids as text, moments as `clock.iso`, money in minor units
        with its currency. Called inside the transaction, when somebody wants to hear of it."""
        raise NotImplementedError

    @classmethod
    def is_public(cls) -> bool:
        """Whether it is a type of its own, not a base or a kind derived from one."""
        return _types.get(cls.name) is cls


_types: dict[str, type[PublicAnnouncement]] = {}


def public_types() -> dict[str, type[PublicAnnouncement]]:
    """All types by name, in the order of the alphabet."""
    return dict(sorted(_types.items()))
