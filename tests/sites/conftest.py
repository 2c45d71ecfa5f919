from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from app.core.db import db
from app.sites.models import Site


@pytest.fixture
def alice(sign_in: Any, acme: Any) -> Any:
    return sign_in("alice@acme.example")


@pytest.fixture
def make(inside: Any, acme: Any) -> Callable[..., Any]:
    """Another site of Acme: its id and key."""

    def create(name: str, domains: list[str] | None = None, **values: Any) -> tuple[Any, str]:
        with inside(acme):
            site = Site.create(name=name, domains=domains or ["a.example"], **values)
            db.session.commit()
            return site.id, site.key

    return create


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """The first true value of `look()` within a few seconds."""

    def wait(look: Callable[[], Any], seconds: float = 5) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError("it did not happen")

    return wait
