"""What is dropped is in a file before, and comes back from it as it was."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from itertools import count
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
import time_machine
from sqlalchemy import select, update

from app.accounts.jobs import delete_organizations
from app.accounts.models import AuditEntry, Organization
from app.analytics import archives, forgetting, raw, rollups
from app.analytics.archives import Unusable, sweep_files
from app.analytics.forgetting import forget_raw, forget_raw_of
from app.analytics.models import Archive, DayRollup, RollupRun
from app.analytics.models.archive import archives_folder, folder_of
from app.analytics.restoring import Unknown, restore
from app.core import clock
from app.core.db import db
from app.sites.models import Site
from app.tracking.models import Event, Session
from tests.services import ROOT
from tests.tracking.arriving import DIRECT, MINUTE

DAY = 24 * 60 * MINUTE
KEPT = 30  # days
MODELS = (Session, Event)


@pytest.fixture
def happened(shelf, site):
    """Two visits and something without a visit on each of the last forty days, added up."""
    now = clock.milliseconds()
    french = DIRECT._replace(country="FR", parameters={"gclid": "é“x”"}, masked_address="192.0.2.0")
    for days in range(40):
        at = now - days * DAY - 20 * MINUTE
        bought = {"order_id": f"o{days}", "note": 'a "quoted"\nline\u2028', "price": 1.5, "n": 3}
        shelf.store(
            *(shelf.arrival(0, f"ada{days}", at=at + n) for n in range(3)),
            shelf.arrival(0, f"ben{days}", at=at, circumstances=french, title="Tea – 茶"),
            shelf.arrival(
                0, f"ben{days}", at=at + 9, name="buy", props=bought, amount=4900, currency="EUR"
            ),
            shelf.arrival(0, None, at=at + 5, name="signup", experiments={"e": "b"}, by_api=True),
        )
    rollups.roll_up(site, at_once=True)


@pytest.fixture
def archiving(site):
    db.session.get_one(Organization, site.organization_id).keep_events(KEPT, archives=True)
    db.session.commit()


@pytest.fixture
def day_by_day(monkeypatch):
    """Each day has a file of its own."""
    monkeypatch.setattr(archives, "ROWS", 1)


def raw_rows():
    """Each raw row whole, by its table and id."""
    db.session.rollback()
    return {
        (model.__tablename__, row["id"]): dict(row)
        for model in MODELS
        for row in db.session.execute(select(*raw.columns_of(model))).mappings()
    }


def added_up():
    db.session.rollback()
    rows = db.session.execute(select(DayRollup.day, DayRollup.part, DayRollup.data))
    return {(row.day, row.part): bytes(row.data) for row in rows}


def all_archives():
    db.session.rollback()
    return list(db.session.scalars(select(Archive).order_by(Archive.first_at)))


def run_of(site):
    db.session.rollback()
    return db.session.scalars(select(RollupRun).filter_by(site_number=site.number)).one()


def ids_in(archive):
    with gzip.open(archive.path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][1:]
    return [(f"{row['row']}s", UUID(row["id"])) for row in rows]


def two_hours_old(path):
    long_ago = time.time() - 2 * 3600
    os.utime(path, (long_ago, long_ago))


def test_what_was_archived_comes_back_as_it_was_and_adds_up_to_the_same(site, happened, archiving):
    rows, sums = raw_rows(), added_up()
    forget_raw()
    left = raw_rows()
    [archive] = all_archives()
    assert rows.keys() - left.keys() == set(ids_in(archive)) and len(left) < len(rows)
    assert (archive.sessions + archive.events, archive.state) == (len(rows) - len(left), "away")
    assert archive.checksum == sha256(archive.path.read_bytes()).hexdigest()
    assert archive.size == archive.path.stat().st_size
    assert archive.path.stat().st_mode & 0o077 == 0
    assert added_up() == sums
    restored = restore(archive.id)
    assert raw_rows() == rows
    assert rollups.roll_up(site, at_once=True) == 0
    assert added_up() == sums
    assert (
        db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)).all()[-1]
        == "archive.restored"
    )
    assert restored.whole_since is None and run_of(site).raw_since is None
    assert rollups.rebuild(site) >= 40
    assert added_up() == sums


def test_days_are_open_again_only_as_far_as_no_row_is_missing(
    site, happened, archiving, day_by_day
):
    rows, sums = raw_rows(), added_up()
    forget_raw()
    made = all_archives()
    assert len(made) > 8
    closed = run_of(site).raw_since
    assert restore(made[0].id).whole_since == closed
    assert restore(made[-1].id).whole_since == made[-1].first_day
    assert run_of(site).raw_since == made[-1].first_day < closed
    rollups.rebuild(site)
    assert added_up() == sums
    for archive in reversed(made[1:-1]):
        restore(archive.id)
    assert run_of(site).raw_since is None
    assert raw_rows() == rows
    rollups.rebuild(site)
    assert added_up() == sums


def test_days_that_lost_rows_without_an_archive_stay_closed(site, happened, archiving, day_by_day):
    sums = added_up()
    forget_raw_of(site, 35, time.monotonic() + 10)
    forget_raw_of(site, 30, time.monotonic() + 10, archive=True)
    lost = run_of(site).lost_before
    for archive in all_archives():
        assert archive.first_day >= lost
        restore(archive.id)
    assert run_of(site).raw_since == lost
    rollups.rebuild(site)
    assert added_up() == sums


def test_each_turn_goes_on_behind_what_is_gone_however_short_it_is(
    site, happened, archiving, monkeypatch
):
    """By a clock that moves on whenever somebody looks at it."""
    monkeypatch.setattr(archives, "PAGE", 5)
    monkeypatch.setattr(forgetting, "time", SimpleNamespace(monotonic=count(1).__next__))
    before = len(raw_rows())
    left = [before]
    while len(left) < 3 or left[-1] < left[-2]:
        forget_raw_of(site, KEPT, forgetting.time.monotonic() + 4, archive=True)
        left.append(len(raw_rows()))
    [archive] = all_archives()
    assert archive.state == "away" and before - left[-1] == archive.sessions + archive.events


def test_nothing_is_archived_unless_it_is_wanted(site, happened):
    db.session.get_one(Organization, site.organization_id).keep_events(KEPT)
    db.session.commit()
    forget_raw()
    assert all_archives() == []
    assert not folder_of(site.organization_id).exists()
    assert run_of(site).lost_before == run_of(site).raw_since


def test_rows_that_are_back_stay_for_a_week_and_go_without_another_archive(
    site, happened, archiving
):
    forget_raw()
    [archive] = all_archives()
    identifier, held, content = archive.id, set(ids_in(archive)), archive.path.read_bytes()
    restore(identifier)
    restore(identifier)
    rows = raw_rows()
    with time_machine.travel(clock.now() + timedelta(days=6, hours=23), tick=True):
        forget_raw()
        assert raw_rows() == rows
        rollups.rebuild(site)
    with time_machine.travel(clock.now() + timedelta(days=7, minutes=1), tick=True):
        forget_raw()
        assert not held & raw_rows().keys()
        again = db.session.get_one(Archive, identifier)
        assert again.state == "away" and again.path.read_bytes() == content
        # What became too old meanwhile is in files of its own.
        assert not held & {each for other in all_archives()[1:] for each in ids_in(other)}


def test_rows_that_are_back_stay_if_more_is_kept_now(site, happened, archiving):
    forget_raw()
    [archive] = all_archives()
    restore(archive.id)
    rows = raw_rows()
    with time_machine.travel(clock.now() + timedelta(days=8), tick=True):
        db.session.get_one(Organization, site.organization_id).keep_events(90, archives=True)
        db.session.commit()
        forget_raw()
        assert raw_rows() == rows


def test_when_the_time_is_over_no_file_is_read(site, happened, archiving, monkeypatch):
    forget_raw()
    [archive] = all_archives()
    archive.dropped_at = None
    db.session.commit()
    read, check = [], archives.check
    monkeypatch.setattr(archives, "check", lambda each: (read.append(each.id), check(each)))
    forget_raw_of(site, KEPT, time.monotonic(), archive=True)
    assert read == [] and all_archives()[0].state == "leaving"
    forget_raw_of(site, KEPT, time.monotonic() + 10, archive=True)
    assert read == [archive.id] and all_archives()[0].state == "away"


def test_only_rows_that_went_are_counted(site, happened, archiving):
    before = raw_rows()
    gone = forget_raw_of(site, KEPT, time.monotonic() + 10, archive=True)
    assert gone == len(before) - len(raw_rows()) > 0
    [archive] = all_archives()
    archive.dropped_at = None
    db.session.commit()
    assert forget_raw_of(site, KEPT, time.monotonic() + 10, archive=True) == 0
    assert all_archives()[0].state == "away"


def test_an_exit_that_is_the_entrys_comes_back_as_empty_as_it_was(shelf, site, archiving):
    old = clock.milliseconds() - 40 * DAY
    shelf.store(shelf.arrival(0, "ada", at=old))
    shelf.store(*(shelf.arrival(n, "ben", at=old + n * MINUTE) for n in range(2)))
    rollups.roll_up(site, at_once=True)
    exits = select(Session.id, Session.left_from, Session.exit_url).order_by(Session.id)
    before = db.session.execute(exits).all()
    assert [bool(each.left_from) for each in before].count(True) == 1
    forget_raw()
    assert db.session.execute(exits).all() == []
    restore(all_archives()[0].id)
    assert db.session.execute(exits).all() == before


def test_a_file_that_was_changed_is_not_restored(site, happened, archiving):
    forget_raw()
    [archive] = all_archives()
    left, whole = raw_rows(), archive.path.read_bytes()
    for broken in (whole[:-1], whole + b"x", whole[:500] + b"?" + whole[501:]):
        archive.path.write_bytes(broken)
        with pytest.raises(Unusable, match="was changed: its SHA-256 is"):
            restore(archive.id)
    archive.path.unlink()
    with pytest.raises(Unusable, match="cannot be read: No such file"):
        restore(archive.id)
    assert raw_rows() == left and all_archives()[0].state == "away"


def test_rows_do_not_go_by_a_file_that_was_changed_before_they_did(
    site, happened, archiving, monkeypatch
):
    rows, drop = raw_rows(), forgetting._drop_archived

    def drop_later(site, archive, *rest):
        archive.path.write_bytes(archive.path.read_bytes()[:-1])
        monkeypatch.setattr(forgetting, "_drop_archived", drop)
        return drop(site, archive, *rest)

    monkeypatch.setattr(forgetting, "_drop_archived", drop_later)
    forget_raw()
    _bad, good = sorted(all_archives(), key=lambda each: each.id)
    assert rows.keys() - raw_rows().keys() == set(ids_in(good))


KILLED = """
import os, signal, sys
from app import create_app
from app.analytics import archives, forgetting

