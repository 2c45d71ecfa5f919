"""The files of archives: one JSON object a line, compressed. Written and read a page at a time, so
that no more than a page is in memory, however many rows there are."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import LargeBinary, func, select

from app.accounts.models.organization import OrganizationDeleted
from app.analytics import raw
from app.analytics.models import Archive
from app.analytics.models.archive import archives_folder, file_of, folder_of
from app.analytics.periods import DAY, local_day, midnight
from app.core.announce import subscribe
from app.core.api import parsed_uuid
from app.core.batches import batched
from app.core.db import Guid, after_commit, reading, system
from app.core.ids import uuid7
from app.sites.models import Site, SiteRemoved
from app.tracking.models import Event, Session

FORMAT = 1
LEVEL = 6  # of compression
PAGE = 2000  # rows in memory
ROWS = 200_000  # of a file, at a day's end
SLICE = 2.0  # seconds after which a file ends, also in the midst of a day: as a worker's turn
ABANDONED = 3600  # seconds: whoever writes a file is done long before
ASKED = 400  # ids in one query

# By the word that a line begins with. Of a day the sessions come first, then the events.
MODELS: dict[str, Any] = {"session": Session, "event": Event}
MOMENTS: dict[str, Any] = {"session": Session.started_at, "event": Event.at}
OWNERS = ("organization_id", "site_number")  # said by the archive's own row

log = structlog.get_logger()


class Unusable(Exception):
    """A file that is not, or no more, what was written. The text is for a person."""


@dataclass
class Written:
    """What a file holds; `id` will be its archive's."""

    site: Site
    id: UUID = field(default_factory=uuid7)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MODELS, 0))
    first_at: int = 0
    last_at: int = 0
    size: int = 0
    checksum: str = ""

    @property
    def path(self) -> Path:
        return file_of(self.site.organization_id, self.site.id, self.id)

    @property
    def rows(self) -> int:
        return sum(self.counts.values())

    def note(self, kind: str, moments: Sequence[int]) -> None:
        self.first_at = min(self.first_at, *moments) if self.rows else min(moments)
        self.last_at = max(self.last_at, *moments)
        self.counts[kind] += len(moments)

    def values(self) -> dict[str, Any]:
        """Of its row."""
        return {
            "id": self.id,
            "organization_id": self.site.organization_id,
            "site_id": self.site.id,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "events": self.counts["event"],
            "sessions": self.counts["session"],
            "size": self.size,
            "checksum": self.checksum,
        }


class _Measured:
    """A file that knows its size and checksum as it is written: what should be on the disk, not
    what may be."""

    def __init__(self, file: Any) -> None:
        self._file, self.digest, self.size = file, sha256(), 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        written: int = self._file.write(data)
        return written

    def flush(self) -> None:
        self._file.flush()


# --- writing --------------------------------------------------------------------------------------


def write(site: Site, before: int) -> Written | None:
    """The oldest rows of a site that happened before this moment, as whole days where that is
    quick; None if there are none. On the disk when it returns, or not there at all.

    Raises OSError when the disk is full or refuses.
    """
    if _next(site, 0, before) is None:
        return None
    written = Written(site)
    path = written.path
    partial = path.with_suffix(".part")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            _fill(file, written, before)
            file.flush()
            os.fsync(file.fileno())
        if not written.rows:  # somebody else dropped them meanwhile
            return None
        partial.rename(path)
        for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
            _sync(folder)
    finally:
        partial.unlink(missing_ok=True)
    return written


def _fill(file: Any, written: Written, before: int) -> None:
    measured = _Measured(file)
    # Without a name and a time, which would be another each time.
    with gzip.GzipFile(
        filename="", mode="wb", compresslevel=LEVEL, fileobj=measured, mtime=0
    ) as lines:
        head = {"candor_archive": FORMAT, "id": str(written.id), "site": str(written.site.id)}
        lines.write(_line(head))
        for kind, rows in _pages(written.site, before, written):
            lines.write(b"".join(_line(_shown(kind, row)) for row in rows))
            written.note(kind, [getattr(row, MOMENTS[kind].key) for row in rows])
    written.size, written.checksum = measured.size, measured.digest.hexdigest()


def _pages(site: Site, before: int, written: Written) -> Iterator[tuple[str, Sequence[Any]]]:
    """A day after the other, the oldest first, until the file is long enough."""
    until = time.monotonic() + SLICE
    zone, begins = ZoneInfo(site.time_zone), _next(site, 0, before)
    while begins is not None and written.rows < ROWS:
        ends = min(midnight(local_day(begins, zone) + DAY, zone), before)
        for kind in MODELS:
            for rows in _rows(site, kind, begins, ends):
                yield kind, rows
                if time.monotonic() >= until:
                    return
        begins = _next(site, ends, before)


