"""Whether what is told to the outside is as its example says: checked in all tests, for whatever
they have announced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.core.announce import subscribe
from app.core.public import PublicAnnouncement

KINDS: dict[type, str] = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "list",
    dict: "object",
    type(None): "null",
}


@subscribe(PublicAnnouncement)
def is_as_documented(announcement: PublicAnnouncement) -> None:
    if announcement.is_public():
        kind = type(announcement)
        wrong = list(differences(kind, announcement.public_data(), kind.example))
        assert not wrong, f"{kind.name}: {'; '.join(wrong)}"


def differences(
    kind: type[PublicAnnouncement], sent: Any, example: Any, path: str = ""
) -> Iterator[str]:
    """What of `sent` has other keys or other JSON types than the example."""
    if sent is None and path in kind.nullable:
        return
    is_of, should_be = KINDS.get(type(sent), "no JSON"), KINDS[type(example)]
    if is_of != should_be:
        yield f"{path or 'data'} is {is_of}, not {should_be}"
    elif isinstance(example, dict) and example and path not in kind.free:
        if set(sent) != set(example):
            yield f"{path or 'data'} differs in {sorted(set(sent) ^ set(example))}"
        for name in set(sent) & set(example):
            yield from differences(
                kind, sent[name], example[name], f"{path}.{name}" if path else name
            )
    elif isinstance(example, list) and example:
        for item in sent:
            yield from differences(kind, item, example[0], path)