module, name, after = sys.argv[1:]
module = {"archives": archives, "forgetting": forgetting}[module]
real, calls = getattr(module, name), []

def die(*arguments, **options):
    calls.append(1)
    if len(calls) > int(after):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **options)

setattr(module, name, die)
archives.ROWS, archives.PAGE = 20, 7
with create_app().app_context():
    forgetting.forget_raw()
"""


@pytest.mark.parametrize(
    ("module", "seam", "after"),
    [
        ("archives", "_line", 12),  # a file is half written
        ("archives", "_sync", 0),  # it has its name
        ("forgetting", "_commit", 1),  # it has no row
        ("forgetting", "_drop_archived", 1),  # it has one
        ("forgetting", "_drop_exactly", 1),  # some of its rows are gone
        ("forgetting", "_set", 0),  # all of them are
    ],
)
def test_a_kill_loses_no_row(environ, site, happened, archiving, module, seam, after):
    rows, sums = raw_rows(), added_up()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, module, seam, str(after)],
        env={**os.environ, **environ},
        cwd=ROOT,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    assert rows.keys() == raw_rows().keys() | everything_in(all_archives())
    forget_raw()
    made = all_archives()
    assert {each.state for each in made} == {"away"}
    assert rows.keys() == raw_rows().keys() | everything_in(made)
    assert not raw_rows().keys() & everything_in(made)
    for path in folder_of(site.organization_id, site.id).iterdir():
        two_hours_old(path)
    sweep_files()
    kept = {path.name for path in folder_of(site.organization_id, site.id).iterdir()}
    assert kept == {archive.path.name for archive in made}
    for archive in made:
        restore(archive.id)
    assert raw_rows() == rows
    rollups.rebuild(site)
    assert added_up() == sums


def everything_in(made):
    return {each for archive in made for each in ids_in(archive)}


def test_what_comes_between_archive_and_drop_waits_for_the_next(
    site, shelf, happened, archiving, monkeypatch
):
    first = select(Session.id, Session.last_at).order_by(Session.started_at)
    visit_id, last_at = db.session.execute(first).first()
    late = shelf.arrival(0, None, at=last_at + MINUTE)
    drop = forgetting._drop_archived
    seen = []

    def meanwhile(site, archive, *rest):
        monkeypatch.setattr(forgetting, "_drop_archived", drop)
        shelf.store(late)
        # As when an event of bots is given back: its visit counts one more.
        counted = update(Session).where(Session.id == visit_id)
        db.session.execute(counted.values(events=Session.events + 1, last_at=last_at + MINUTE))
        db.session.commit()
        seen.append(raw_rows())
        gone = drop(site, archive, *rest)
        assert gone == len(seen[0]) - len(raw_rows())
        assert {("sessions", visit_id), ("events", late.id)} <= raw_rows().keys()
        return gone

    monkeypatch.setattr(forgetting, "_drop_archived", meanwhile)
    forget_raw()
    made = sorted(all_archives(), key=lambda each: each.id)
    assert len(made) == 2
    assert set(ids_in(made[1])) == {("sessions", visit_id), ("events", late.id)}
    for archive in made:
        restore(archive.id)
    assert raw_rows() == seen[0]
    for archive in reversed(made):
        restore(archive.id)
    assert raw_rows() == seen[0]


def test_nothing_is_dropped_while_the_file_cannot_be_written(acme, inside, stocked, sign_in):
    old = clock.milliseconds() - 40 * DAY
    stocked(lambda shelf: [shelf.arrival(0, "ada", at=old)])

    def forget():
        with inside(acme):
            site = db.session.get_one(Site, acme.site_id)
            forget_raw_of(site, KEPT, time.monotonic() + 10, archive=True)
            return len(raw_rows())

    with inside(acme):
        db.session.get_one(Organization, acme.id).keep_events(KEPT, archives=True)
        db.session.commit()
        folder = folder_of(acme.id)
        folder.parent.mkdir(exist_ok=True)
        folder.write_text("in the way")
    assert forget() == 2
    alice, path = sign_in("alice@acme.example"), f"/o/{acme.slug}/settings/archives"
    page = alice.get(path).text
    assert "Nothing of Acme shop is dropped at present" in page
    assert "could not be written: Not a directory." in page
    folder.unlink()
    assert forget() == 0
    assert "is dropped at present" not in alice.get(path).text


def test_a_full_disk_leaves_no_half_file(site, happened, archiving, monkeypatch):
    rows = raw_rows()

    class Full(archives._Measured):
        def write(self, data):
            if self.size > 100:
                raise OSError(28, "No space left on device")
            return super().write(data)

    monkeypatch.setattr(archives, "_Measured", Full)
    forget_raw()
    assert raw_rows() == rows and all_archives() == []
    assert run_of(site).archive_problem == "No space left on device"
    assert list(folder_of(site.organization_id, site.id).iterdir()) == []


def test_a_day_that_is_opened_while_it_is_added_up_is_read_anew(
    site, happened, archiving, acme, inside, monkeypatch
):
    sums = added_up()
    forget_raw()
    [archive] = all_archives()
    rollups.mark(db.session, site, [archive.first_at])
    db.session.commit()
    is_closed, asked, identifier = rollups._is_closed, [], archive.id

    def closed(day, raw_since):
        asked.append(day)
        answer = is_closed(day, raw_since)
        if len(asked) == 1:
            assert answer
            with ThreadPoolExecutor(1) as pool:
                pool.submit(put_back).result()
        return answer

    def put_back():
        with inside(acme):
            restore(identifier)

    monkeypatch.setattr(rollups, "_is_closed", closed)
    rollups.roll_up(site, at_once=True)
    assert added_up() == sums
    rollups.roll_up(site, at_once=True)
    assert added_up() == sums and len(asked) == 4


def test_files_that_nobody_knows_are_swept_after_an_hour(site, happened, archiving):
    forget_raw()
    [archive] = all_archives()
    folder = archive.path.parent
    orphans = [folder / f"{uuid4()}.jsonl.gz", folder / f"{uuid4()}.jsonl.part"]
    for path in (*orphans, folder / "notes.txt"):
        path.write_text("?")
    sweep_files()
    assert all(path.exists() for path in orphans)
    for path in folder.iterdir():
        two_hours_old(path)
    sweep_files()
    assert {path.name for path in folder.iterdir()} == {archive.path.name, "notes.txt"}


def test_files_go_with_their_site_and_their_organization(
    app, site, happened, archiving, acme, inside
):
    forget_raw()
    folder = folder_of(site.organization_id, site.id)
    assert len(list(folder.iterdir())) == 1
    site.remove()
    db.session.rollback()
    assert folder.exists()
    db.session.get_one(Site, acme.site_id).remove()
    db.session.commit()
    assert not folder.exists() and all_archives() == []
    other = folder_of(acme.id, uuid4())
    other.mkdir(parents=True)
    organization = db.session.get_one(Organization, acme.id)
    organization.deletion_at = clock.now()
    db.session.commit()
    with app.app_context():
        delete_organizations()
    assert not folder_of(acme.id).exists() and archives_folder().exists()


@pytest.fixture
def kept_archive(app, acme, inside, stocked):
    """An archive of Acme's, as plain values: its id and its content."""
    old = clock.milliseconds() - 40 * DAY
    stocked(lambda shelf: [shelf.arrival(0, "ada", at=old + n) for n in range(3)])
    with inside(acme):
        site = db.session.get_one(Site, acme.site_id)
        forget_raw_of(site, KEPT, time.monotonic() + 10, archive=True)
        [archive] = all_archives()
        return archive.id, archive.path.read_bytes(), archive.checksum


