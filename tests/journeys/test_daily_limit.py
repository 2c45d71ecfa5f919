"""A campaign that a visitor sees once a day, from the API to the second view of the page."""

from __future__ import annotations

import requests
from playwright.sync_api import expect

from tests.widget.chat import wait_until

WORDS = "Free shipping today"


def publish(program, shop):
    content = {"message": WORDS}
    body = {"site_id": str(shop.site_id), "name": "Once a day", "format": "notice"}
    body |= {"status": "published", "content": content}
    body |= {"triggers": {"delay": 0}, "frequency": {"day": 1}}
    address = f"{program.url}/api/v1/campaigns"
    answer = requests.post(address, json=body, headers=shop.bearer, timeout=5)
    assert answer.status_code == 201, answer.text
    assert answer.json()["frequency"]["day"] == 1


def tells_of_an_impression(response):
    return '"impression"' in (response.request.post_data or "") and response.status == 202


def test_a_campaign_with_a_limit_is_not_shown_again_after_a_reload(program, shop, walk_in):
    publish(program, shop)
    visitor = walk_in(go=False)
    # It counts once it was in sight for a second, and is told with what else happens.
    with visitor.expect_response(tells_of_an_impression, timeout=30_000):
        visitor.goto(visitor.address)
        expect(visitor.get_by_text(WORDS)).to_be_visible()

    # The server tells what this visitor has seen: from here on the page knows what it may show.
    told = []
    visitor.on("websocket", lambda ws: ws.on("framereceived", lambda frame: told.append(frame)))
    visitor.reload()
    wait_until(visitor, lambda: told)
    assert '"seen":{"' in told[0].replace(" ", "")
    visitor.wait_for_timeout(500)
    expect(visitor.get_by_text(WORDS)).to_have_count(0)
    assert visitor.errors == []
