"""What a page is told of what its site has published."""

from __future__ import annotations

import pytest

from app.embed import published


@pytest.mark.parametrize(
    ("format", "content", "more"),
    [
        ("notice", {}, False),
        (
            "notice",
            {"tone": "info", "animation": "fade", "size": "medium", "corners": "soft"},
            False,
        ),
        ("recent_activity", {"message": None}, False),
        ("notice", {"tone": "warning"}, True),
        ("notice", {"icon": "star"}, True),
        ("notice", {"animation": "slide"}, True),
        ("modal", {"title": "Hello"}, True),
    ],
)
def test_it_is_told_which_campaigns_need_more_than_a_plain_card(
    client, acme, format, content, more
):
    said = {
        name: value for name, value in {"message": "Open", **content}.items() if value is not None
    }
    body = {
        "site_id": str(acme.site_id),
        "name": "Hello",
        "format": format,
        "content": said,
        "status": "published",
    }
    made = client.post("/api/v1/campaigns", headers=acme.bearer, json=body)
    assert made.status_code == 201, made.json
    published.forget("", None)
    [campaign] = client.get(f"/widget/v1/config/{acme.site_key}").json["campaigns"]
    assert campaign.get("more", False) is more