def test_an_owner_downloads_and_deletes_an_archive(acme, inside, sign_in, kept_archive):
    identifier, content, checksum = kept_archive
    alice, path = sign_in("alice@acme.example"), f"/o/{acme.slug}/settings/archives"
    assert checksum[:12] in alice.get(path).text
    shown = alice.get(f"{path}/{identifier}").text
    assert checksum in shown and f"candor restore-archive {identifier}" in shown
    answer = alice.post(f"{path}/{identifier}/file")
    assert answer.data == content and answer.content_type == "application/gzip"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=archive-2")
    assert answer.headers["Content-Length"] == str(len(content))
    with inside(acme):
        archive = db.session.get_one(Archive, identifier)
        file, after = archive.path, archive.last_day + timedelta(days=1)
        file.rename(file.with_suffix(".away"))
    assert alice.post(f"{path}/{identifier}/file").status_code == 404
    assert "The file is not on this machine" in alice.get(f"{path}/{identifier}").text
    file.with_suffix(".away").rename(file)
    assert alice.post(f"{path}/{identifier}/deletion").status_code == 302
    assert not file.exists()
    assert "No archive yet" in alice.get(path).text
    with inside(acme):
        said = db.session.scalars(select(AuditEntry).order_by(AuditEntry.number)).all()
        assert [each.action for each in said][-2:] == ["archive.downloaded", "archive.removed"]
        assert db.session.scalars(select(RollupRun.lost_before)).one() == after


