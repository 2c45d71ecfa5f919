"""The snippet's script: a tiny loader with the published configuration inlined."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from flask import current_app

from app.sites.queries import PublishedSite

BUILT = Path(__file__).parents[2] / "static" / "widget"
PLACEHOLDER = '"__CANDOR_CONFIG__"'

# What of a campaign the public sees. Wording templates stay here: messages come rendered.
PUBLIC_CONTENT = (
    "position",
    "theme",
    "accent",
    "duration",
    "gap",
    "closable",
    "message",
    "link",
    "tone",
)


def config_of(site: PublishedSite) -> dict[str, Any]:
    """An allow-list of the published configuration: nothing secret, nothing unpublished."""
    settings = current_app.extensions["candor_settings"]
    return {
        "site": site.key,
        "host": settings.url,
        "core": f"{settings.asset_url or settings.url}/static/widget/{built_names()['core']}",
        "revision": site.revision,
        "locale": site.language,
        "mode": "anonymous",
        "campaigns": [_campaign(each) for each in site.content["campaigns"]],
    }


def _campaign(snapshot: dict[str, Any]) -> dict[str, Any]:
    content = snapshot["content"]
    shown = {name: content[name] for name in PUBLIC_CONTENT if content.get(name) is not None}
    return {
        "id": snapshot["id"],
        "format": snapshot["format"],
        "renderer": snapshot["renderer"],
        "delay": snapshot["triggers"]["delay"],
        **shown,
    }


def loader_script(config: dict[str, Any]) -> bytes:
    # "<" escaped so that no value can end a script element that somebody inlines this into.
    literal = json.dumps(config, separators=(",", ":")).replace("<", "\\u003c")
    return loader_source().replace(PLACEHOLDER, literal).encode()


@cache
def loader_source() -> str:
    return (BUILT / built_names()["loader"]).read_text()


@cache
def built_names() -> dict[str, str]:
    return json.loads((BUILT / "manifest.json").read_text())
