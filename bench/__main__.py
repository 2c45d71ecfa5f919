"""`make bench`: every measurement beside its ceiling, as JSON lines and then as a table.

`python -m bench NAME …` runs some of: latency loader sockets start pages builder
ingest overload storage analytics rolling webhooks chat inbox.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from bench import (
    analytics,
    chat,
    inbox,
    ingest,
    measures,
    panel,
    rolling,
    storage,
    webhooks,
)


@dataclass(frozen=True)
class Row:
    """One figure: `value` in `unit`, the `ceiling` of the same run if there is one, the target."""

    name: str
    value: float
    unit: str
    target: str
    ok: bool
    ceiling: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.ceiling if self.ceiling else None


MEASURES: dict[str, Callable[[], Iterator[dict]]] = {
    "latency": measures.latency,
    "loader": measures.loader,
    "sockets": measures.sockets,
    "start": measures.start,
    "pages": panel.pages,
    "builder": panel.builder,
    "ingest": ingest.ingest,
    "overload": ingest.overload,
    "storage": storage.storage,
    "analytics": analytics.analytics,
    "rolling": rolling.rolling,
    "webhooks": webhooks.webhooks,
    "chat": chat.chat,
    "inbox": inbox.inbox,
}


def main() -> int:
    names = sys.argv[1:] or list(MEASURES)
    rows = []
    for name in names:
        for values in MEASURES[name]():
            row = Row(**values)
            rows.append(row)
            print(json.dumps({**asdict(row), "ratio": row.ratio}), flush=True)
    print()
    print(f"{'measure':<58}{'value':>10}  {'ceiling':>10}  {'ratio':>6}  target")
    for row in rows:
        ceiling = "" if row.ceiling is None else f"{row.ceiling:,.1f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        mark = " " if row.ok else "!"
        print(
            f"{mark}{row.name:<57}{row.value:>10,.1f}  {ceiling:>10}  {ratio:>6}  "
            f"{row.target} {row.unit}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
