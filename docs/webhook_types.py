"""Writes the list of types in docs/webhooks.md anew: python -m docs.webhook_types"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from app.core.public import PublicAnnouncement, public_types
from app.webhooks.models.delivery import indented
from app.wiring import PACKAGES

DOCUMENT = Path(__file__).parent / "webhooks.md"
HEADING = "## Types\n"


def main() -> None:
    before = DOCUMENT.read_text().partition(HEADING)[0]
    DOCUMENT.write_text(f"{before}{HEADING}\n{types_in_words()}\n")
    print(f"{len(public_types())} types of {len(PACKAGES)} packages")


def types_in_words() -> str:
    return "\n\n".join("\n\n".join(_words(kind)) for kind in public_types().values())


def _words(kind: type[PublicAnnouncement]) -> Iterator[str]:
    yield f"### `{kind.name}`"
    yield kind.about
    yield f"```json\n{indented(kind.example)}\n```"
    notes = [f"Since {kind.since}, version {kind.version}."]
    for label, paths in (("May be null", kind.nullable), ("Any keys", kind.free)):
        if paths:
            notes.append(f"{label}: {', '.join(f'`{path}`' for path in sorted(paths))}.")
    yield " ".join(notes)


if __name__ == "__main__":
    main()
