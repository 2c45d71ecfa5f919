"""What visitors send: events as the widget sends them."""

from __future__ import annotations

import time
from typing import Any

from app.core.ids import uuid7

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)
BOT = "Googlebot/2.1 (+http://www.google.com/bot.html)"
# Addresses that the bundled database knows.
GERMANY, FRANCE = "91.0.0.1", "90.0.0.1"


def event(tenant: Any, path: str = "/", name: str = "page_view", **more: Any) -> dict[str, Any]:
    return {"id": str(uuid7()), "name": name, "url": f"https://{tenant.domain}{path}", **more}


def ago(**length: float) -> int:
    """A moment in the past, in milliseconds since 1970."""
    seconds = {"minutes": 60, "hours": 3600, "seconds": 1}
    return int((time.time() - sum(seconds[unit] * n for unit, n in length.items())) * 1000)


def send(
    client: Any,
    tenant: Any,
    *events: dict[str, Any],
    browser: str = FIREFOX,
    address: str = "198.51.100.1",
    **body: Any,
) -> Any:
    """One request of one visitor, answered once it is stored."""
    answer = client.post(
        "/widget/v1/events",
        json={"site": tenant.site_key, "events": list(events), **body},
        headers={"Origin": f"https://{tenant.domain}", "User-Agent": browser},
        environ_overrides={"REMOTE_ADDR": address},
    )
    assert answer.status_code == 202, answer.text
    return answer.json
