"""A site that chats, and a guest who writes there."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from app.chat.models import ChatSettings
from app.core.db import db
from app.embed import chat_limits, published
from app.sites.models import Site
from tests.visits import FIREFOX


@pytest.fixture(autouse=True)
def _unhurried(app):
    limits = (chat_limits.writers, chat_limits.addresses, chat_limits.readers)
    for buckets in (*limits, chat_limits.uploads):
        buckets.reset()


@pytest.fixture
def chatting(app, acme, inside):
    """Acme's site with its chat on; called with values it changes how it chats."""

    def change(**values: Any) -> None:
        with inside(acme):
            site = db.session.get_one(Site, acme.site_id)
            ChatSettings.of(site.id).change(site, **{"on": True, **values})
            db.session.commit()
        published.forget("", None)

    change()
    return change


@dataclass
class Writer:
    """A page of a visitor: what it knows is its chat token."""

    client: Any
    tenant: Any
    token: str = ""
    conversation: str = ""
    browser: str = FIREFOX
    address: str = "198.51.100.1"

    def call(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Origin": f"https://{self.tenant.domain}", "User-Agent": self.browser}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return self.client.open(
            f"/widget/v1/{path}",
            method=method,
            headers={**headers, **options.pop("headers", {})},
            environ_overrides={"REMOTE_ADDR": self.address},
            **options,
        )

    def begin(self, body: str | None = "Hello", **said: Any) -> Any:
        values = {"site": self.tenant.site_key, "client_id": str(uuid4()), **said}
        answer = self.call(
            "POST", "conversations", json={**values, **({"body": body} if body else {})}
        )
        if answer.status_code == 201:
            self.token, self.conversation = answer.json["token"], answer.json["id"]
        return answer

    def write(self, body: str, client_id: str | None = None, **said: Any) -> Any:
        values = {"client_id": client_id or str(uuid4()), "body": body, **said}
        return self.call("POST", f"conversations/{self.conversation}/messages", json=values)

    def read(self, after: int = 0) -> Any:
        return self.call("GET", f"conversations/{self.conversation}/messages?after={after}")


@pytest.fixture
def writer(app, acme, chatting):
    return Writer(app.test_client(), acme)


@pytest.fixture
def another(app, acme, chatting):
    """Another page; with the same address and browser it may be a colleague's."""
    return lambda **values: Writer(app.test_client(), acme, **values)


@pytest.fixture
def identify(acme, inside):
    """The site's server vouches for a user on the page of a writer."""
    with inside(acme):
        secret = ChatSettings.of(acme.site_id).identity_secret

    def vouch(writer, user_id, **said):
        digest = hmac.new(secret.encode(), user_id.encode(), hashlib.sha256).hexdigest()
        person = {"id": user_id, "hash": digest, **said}
        answer = writer.call("PUT", f"chat/{acme.site_key}/identity", json=person)
        assert answer.status_code == 200, answer.text
        writer.token = answer.json["token"]

    return vouch
