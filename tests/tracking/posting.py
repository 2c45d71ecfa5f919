"""Events as a page sends them."""

from __future__ import annotations

import json
from typing import Any

from app.core.ids import uuid7

PATH = "/widget/v1/events"
AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)


def event(tenant: Any, **values: Any) -> dict[str, Any]:
    made = {"id": str(uuid7()), "name": "page_view", "url": f"https://{tenant.domain}/"}
    return {**made, **values}


def post(
    client: Any,
    tenant: Any,
    *events: Any,
    address: str = "198.51.100.7",
    agent: str = AGENT,
    **call: Any,
) -> Any:
    """The answer to events (one page view unless there are some) from one browser."""
    body = {"site": tenant.site_key, "events": list(events) or [event(tenant)], **call}
    return post_raw(client, tenant, json.dumps(body), address, agent)


def post_raw(
    client: Any, tenant: Any, body: Any, address: str = "198.51.100.7", agent: str = AGENT
) -> Any:
    return client.post(
        PATH,
        data=body,
        headers={"Origin": f"https://{tenant.domain}", "User-Agent": agent},
        content_type="text/plain;charset=UTF-8",
        environ_base={"REMOTE_ADDR": address},
    )
