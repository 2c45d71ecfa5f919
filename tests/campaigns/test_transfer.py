"""A configuration on its way out, in, and to another site."""

from __future__ import annotations

import base64
import copy
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from PIL import Image as Pillow
from sqlalchemy import func, select

from app.accounts.models import AuditEntry
from app.campaigns.models import Campaign, Image
from app.campaigns.transfer import Transfer
from app.core import pictures, tenancy
from app.core.db import db
from app.core.pictures import read_picture
from app.sites.models import Site

PROOF = {
    "name": "Proof",
    "format": "recent_activity",
    "content": {
        "template": "{{first_name}} bought {{product}}",
        "accent": "#0f766e",
        "translations": {"de": {"template": "{{first_name}} kaufte {{product}}"}},
    },
    "triggers": {"delay": 4, "scroll": 40},
    "rules": {"include": ["/products/*"], "languages": ["de"]},
    "frequency": {"day": 3},
}
BAR = {
    "name": "Bar",
    "format": "button_bar",
    "content": {"message": "New", "link": {"url": "https://shop.example/", "label": "Look"}},
    "tracking": {"custom": {"ref": "bar"}},
    "published": True,
}
DOCUMENT = {
    "candor": 1,
    "site": {
        "language": "de",
        "person_style": "initial",
        "k": 7,
        "time_zone": "Asia/Tokyo",
        "mode": "strict",
        "parameters": ["utm_source", "ref"],
    },
    "campaigns": [PROOF, BAR],
}


@pytest.fixture
def other(app, acme):
    """A second site of Acme."""
    with app.app_context(), tenancy.scope(acme.id):
        site = Site.create(name="Other shop", client_name="Client", domains=["other.example"])
        db.session.commit()
        return site.id


@pytest.fixture
def alice(sign_in, acme):
    return sign_in("alice@acme.example")


@pytest.fixture
def address(acme):
    return lambda site_id=None: f"/o/{acme.slug}/sites/{site_id or acme.site_id}/publications"


@pytest.fixture
def configuration(client, acme):
    def send(method, site_id=None, body=None, query=""):
        path = f"/api/v1/sites/{site_id or acme.site_id}/configuration{query}"
        return client.open(path, method=method, json=body, headers=acme.bearer)

    return send


@pytest.fixture
def count(app, acme):
    def rows():
        with app.app_context(), tenancy.scope(acme.id):
            return db.session.scalar(select(func.count(Campaign.id)))

    return rows


@pytest.fixture
def pictured(app, acme):
    """A campaign with a picture on Acme's site; answers the picture's token."""
    drawn = BytesIO()
    Pillow.linear_gradient("L").resize((120, 80)).convert("RGB").save(drawn, "PNG")
    with app.app_context(), tenancy.scope(acme.id):
        site = db.session.get_one(Site, acme.site_id)
        content = {"title": "Look"}
        campaign = Campaign.draft(site, name="Card", format="image_card", content=content)
        image = Image.keep(site, read_picture(drawn.getvalue()))
        campaign.show_image(image)
        kept = {**campaign.content["image"], "alt": "A slope"}
        campaign.change(content={**campaign.content, "image": kept})
        db.session.commit()
        return image.token


def without(document, *, pictures=False):
    """A document without what a journey changes: whether it was published there."""
    document = copy.deepcopy(document)
    for campaign in document["campaigns"]:
        campaign.pop("published", None)
        if pictures and campaign["content"].get("image"):
            campaign["content"]["image"].pop("data")
    return document


def test_what_is_exported_and_imported_is_exported_again(configuration, other, pictured):
    assert configuration("POST", body=DOCUMENT).status_code == 201
    first = configuration("GET").json
    assert {each["name"] for each in first["campaigns"]} == {"Proof", "Bar", "Card"}
    assert configuration("POST", other, first, "?settings=true").status_code == 201
    second = configuration("GET", other).json
    assert without(second, pictures=True) == without(first, pictures=True)
    assert second["site"] == first["site"]
    for document in (first, second):
        card = next(each for each in document["campaigns"] if each["name"] == "Card")
        assert card["content"]["image"]["alt"] == "A slope"
        data = base64.b64decode(card["content"]["image"]["data"])
        assert Pillow.open(BytesIO(data)).size == (120, 80)