def test_what_is_downloaded_is_the_file_as_it_is(acme, inside, sign_in, kept_archive):
    identifier, content, _checksum = kept_archive
    with inside(acme):
        db.session.get_one(Archive, identifier).path.write_bytes(content + b"more")
    path = f"/o/{acme.slug}/settings/archives/{identifier}/file"
    answer = sign_in("alice@acme.example").post(path)
    assert answer.data == content + b"more"
    assert answer.headers["Content-Length"] == str(len(content) + 4)
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_archive_whose_rows_are_in_the_database_is_not_deleted(
    acme, inside, sign_in, kept_archive
):
    with inside(acme):
        restore(kept_archive[0])
    alice, path = sign_in("alice@acme.example"), f"/o/{acme.slug}/settings/archives"
    assert "Restored" in alice.get(path).text
    answer = alice.post(f"{path}/{kept_archive[0]}/deletion")
    assert answer.status_code == 409
    assert "Its rows are in the database at present" in answer.text


@pytest.mark.parametrize("whole", [True, False])
def test_an_archive_whose_rows_stay_in_the_database_is_deleted_without_them(
    acme, inside, sign_in, kept_archive, whole
):
    with inside(acme):
        restore(kept_archive[0])
        rows = raw_rows()
        archive, lost = all_archives()[0], db.session.scalar(select(RollupRun.lost_before))
        after = archive.last_day + timedelta(days=1)
        if not whole:  # the command was killed half way
            archive.dropped_at = clock.now()
            db.session.commit()
    path = f"/o/{acme.slug}/settings/archives/{kept_archive[0]}"
    with time_machine.travel(clock.now() + timedelta(days=8), tick=True):
        alice = sign_in("alice@acme.example")
        shown = alice.get(path).text
        assert "then they go again" not in shown
        assert ("Only the file is deleted" in shown) == whole
        assert alice.post(f"{path}/deletion").status_code == 302
    with inside(acme):
        assert raw_rows() == rows and all_archives() == []
        assert db.session.scalar(select(RollupRun.lost_before)) == (lost if whole else after)


