"""Imports of tables: looked at first, each row once, never called verified, and taken back whole."""

from __future__ import annotations

import csv
import io
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest

from app.core import clock
from app.core.db import db
from app.proof import imports
from app.proof.imports import Import
from app.proof.jobs import forget_uploads, sweep_imports
from app.proof.models import Activity

HEADER = "Order no,Date,First name,Email,Product,City,Country"
ROW = "1001,2026-01-05 10:00,Ada,ada@customers.example,Darjeeling,Lyon,FR"


@pytest.fixture
def alice(acme, sign_in):
    return sign_in("alice@acme.example")


@pytest.fixture
def upload(alice, acme):
    """Upload a file; answers the response and, where it was taken, the page of its import."""
    token = alice.token("/sign-in")

    def send(content, name="orders.csv", **form):
        raw = content if isinstance(content, bytes) else content.encode()
        data = {"site_id": str(acme.site_id), "type": "purchase", "csrf_token": token, **form}
        data["file"] = (io.BytesIO(raw), name)
        answer = alice.client.post(f"/o/{acme.slug}/activities/imports", data=data)
        return answer, answer.headers.get("Location")

    return send


@pytest.fixture
def confirm(alice, work):
    def begin(page, columns=None, type="purchase"):
        form = {"type": type, **(columns or selected(alice.get(page).text))}
        answer = alice.post(f"{page}/confirmation", form)
        work()
        return answer

    return begin


def selected(text):
    """What the selects of a preview say, as a browser would send them."""
    found = {}
    for part in text.split('name="column_')[1:]:
        place, rest = part.split('"', 1)
        chosen = rest.split("</select>")[0].split("<option selected value=")
        found[f"column_{place}"] = chosen[1].split('"')[1] if len(chosen) > 1 else ""
    return found


def activities(client, acme):
    return client.get("/api/v1/activities?limit=100", headers=acme.bearer).json["data"]


def definition(text, term):
    return text.split(f"<dt>{term}</dt><dd>")[1].split("</dd>")[0]


def test_a_table_is_previewed_confirmed_and_becomes_activities(
    client, acme, alice, upload, confirm, inside, rows
):
    answer, page = upload(f"{HEADER}\n{ROW}\n1002,2026-01-06,Ben,,Pot,Porto,PT\n")
    assert answer.status_code == 302
    preview = alice.get(page).text
    assert definition(preview, "Activities") == "2" and "Import 2 rows" in preview
    assert activities(client, acme) == []
    assert confirm(page).status_code == 302
    made = activities(client, acme)
    assert {row["strength"] for row in made} == {"manual"} and len(made) == 2
    assert "2 of 2" in alice.get(page).text
    with inside(acme):
        imported = db.session.query(Import).one()
        assert imported.upload is None and imported.state == "done"
        first = db.session.query(Activity).filter_by(external_id="1001").one()
        assert first.first_name == "Ada" and first.city == "Lyon"
        assert first.occurred_at.isoformat() == "2026-01-05T10:00:00+00:00"
    receipt = client.get(f"/proof/{made[0]['receipt']}", headers={"Accept": "application/json"})
    assert receipt.json["verified"] is False and receipt.json["source"] == "csv"


GERMAN = "Bestellnummer;Datum;Vorname;Artikel;Ort\n7;05.01.2026;Jörg;Grüner Tee;Köln\n"


@pytest.mark.parametrize(
    "raw",
    [
        GERMAN.encode(),
        GERMAN.encode("utf-8-sig"),
        GERMAN.encode("utf-16"),
        GERMAN.encode("utf-16-le"),
        GERMAN.encode("cp1252"),
        GERMAN.replace(";", "\t").encode("cp1252"),
        GERMAN.replace(";", ",").replace("\n", "\r\n").encode(),
        GERMAN.replace("\n", "\r").encode(),
        ("sep=;\n" + GERMAN).encode(),
    ],
)
def test_encodings_and_separators_are_recognised(acme, upload, confirm, inside, raw):
    _answer, page = upload(raw)
    confirm(page)
    with inside(acme):
        [activity] = db.session.query(Activity).all()
        assert (activity.first_name, activity.city) == ("Jörg", "Köln")
        assert activity.product["name"] == "Grüner Tee" and activity.external_id == "7"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty"),
        (b" \n\n ", "empty"),
        (b"a,b\n", "no rows"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00", "not a text file"),
        (b"a,b\n" + b"1,2\n" * 10_001, "10,000 rows"),
        (b"a," * 101 + b"\n" + b"1," * 101 + b"\n", "100 columns"),
        (b'a,b\n"' + b"x" * 200_000, "too large"),
        (b"a,b\n" + b"x" * (5 * 1024 * 1024), "5 MB"),
    ],
)
def test_a_file_that_is_no_table_comes_back_with_the_reason(upload, rows, content, complaint):
    before = rows()
    answer, _page = upload(content)
    assert answer.status_code == 422 and complaint in answer.text
    assert rows() == before


