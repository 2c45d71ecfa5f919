"""How much memory an export of many raw events takes: it must not grow with them.

python -m bench.export 1000000
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from app.accounts.models import Organization
from app.analytics.exports import EVENTS, Export
from app.analytics.periods import Period, local_day
from app.analytics.questions import Question
from app.config import Settings
from app.core import migrations, tenancy
from app.core.db import db
from app.core.progress import Progress
from app.sites.models import Site
from app.wiring import create_app
from tests.tracking.arriving import NOON, Shelf

BATCH = 5000
WARM = 500  # pieces of a first export, which is not measured


def main(number: int) -> None:
    with tempfile.TemporaryDirectory(prefix="candor-") as folder:
        app = create_app(_settings(folder))
        with app.app_context():
            migrations.migrate()
            organization_id = Organization.found("Acme").id
            db.session.commit()
            with tenancy.scope(organization_id):
                site = Site.create(name="Shop", domains=["shop.example"])
                db.session.commit()
                _fill(site, number)
                db.session.rollback()
                _measure(site)


def _settings(folder: str) -> Settings:
    values = {
        "CANDOR_DATA": folder,
        "CANDOR_URL": "http://candor.test",
        "SECRET_KEY": "x" * 48,
        "ENCRYPTION_KEYS": "t1:" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
        "CANDOR_ENV": "development",
        "REDIS_URL": f"unix://{Path(folder) / 'nobody'}",
    }
    return Settings.from_environment(values)


def _fill(site: Site, number: int) -> None:
    shelf = Shelf(site.organization_id, site.number)
    for first in range(0, number, BATCH):
        shelf.store(
            *(
                shelf.arrival(each / 1000, f"v{each // 10}", props={"plan": "pro", "n": each})
                for each in range(first, first + BATCH)
            )
        )


def _measure(site: Site) -> None:
    day = local_day(NOON, ZoneInfo("UTC"))
    period = Period(day, day + timedelta(days=30), ZoneInfo("UTC"))
    # The first reader fills the page cache of SQLite (16 MB), whatever it writes.
    pieces = Export(Question(site, period, []), EVENTS, "day", "csv").begin(Progress(None))
    for _piece in islice(pieces, WARM):
        pass
    for format in ("csv", "json"):
        before, started, size, rows = _held(), time.monotonic(), 0, 0
        most = before
        export = Export(Question(site, period, []), EVENTS, "day", format)
        for piece in export.begin(Progress(None)):
            size, rows = size + len(piece), rows + piece.count(b"\n")
            most = max(most, _held())
        seconds = time.monotonic() - started
        grown = (most - before) / 1e6
        print(f"{format}: {rows:,} rows, {size / 1e6:.0f} MB, {seconds:.0f} s, +{grown:.1f} MB")


def _held() -> int:
    """Bytes of this process that are in memory."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