def test_an_export_names_no_rows_and_no_keys(app, configuration, alice, address, acme, pictured):
    configuration("POST", body=DOCUMENT)
    answer = alice.get(f"{address()}/export")
    assert answer.mimetype == "application/json"
    assert answer.headers["Content-Disposition"] == ('attachment; filename="acme_shop.candor.json"')
    assert answer.json == configuration("GET").json
    assert answer.json["candor"] == 1
    with app.app_context(), tenancy.scope(acme.id):
        ids = [str(each) for each in db.session.scalars(select(Campaign.id))]
    for secret in (*ids, str(acme.site_id), acme.site_key, acme.secret, acme.domain, pictured):
        assert secret not in answer.text


def test_an_import_is_shown_first_and_then_makes_drafts(app, alice, address, count, acme):
    text = json.dumps(DOCUMENT, indent=1)
    preview = alice.post(f"{address()}/previews", {"text": text})
    assert preview.status_code == 200 and count() == 0
    for words in ("Proof", "Recent activity", "Bar", "Button bar", "<ins>7 people</ins>"):
        assert words in preview.text, words
    assert alice.post(f"{address()}/imports", {"text": text}).status_code == 302
    with app.app_context(), tenancy.scope(acme.id):
        drafts = db.session.scalars(select(Campaign).order_by(Campaign.created_at)).all()
        assert [(each.name, each.status, each.live) for each in drafts] == [
            ("Proof", "draft", None),
            ("Bar", "draft", None),
        ]
        assert drafts[0].triggers["scroll"] == 40 and drafts[0].frequency["day"] == 3
        assert db.session.get_one(Site, acme.site_id).k == 5
        told = db.session.scalars(select(AuditEntry).filter_by(action="configuration.imported"))
        assert told.one().details == {"campaigns": 2}


def test_settings_are_taken_over_when_that_is_wished(app, alice, address, acme):
    form = {"text": json.dumps(DOCUMENT), "settings": "y"}
    assert alice.post(f"{address()}/imports", form).status_code == 302
    with app.app_context(), tenancy.scope(acme.id):
        site = db.session.get_one(Site, acme.site_id)
        assert site.settings == DOCUMENT["site"]
        assert site.name == "Acme shop" and site.hosts == [acme.domain]


def test_a_document_that_does_not_say_how_to_track_changes_nothing_of_it(
    configuration, client, acme
):
    site = f"/api/v1/sites/{acme.site_id}"
    tracking = {"mode": "strict", "parameters": ["utm_source", "ref"]}
    assert client.patch(site, json=tracking, headers=acme.bearer).status_code == 200
    plain = {name: DOCUMENT["site"][name] for name in DOCUMENT["site"].keys() - tracking.keys()}
    answer = configuration("POST", body={**DOCUMENT, "site": plain}, query="?settings=true")
    assert answer.status_code == 201
    changed = client.get(site, headers=acme.bearer).json
    assert {**changed, **DOCUMENT["site"]} == changed
    # The same once more is no change, so it makes no revision.
    configuration("POST", body={**DOCUMENT, "site": plain}, query="?settings=true")
    assert client.get(site, headers=acme.bearer).json["revision"] == changed["revision"]


def test_a_file_is_read_as_well(alice, address, count):
    token = alice.token("/sign-in")
    for start, status in ((b"", 200), (b"\xef\xbb\xbf", 200), (b"\xff\xfe", 422)):
        file = (BytesIO(start + json.dumps(DOCUMENT).encode()), "site.candor.json")
        form = {"csrf_token": token, "file": file}
        answer = alice.client.post(f"{address()}/previews", data=form)
        assert answer.status_code == status, start
    assert count() == 0


def test_a_name_that_is_taken_says_that_it_is_a_copy(configuration, app, acme):
    for _ in range(3):
        made = configuration("POST", body={**DOCUMENT, "campaigns": [BAR, BAR]})
        assert made.status_code == 201
    long = {**BAR, "name": "n" * 120}
    configuration("POST", body={**DOCUMENT, "campaigns": [long, long]})
    with app.app_context(), tenancy.scope(acme.id):
        names = set(db.session.scalars(select(Campaign.name)))
    copies = {f"Bar (copy {number})" for number in range(2, 6)}
    assert names == {"Bar", "Bar (copy)", *copies, "n" * 120, "n" * 113 + " (copy)"}


def png(width, height):
    drawn = BytesIO()
    Pillow.new("1", (width, height)).save(drawn, "PNG")
    return base64.b64encode(drawn.getvalue()).decode()


def deep(levels):
    return json.loads('{"a":' * levels + "1" + "}" * levels)


CARD = {"name": "Card", "format": "image_card", "content": {"title": "Look"}}


def with_image(data):
    return {**CARD, "content": {"title": "Look", "image": {"data": data}}}


