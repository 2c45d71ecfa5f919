"""REST: the visits of a site, page by page, and one of them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from tests.tracking.arriving import DIRECT, MINUTE, NOON

DAY = datetime.fromtimestamp(NOON / 1000, UTC).date().isoformat()
GERMAN = DIRECT._replace(
    country="DE", region="Holstein", city="Kiel", channel="email", utm_source="letter"
)
SHOP = "https://shop.acme.example"


def iso(minute):
    at = datetime.fromtimestamp((NOON + minute * MINUTE) / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def ask(client, acme):
    def ask(path="", **query):
        query = {"site_id": str(acme.site_id), "from": DAY, "to": DAY, **query}
        return client.get(
            f"/api/v1/analytics/sessions{path}", query_string=query, headers=acme.bearer
        )

    return ask


@pytest.fixture
def visits(stocked):
    """Ada's of three minutes, later Ben's of one page; and what nobody is followed in."""
    stocked(
        lambda shelf: [
            shelf.arrival(0, "ada", url=f"{SHOP}/?mail=ada@x.example", circumstances=GERMAN),
            shelf.arrival(
                2,
                "ada",
                name="signup",
                url=f"{SHOP}/tea",
                props={"plan": "pro"},
                circumstances=GERMAN,
            ),
            shelf.arrival(3, "ada", url=f"{SHOP}/tea#cup", circumstances=GERMAN),
            shelf.arrival(5, "ben", url=f"{SHOP}/tea"),
            shelf.arrival(6, None, url=f"{SHOP}/none"),
        ]
    )


def test_each_visit_says_when_where_from_and_what_became_of_it(visits, ask):
    found = ask().json
    ben, ada = found["data"]
    assert (found["total"], found["next_cursor"]) == (2, None)
    assert {"site_id", "from", "to", "zone", "currency", "as_of"} <= set(found)
    assert ada == {
        "id": ada["id"],
        "started_at": iso(0),
        "last_at": iso(3),
        "duration": 3 * MINUTE,
        "page_views": 2,
        "events": 3,
        "bounced": False,
        "recognised": False,
        "entry_page": "/",
        "exit_page": "/tea#cup",
        "channel": "email",
        "referrer": "",
        "utm_source": "letter",
        "utm_medium": "",
        "utm_campaign": "",
        "utm_term": "",
        "utm_content": "",
        "country": "DE",
        "region": "Holstein, DE",
        "city": "Kiel, DE",
        "device": "desktop",
        "browser": "Firefox",
        "system": "Linux",
        "language": "",
    }
    assert (ben["started_at"], ben["duration"], ben["bounced"]) == (iso(5), 0, True)


def test_filters_and_days_are_those_of_every_question(visits, ask):
    _ben, ada = ask().json["data"]
    for filters in (
        "country:is:DE",
        f"region:is:{ada['region']}",
        "event:is:signup",
        ["channel:is:email", "page:contains:/tea"],
    ):
        assert [each["id"] for each in ask(f=filters).json["data"]] == [ada["id"]], filters
    assert ask(f="country:is:FR").json["data"] == []
    before = ask(**{"from": "2026-01-01", "to": "2026-01-02"}).json
    assert (before["data"], before["total"]) == ([], 0)


def test_pages_follow_each_other_also_within_one_moment_and_while_more_come(stocked, ask):
    stocked(lambda shelf: [shelf.arrival(0, f"v{number}") for number in range(7)])
    stocked(lambda shelf: [shelf.arrival(-1, "early"), shelf.arrival(0, "again")])
    all_of_them = [each["id"] for each in ask(limit=100).json["data"]]
    assert len(all_of_them) == 9
    seen, cursor = [], None
    while True:
        found = ask(limit=2, cursor=cursor).json
        assert len(found["data"]) <= 2 and found["total"] >= 9
        seen += [each["id"] for each in found["data"]]
        cursor = found["next_cursor"]
        if cursor is None:
            break
        # Whoever comes meanwhile moves nobody to another page.
        stocked(lambda shelf, name=cursor: [shelf.arrival(1, name)])
    assert seen == all_of_them


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"f": "weather:is:bad"}, "f"),
        ({"f": "country:equals:DE"}, "f"),
        ({"zone": "Europe/Atlantis"}, "zone"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2020-01-01"}, "to"),
        ({"from": "", "to": "", "period": "ever"}, "period"),
    ],
)
def test_a_question_that_makes_no_sense_is_a_400_that_names_the_field(ask, query, field):
    answer = ask(**query)
    assert answer.status_code == 400
    assert answer.json["error"]["details"] == {"field": field}


def test_a_limit_or_a_cursor_that_is_none_is_a_400(ask):
    for limit in ("0", "101", "x"):
        answer = ask(limit=limit)
        assert answer.status_code == 400 and "limit" in answer.json["error"]["details"]
    packed = base64.urlsafe_b64encode(b"\xff" * 23).decode()
    for cursor in ("AAAA", "_" * 22, "a" * 200, "é", "..", packed):
        answer = ask(cursor=cursor)
        assert answer.status_code == 400, cursor
        assert answer.json["error"]["code"] == "bad_cursor"
    assert ask(cursor="_" * 32).json["data"] == []


def test_one_visit_is_told_in_the_order_in_which_it_happened(visits, ask):
    _ben, ada = ask().json["data"]
    told = ask(f"/{ada['id']}").json
    timeline = told.pop("timeline")
    assert told == ada
    assert [(each["name"], each["url"], each["at"]) for each in timeline] == [
        ("page_view", f"{SHOP}/?mail=ada@x.example", iso(0)),
        ("signup", f"{SHOP}/tea", iso(2)),
        ("page_view", f"{SHOP}/tea#cup", iso(3)),
    ]
    assert timeline[1]["props"] == {"plan": "pro"}
    assert ask("/01a2278f-d23e-7bce-ab1c-88b6d11b6df9").status_code == 404
    assert ask(f"/{ada['id']}", site_id="x").status_code == 400
