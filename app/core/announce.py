"""What happened, told to whoever cares, inside the transaction in which it happened.

A model verb announces; subscribers run at once and only write rows. What they want to send over
a network they hand to `db.after_commit`. This is how sibling packages meet without imports.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """Base of all announcements. `name` is the public one; `audited` ones go to the audit log."""

    name: ClassVar[str]
    audited: ClassVar[bool] = True

    def subject(self) -> Any:
        """The row that it is about: the first field."""
        return next(iter(vars(self).values()))

    def details(self) -> dict[str, Any]:
        """What the audit log keeps besides the subject. No personal data: it is never erased."""
        return {}


A = TypeVar("A", bound=Announcement)
_subscribers: dict[type[Announcement], list[Callable[[Any], None]]] = defaultdict(list)


def subscribe(kind: type[A]) -> Callable[[Callable[[A], None]], Callable[[A], None]]:
    """Have a function called for each announcement of `kind` or of a kind derived from it."""

    def remember(function: Callable[[A], None]) -> Callable[[A], None]:
        if function not in _subscribers[kind]:
            _subscribers[kind].append(function)
        return function

    return remember


def announce(announcement: Announcement) -> None:
    for kind in type(announcement).__mro__:
        for subscriber in _subscribers.get(kind, ()):
            subscriber(announcement)