def test_an_archive_whose_rows_are_leaving_is_deleted_once_they_are_kept(
    acme, inside, sign_in, kept_archive
):
    with inside(acme):
        db.session.get_one(Organization, acme.id).keep_events(KEPT, archives=True)
        db.session.get_one(Archive, kept_archive[0]).dropped_at = None
        db.session.commit()
    alice, path = sign_in("alice@acme.example"), f"/o/{acme.slug}/settings/archives"
    assert alice.post(f"{path}/{kept_archive[0]}/deletion").status_code == 409
    with inside(acme):
        db.session.get_one(Organization, acme.id).keep_events(None)
        db.session.commit()
    assert alice.post(f"{path}/{kept_archive[0]}/deletion").status_code == 302
    with inside(acme):
        assert db.session.scalars(select(RollupRun.lost_before)).one() is not None


@pytest.mark.parametrize("module, name", [(archives, "check"), (archives, "pages_in")])
def test_rows_do_not_go_by_an_archive_that_was_just_deleted(
    site, happened, archiving, acme, inside, monkeypatch, module, name
):
    forget_raw()
    identifier = all_archives()[0].id
    restore(identifier)
    rows, real = raw_rows(), getattr(module, name)

    def deleted_meanwhile(archive):
        answer = real(archive)
        answer = answer if answer is None else iter(list(answer))
        monkeypatch.setattr(module, name, real)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(delete_it).result()
        return answer

    def delete_it():
        with inside(acme):
            # As when more is kept from now on.
            db.session.get_one(Organization, acme.id).keep_events(None)
            db.session.get_one(Archive, identifier).remove()
            db.session.commit()

    with time_machine.travel(clock.now() + timedelta(days=8), tick=True):
        monkeypatch.setattr(module, name, deleted_meanwhile)
        forget_raw()
    assert rows.keys() == raw_rows().keys() | everything_in(all_archives())


