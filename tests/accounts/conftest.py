"""Somebody with a browser, and the mail that reaches somebody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
import time_machine
from sqlalchemy import select

from app.accounts.models.user import email_index
from app.core.db import system
from app.core.mail import AccountMail, OutgoingMail
from tests.conftest import Browser

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LINK = re.compile(r"http://candor\.test(/\S+)")


class Visitor(Browser):
    """A browser in which nobody has signed in yet."""

    def __init__(self, app: Any) -> None:
        self.client = app.test_client()

    def says(self, path: str) -> str:
        return self.client.get(path, follow_redirects=True).text


class Letter(NamedTuple):
    subject: str
    text: str
    html: str
    state: str

    @property
    def link(self) -> str:
        """The path of the first link in it."""
        found = LINK.search(self.text)
        assert found, self.text
        return found[1]

    @property
    def token(self) -> str:
        return self.link.partition("token=")[2]


@pytest.fixture
def visitor(app: Any) -> Visitor:
    return Visitor(app)


@pytest.fixture
def visitors(app: Any) -> Callable[[], Visitor]:
    return lambda: Visitor(app)


@pytest.fixture
def letters(app: Any) -> Callable[[str], list[Letter]]:
    """What was written to an address, oldest first."""

    def read(address: str) -> list[Letter]:
        with app.app_context(), system() as connection:
            rows = [
                kind(**row)
                for kind in (AccountMail, OutgoingMail)
                for row in connection.execute(select(kind.__table__)).mappings()
            ]
            rows.sort(key=lambda mail: mail.created_at)
            return [
                Letter(mail.subject, mail.text, mail.html, mail.state)
                for mail in rows
                if email_index(mail.recipient) == email_index(address)
            ]

    return read


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(START) as moved:
        yield moved


def plain(page: str) -> str:
    """A page without what differs from one answer to the next."""
    return re.sub(r'(name="csrf_token" value|name="csrf-token" content|nonce)="[^"]*"', "", page)