def test_a_request_beyond_an_upload_is_refused(upload):
    answer, _page = upload(b"x" * (6 * 1024 * 1024))
    assert answer.status_code == 413


def test_rows_that_cannot_be_are_left_out_with_their_reason(
    client, acme, alice, upload, confirm, rows
):
    table = "\n".join(
        [
            HEADER,
            ROW,
            ROW.replace("Ada", "Ida"),
            "1002,,Ben,,Pot,Porto,PT",
            "1003,yesterday,Ben,,Pot,Porto,PT",
            f"1004,{clock.now() + timedelta(days=2):%Y-%m-%d},Ben,,Pot,Porto,PT",
            "1005,2026-01-06,,,,Porto,PT",
            "1006,2026-01-06,Ben,,Pot,Porto,Narnia",
            "1007,2026-01-06,Ben,no address,Pot,Porto,PT",
            '=cmd|calc!A0,2026-13-45,"@SUM(A1)",,+1,-1,PT',
            ",,,,,,",
        ]
    )
    _answer, page = upload(table)
    preview = alice.get(page).text
    assert definition(preview, "Activities") == "1"
    assert definition(preview, "Rows left out") == "8"
    assert "The same id is in row 2" in preview and "does not say when it happened" in preview
    confirm(page)
    assert len(activities(client, acme)) == 1
    report = alice.post(f"{page}/report")
    assert report.headers["Content-Disposition"].startswith("attachment")
    told = list(csv.reader(io.StringIO(report.data.decode("utf-8-sig"))))
    assert len(told) == 9 and told[0][:2] == ["Row", "Why it was left out"]
    assert told[1][0] == "3" and "same id" in told[1][1]
    assert told[-1][2:] == ["'=cmd|calc!A0", "2026-13-45", "'@SUM(A1)", "", "'+1", "'-1", "PT"]
    log = client.get("/api/v1/audit", headers=acme.bearer).json["data"]
    assert "import.report_taken" in [entry["action"] for entry in log]
    assert not [entry for entry in log if entry["action"] == "activity.created"]


def test_the_same_file_twice_doubles_nothing_also_without_ids(client, acme, alice, upload, confirm):
    table = "date,product,first name\n2026-01-05,Tea,Ada\n2026-01-05,Tea,Ben\n"
    for _ in range(2):
        _answer, page = upload(table)
        confirm(page)
    assert len(activities(client, acme)) == 2
    shown = alice.get(page).text
    assert definition(shown, "New activities") == "0" and definition(shown, "Known before") == "2"


def test_columns_can_mean_something_else(acme, alice, upload, confirm, inside):
    _answer, page = upload("a,b,c\n2026-01-05,Ada,Tea\n")
    assert definition(alice.get(page).text, "Activities") == "0"
    columns = {"column_0": "occurred_at", "column_1": "first_name", "column_2": "first_name"}
    twice = alice.post(f"{page}/columns", {"type": "signup", **columns})
    assert twice.status_code == 422 and "Another column is" in twice.text
    columns["column_2"] = "product_name"
    assert alice.post(f"{page}/columns", {"type": "signup", **columns}).status_code == 302
    assert definition(alice.get(page).text, "Activities") == "1"
    confirm(page, columns, "signup")
    with inside(acme):
        [activity] = db.session.query(Activity).all()
        assert (activity.type, activity.first_name) == ("signup", "Ada")