def with_content(campaign, **content):
    return {**campaign, "content": {**campaign["content"], **content}}


# What a stranger's file may hold, and the field that has to be named.
HOSTILE = {
    "an unknown format": ({**PROOF, "format": "popup"}, "format"),
    "a format that is a list": ({**PROOF, "format": ["notice"]}, "format"),
    "no format": ({"name": "Proof"}, "format"),
    "a number typed into proof": (
        with_content(PROOF, template="{{first_name}} and 500 others"),
        "content.template",
    ),
    "a number in a translation": (
        with_content(PROOF, translations={"de": {"template": "500 kauften"}}),
        "content.translations.de.template",
    ),
    "10,000 characters": (with_content(PROOF, template="x" * 10_000), "content.template"),
    "a script for a link": (
        with_content(BAR, link={"url": "javascript:alert(1)"}),
        "content.link.url",
    ),
    "data for a link": (with_content(BAR, link={"url": "data:text/html,x"}), "content.link.url"),
    "a field of another format": (with_content(BAR, coupon="X"), "content.coupon"),
    "a field of none": (with_content(BAR, html="<b>"), "content.html"),
    "a depth of 50": (with_content(BAR, link=deep(50)), "content.link.a"),
    "content that is a text": ({**BAR, "content": "x"}, "content"),
    "rules that are a list": ({**BAR, "rules": []}, "rules"),
    "a name of blanks": ({**BAR, "name": " \t "}, "name"),
    "a name that is a number": ({**BAR, "name": 7}, "name"),
    "an id": ({**BAR, "id": "0" * 32}, "id"),
    "a status": ({**BAR, "status": "published"}, "status"),
    "an endless delay": ({**BAR, "triggers": {"delay": 1e300}}, "triggers.delay"),
    "a colour that is CSS": (with_content(BAR, accent="red;}*{"), "content.accent"),
    "a picture by token": (with_content(CARD, image={"token": "a" * 32}), "content.image.data"),
    "a picture that is none": (with_image("aGVsbG8="), "content.image.data"),
    "a picture that is no base64": (with_image("ä"), "content.image.data"),
    "a picture that is huge": (with_image(png(8000, 8000)), "content.image.data"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_cannot_be_used_is_named_and_nothing_of_it_comes(
    case, alice, address, configuration, count
):
    campaign, field = HOSTILE[case]
    document = {**DOCUMENT, "campaigns": [PROOF, campaign]}
    refused = configuration("POST", body=document)
    assert refused.status_code == 422, refused.text
    fields = refused.json["error"]["details"]
    assert any(name == f"campaigns.1.{field}" for name in fields), fields
    text = json.dumps(document)
    for step in ("previews", "imports"):
        page = alice.post(f"{address()}/{step}", {"text": text})
        assert page.status_code == 422
        assert f"campaigns.1.{field}</code>" in page.text
        assert str(campaign["name"]).strip() in page.text
        assert (
            text[-60:].replace('"', "&#34;").replace("<", "&lt;").replace(">", "&gt;") in page.text
        )
    assert count() == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "{",
        "[]",
        "7",
        "null",
        '"x"',
        "{}",
        '{"candor": 2, "campaigns": []}',
        '{"candor": 1}',
        '{"candor": 1, "campaigns": {}}',
        '{"candor": 1, "campaigns": [7]}',
        '{"candor": 1, "campaigns": [], "key": "x"}',
        '{"candor": 1, "campaigns": [], "site": {"k": 2}}',
        '{"candor": 1, "campaigns": [], "site": {"k": 1e999}}',
        '{"candor": 1, "campaigns": [], "site": {"time_zone": "../../etc/passwd"}}',
        '{"candor": 1, "campaigns": [], "site": {"language": "xx"}}',
        '{"candor": NaN, "campaigns": []}',
        '{"candor": 1, "campaigns": [{"name": "\\u0000"}]}',
        '{"candor": 1, "campaigns": [{"name": "\\ud800"}]}',
        '{"candor":1,"campaigns":' + "[" * 5000,
        '{"candor":1,"campaigns":' + "[" * 500 + "]" * 500 + "}",
        json.dumps({"candor": 1, "campaigns": [BAR] * 101}),
        "<script>alert(1)</script>",
    ],
)
def test_what_is_no_configuration_is_refused_and_kept_on_the_page(text, alice, address, count):
    page = alice.post(f"{address()}/previews", {"text": text})
    assert page.status_code == 422 and "This cannot be imported yet" in page.text
    assert "<script>alert" not in page.text
    assert count() == 0


