"""Candor. `create_app` is made in app/wiring.py and loaded when it is first asked for: the process
tree and the cron process import `app.config` alone and stay small."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from app.wiring import create_app

        return create_app
    raise AttributeError(name)