def _next(site: Site, begins: int, before: int) -> int | None:
    """When the first of the remaining rows happened."""
    found = []
    with reading(newest=True) as reader:
        for kind, moment in MOMENTS.items():
            here = (MODELS[kind].site_number == site.number, moment >= begins, moment < before)
            found.append(reader.scalar(select(func.min(moment)).where(*here)))
    return min((each for each in found if each is not None), default=None)


def _rows(site: Site, kind: str, begins: int, ends: int) -> Iterator[Sequence[Any]]:
    model, here = MODELS[kind], (MODELS[kind].site_number == site.number,)
    columns = raw.columns_of(model)
    return raw.in_pages(columns, MOMENTS[kind], begins, ends, here, size=PAGE, newest=True)


def _shown(kind: str, row: Any) -> dict[str, Any]:
    kept = {
        name: value
        for name, value in row._mapping.items()
        if value is not None and name not in OWNERS
    }
    return {"row": kind, **kept}


def _line(value: dict[str, Any]) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_as_text)
    return f"{text}\n".encode()


def _as_text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _sync(folder: Path) -> None:
    """Have the disk remember the names in it as well."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- reading --------------------------------------------------------------------------------------


def check(archive: Archive) -> None:
    """Raises Unusable unless the file is, to the last bit, the one that was written."""
    try:
        with archive.path.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Unusable(f"{archive.path} cannot be read: {error.strerror}.") from error
    if found != archive.checksum:
        raise Unusable(
            f"{archive.path} was changed: its SHA-256 is {found}, "
            f"and was {archive.checksum} when it was written."
        )
    with gzip.open(archive.path) as lines:
        if json.loads(next(lines)).get("candor_archive") != FORMAT:
            raise Unusable(f"{archive.path} was written by another version of Candor.")


def pages_in(archive: Archive) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """What the lines of a file that was checked say, some of one table at a time."""
    with gzip.open(archive.path, "rt", encoding="utf-8") as lines:
        next(lines)
        for some in batched(map(json.loads, lines), PAGE):
            for kind in MODELS:
                rows = [each for each in some if each["row"] == kind]
                if rows:
                    yield kind, rows


def kept_columns(model: Any) -> list[str]:
    """Those that stand in a file."""
    return [column.name for column in model.__table__.c if column.name not in OWNERS]


def reader_of(archive: Archive, kind: str) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """Makes of a line its row as it was in the database: the owners, then `kept_columns`."""
    table = MODELS[kind].__table__
    owners = (archive.organization_id, archive.site.number)
    columns = [(name, _conversion(table.c[name])) for name in kept_columns(MODELS[kind])]

    def read(shown: dict[str, Any]) -> tuple[Any, ...]:
        if kind == "session" and shown["exit_url"] == shown["entry_url"]:
            shown = {**shown, "exit_url": ""}  # a file says it, the table does not
        said = ((shown.get(name), convert) for name, convert in columns)
        return *owners, *(value if value is None else convert(value) for value, convert in said)

    return read


def _conversion(column: Any) -> Callable[[Any], Any]:
    if isinstance(column.type, Guid):
        return UUID
    return bytes.fromhex if isinstance(column.type, LargeBinary) else _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


# --- what nobody needs any more -------------------------------------------------------------------


@subscribe(SiteRemoved)
def _remove_with_site(announcement: SiteRemoved) -> None:
    _remove_after_commit(folder_of(announcement.site.organization_id, announcement.site.id))


@subscribe(OrganizationDeleted)
def _remove_with_organization(announcement: OrganizationDeleted) -> None:
    _remove_after_commit(folder_of(announcement.organization.id))


def _remove_after_commit(folder: Path) -> None:
    after_commit(lambda: shutil.rmtree(folder, ignore_errors=True))


def sweep_files() -> None:
    """Files without a row go: half-written ones, those whose writer was killed before he could say
    so (their rows are all in the database), and those of what was deleted."""
    for folder in archives_folder().glob("*/*"):
        old = [path for path in folder.iterdir() if _is_abandoned(path)]
        for some in batched(old, ASKED):
            _sweep(some)
        if _is_abandoned(folder):
            with suppress(OSError):
                folder.rmdir()


def _sweep(paths: list[Path]) -> None:
    named = {path: parsed_uuid(path.name.partition(".")[0]) for path in paths}
    ids = [each for each in named.values() if each is not None]
    with system() as connection:
        known = set(connection.scalars(select(Archive.id).where(Archive.id.in_(ids))))
    for path, archive_id in named.items():
        if archive_id is not None and (path.suffix == ".part" or archive_id not in known):
            path.unlink(missing_ok=True)
            log.info("archive_file_swept", path=str(path))


def _is_abandoned(path: Path) -> bool:
    with suppress(OSError):
        return time.time() - path.stat().st_mtime > ABANDONED
    return False