def test_more_than_a_megabyte_is_refused_by_name(alice, address, configuration, count):
    padding = {**DOCUMENT, "campaigns": [{**BAR, "name": "x" * 1_100_000}]}
    text = json.dumps(padding)
    page = alice.post(f"{address()}/previews", {"text": text})
    assert page.status_code == 422 and "at most 1 MB" in page.text
    token = alice.token("/sign-in")
    file = (BytesIO(text.encode()), "site.json")
    form = {"csrf_token": token, "file": file}
    page = alice.client.post(f"{address()}/previews", data=form)
    assert page.status_code == 422 and "at most 1 MB" in page.text
    assert configuration("POST", body=padding).status_code in (413, 422)
    assert alice.post(f"{address()}/previews", {"text": "x" * 5_000_000}).status_code == 413
    assert count() == 0


# --- to another site -----------------------------------------------------------------------------


def test_a_site_is_copied_to_another_with_its_pictures(
    app, alice, address, acme, other, configuration, pictured
):
    configuration("POST", body=DOCUMENT)
    preview = alice.get(f"{address()}/copies?target={other}")
    assert preview.status_code == 200 and "Copy to Other shop" in preview.text
    assert "Create 3 drafts" in preview.text
    made = alice.post(f"{address()}/copies", {"target": other})
    assert made.status_code == 302 and str(other) in made.headers["Location"]
    assert without(configuration("GET", other).json) == {
        **without(configuration("GET").json),
        "site": configuration("GET", other).json["site"],
    }
    with app.app_context(), tenancy.scope(acme.id):
        images = db.session.scalars(select(Image)).all()
        assert {image.site_id for image in images} == {acme.site_id, other}
        assert len({image.token for image in images}) == 2
        assert len({image.data for image in images}) == 1


def test_the_other_site_is_found_by_name_client_and_domain(alice, address, other, acme):
    for query in ("other", "OTHER SH", "client", "other.exam"):
        page = alice.get(f"{address()}/copies?q={query}").text
        assert f"target={other}" in page, query
    for query in ("nothing", "%", "_", "Acme"):
        assert "?target=" not in alice.get(f"{address()}/copies?q={query}").text, query
    part = alice.get(f"{address()}/copies?q=other", headers={"HX-Request": "true"}).text
    assert f"target={other}" in part and "<html" not in part


def test_among_many_sites_only_a_few_are_listed(app, alice, address, acme):
    with app.app_context(), tenancy.scope(acme.id):
        for number in range(30):
            Site.create(name=f"Shop {number:02}", domains=[f"s{number}.example"])
        db.session.commit()
    page = alice.get(f"{address()}/copies").text
    assert page.count("?target=") == 20 and "The first 20" in page
    assert alice.get(f"{address()}/copies?q=Shop 29").text.count("?target=") == 1


def test_without_a_target_it_asks_for_one(alice, address, other, count):
    answer = alice.post(f"{address()}/copies")
    assert answer.status_code == 422 and "Choose the site to copy to." in answer.text
    assert alice.post(f"{address()}/copies", {"target": "x"}).status_code == 404
    assert count() == 0


def test_nobody_waits_for_a_picture_that_comes_with_a_document(
    configuration, client, acme, pictured
):
    """Nor where the same document may come twice, for which a row is written first."""
    sent = configuration("GET").json
    headers = {**acme.bearer, "Idempotency-Key": "once"}
    path = f"/api/v1/sites/{acme.site_id}/configuration"
    pictures._turn.acquire()
    try:
        with ThreadPoolExecutor(1) as pool:
            bringing = pool.submit(client.post, path, json=sent, headers=headers)
            time.sleep(0.5)
            began = time.monotonic()
            said = {"name": "Second", "domain": "second.acme.example"}
            answer = client.application.test_client().post(
                "/api/v1/sites", json=said, headers=acme.bearer
            )
            assert answer.status_code == 201 and time.monotonic() - began < 2
            pictures._turn.release()
            assert bringing.result().status_code == 201
    finally:
        pictures._turn = threading.BoundedSemaphore(1)
    again = client.post(path, json=sent, headers=headers)
    assert again.json == bringing.result().json


def test_more_pictures_than_can_be_read_in_a_moment_are_refused_unread():
    image = {"data": "AAAA", "alt": ""}
    campaign = {"name": "x", "format": "image_card", "content": {"title": "x", "image": image}}
    read = Transfer.check({"candor": 1, "campaigns": [campaign] * 11})
    assert [problem.message for problem in read.problems] == [
        "A configuration has at most 10 pictures."
    ]