def test_a_stranger_finds_no_archive(acme, umbrella, sign_in, kept_archive):
    charlie = sign_in("charlie@umbrella.example")
    for slug in (acme.slug, umbrella.slug):
        path = f"/o/{slug}/settings/archives/{kept_archive[0]}"
        assert charlie.get(path).status_code == 404
        assert charlie.post(f"{path}/file").status_code == 404
        assert charlie.post(f"{path}/deletion").status_code == 404
    assert "No archive yet" in charlie.get(f"/o/{umbrella.slug}/settings/archives").text


def test_an_owner_says_that_what_is_dropped_is_archived(acme, sign_in, inside):
    alice, path = sign_in("alice@acme.example"), f"/o/{acme.slug}/settings"
    assert " checked" not in alice.get(path).text
    form = {"events_kept_days": "90", "keeps_archives": "y"}
    assert alice.post(f"{path}/retention", form).status_code == 302
    assert " checked" in alice.get(path).text
    with inside(acme):
        assert db.session.get_one(Organization, acme.id).keeps_archives
    alice.post(f"{path}/retention", {"events_kept_days": "90"})
    with inside(acme):
        assert not db.session.get_one(Organization, acme.id).keeps_archives


def test_the_command_restores_and_says_what_it_did_or_why_not(environ, acme, inside, kept_archive):
    def candor(identifier):
        return subprocess.run(
            [sys.executable, "-m", "app.cli", "restore-archive", str(identifier)],
            env={**os.environ, **environ},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )

    identifier = kept_archive[0]
    done = candor(identifier)
    assert done.returncode == 0, done.stderr
    assert "Acme shop: 3 events and 1 visits are back until" in done.stdout
    assert "All days can be rebuilt." in done.stdout
    with inside(acme):
        assert len(raw_rows()) == 4
        db.session.get_one(Archive, identifier).path.write_bytes(b"something else")
    changed = candor(identifier)
    assert changed.returncode == 1
    assert "nothing was restored" in changed.stderr and "was changed" in changed.stderr
    with inside(acme), pytest.raises(Unknown):
        restore(uuid4())
