"""Drafts to work on, made over the API, and the builder's form as a browser would send it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest


class FormReader(HTMLParser):
    """What a browser would send of the form with the id `builder`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.values: list[tuple[str, str]] = []
        self._inside = False
        self._area: str | None = None
        self._select: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self._inside = self._inside or given.get("id") == "builder"
        name = given.get("name")
        if not self._inside or (name is None and tag != "option"):
            return
        if tag == "textarea":
            self._area = name
            self.values.append((name or "", ""))
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in given and self._select:
            self.values.append((self._select, given.get("value") or ""))
        elif tag == "input" and self._sent(given):
            self.values.append((name or "", given.get("value") or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        if tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area:
            name, text = self.values.pop()
            self.values.append((name, text + data.removeprefix("\r\n")))

    def _sent(self, given: dict[str, str | None]) -> bool:
        if given.get("type") in ("checkbox", "radio"):
            return "checked" in given
        return given.get("type") not in ("submit", "file", "color") and "form" not in given


class Builder:
    """Alice before the builder of one campaign."""

    def __init__(self, alice: Any, client: Any, tenant: Any, campaign_id: str) -> None:
        self.alice, self._client, self._tenant = alice, client, tenant
        self.page = f"/o/{tenant.slug}/campaigns/{campaign_id}"
        self.id = campaign_id

    def form(self) -> dict[str, Any]:
        """What is in the form now; several values of one name as a list."""
        found: dict[str, Any] = {}
        for name, value in FormReader(self.alice.get(self.page).text).values:
            found.setdefault(name, []).append(value)
        return {name: values if len(values) > 1 else values[0] for name, values in found.items()}

    def send(self, path: str = "", **changes: Any) -> Any:
        """The form with changes; None leaves a field out."""
        form = {**self.form(), **changes}
        return self.alice.client.post(
            self.page + path,
            data={name: value for name, value in form.items() if value is not None},
        )

    def kept(self) -> Any:
        path = f"/api/v1/campaigns/{self.id}"
        return self._client.get(path, headers=self._tenant.bearer).json


@pytest.fixture
def build(client, acme, sign_in):
    """`build("notice", message="Open")` is the builder of a new draft of Acme's site."""
    alice = sign_in("alice@acme.example")

    def make(format_name: str, **content: Any) -> Builder:
        body = {
            "site_id": str(acme.site_id),
            "name": "Made",
            "format": format_name,
            "content": content,
        }
        made = client.post("/api/v1/campaigns", json=body, headers=acme.bearer)
        assert made.status_code == 201, made.text
        return Builder(alice, client, acme, made.json["id"])

    return make


@pytest.fixture
def report(client, acme):
    """`report("purchase", first_name="Ada", product="Tea")` is a fact that a program tells."""

    def tell(kind: str, first_name: str = "Ada", product: str = "Tea", **more: Any) -> Any:
        body = {
            "site_id": str(acme.site_id),
            "type": kind,
            "person": {"first_name": first_name},
            "product": {"name": product},
            **more,
        }
        answer = client.post("/api/v1/activities", json=body, headers=acme.bearer)
        assert answer.status_code == 201, answer.text
        return answer.json

    return tell