def test_an_import_is_taken_back_whole_and_can_be_made_again(
    client, acme, alice, upload, confirm, work
):
    table = "\n".join([HEADER, *(f"{n},2026-01-05,Ada,,Tea,Lyon,FR" for n in range(250))])
    _answer, page = upload(table)
    confirm(page)
    moderated = activities(client, acme)[0]
    client.delete(f"/api/v1/activities/{moderated['id']}", headers=acme.bearer)
    assert alice.post(f"{page}/undo").status_code == 302
    work()
    assert "taken back" in alice.get(page).text
    assert all(row["retracted_at"] for row in activities(client, acme))
    assert alice.post(f"{page}/undo").status_code == 422
    _answer, again = upload(table)
    confirm(again)
    # What a member took away by itself stays away.
    assert definition(alice.get(again).text, "New activities") == "249"


def test_an_import_goes_on_when_its_nudge_was_lost_and_counts_once(
    app, client, acme, upload, inside, work
):
    upload(f"{HEADER}\n{ROW}\n")
    with inside(acme):
        imported = db.session.query(Import).one()
        imported.confirm()
        imported.moved_at = clock.now() - timedelta(minutes=5)
        db.session.commit()
    for _ in range(2):
        with app.app_context():
            sweep_imports()
        work()
    assert len(activities(client, acme)) == 1


def test_an_upload_waits_a_day_encrypted(app, acme, alice, upload, inside, owner_rows):
    _answer, page = upload(f"{HEADER}\n{ROW}\n", name="Zebedee.csv")
    assert b"Darjeeling" not in owner_rows("imports") and b"Zebedee" not in owner_rows("imports")
    with inside(acme):
        db.session.query(Import).one().created_at = clock.now() - timedelta(hours=25)
        db.session.commit()
    with app.app_context():
        forget_uploads()
    with inside(acme):
        assert db.session.query(Import).one().upload is None
    assert "The file was deleted" in alice.get(page).text
    assert alice.post(f"{page}/confirmation", {"type": "purchase"}).status_code == 422


def test_confirming_twice_imports_once(client, acme, alice, upload, confirm):
    _answer, page = upload(f"{HEADER}\n{ROW}\n")
    columns = selected(alice.get(page).text)
    confirm(page, columns)
    assert confirm(page, columns).status_code == 422
    assert len(activities(client, acme)) == 1


def test_nobody_waits_while_a_file_is_read(acme, alice, upload, client, monkeypatch):
    _answer, page = upload(f"{HEADER}\n{ROW}\n")
    form = {"type": "purchase", **selected(alice.get(page).text)}
    reading, go_on, read = Event(), Event(), imports.read_facts

    def slowly(*values):
        reading.set()
        assert go_on.wait(15)
        return read(*values)

    monkeypatch.setattr(imports, "read_facts", slowly)
    with ThreadPoolExecutor(1) as pool:
        confirmed = pool.submit(alice.post, f"{page}/confirmation", form)
        try:
            assert reading.wait(5)
            began = time.monotonic()
            said = {"name": "Second", "domain": "second.acme.example"}
            assert client.post("/api/v1/sites", json=said, headers=acme.bearer).status_code == 201
            assert time.monotonic() - began < 3
        finally:
            go_on.set()
        assert confirmed.result().status_code == 302


def test_a_file_can_be_thrown_away(acme, alice, upload, inside):
    _answer, page = upload(f"{HEADER}\n{ROW}\n")
    assert alice.post(f"{page}/removal").status_code == 302
    with inside(acme):
        assert db.session.query(Import).count() == 0


def test_what_stands_in_a_file_stays_text(alice, upload):
    probe = "<script>alert(1)</script>{{7*7}}"
    table = f'"{probe}",date,product\n"{probe}",2026-01-05,"{probe}"\n"{probe}","{probe}",x\n'
    _answer, page = upload(table, name=f"{probe}.csv")
    text = alice.get(page).text
    assert "<script>alert" not in text and "{{7*7}}" in text


@pytest.fixture
def owner_rows(app):
    """The raw bytes of a table."""

    def read(name):
        with app.app_context(), db.engine.connect() as connection:
            return b"".join(
                value if isinstance(value, bytes) else str(value).encode()
                for row in connection.exec_driver_sql(f"SELECT * FROM {name}")
                for value in row
            )

    return read


@pytest.fixture
def rows(inside, acme):
    """How much Acme has."""

    def count():
        with inside(acme):
            return db.session.query(Import).count(), db.session.query(Activity).count()

    return count
