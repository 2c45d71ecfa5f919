"""The snippet's script: a tiny loader with the published configuration inlined."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from flask import current_app

from app.embed.icons import lines_of
from app.embed.opening_lines import placed
from app.embed.texts import texts_for
from app.sites.parameters import STANDARD
from app.sites.queries import PublishedSite

BUILT = Path(__file__).parents[2] / "static" / "widget"
PLACEHOLDER = '"__CANDOR_CONFIG__"'

# What of a campaign's content the public sees. Wording templates stay here: messages come rendered.
PUBLIC_CONTENT = (
    "position",
    "theme",
    "accent",
    "background",
    "foreground",
    "size",
    "corners",
    "animation",
    "icon",
    "duration",
    "gap",
    "closable",
    "tone",
    "title",
    "message",
    "coupon",
)
# What of it only the widget's second part can draw.
BESIDES = (
    "icon",
    "title",
    "coupon",
    "image",
    "tracking",
    "size",
    "corners",
    "animation",
    "background",
    "foreground",
)
PUBLIC_CHAT = ("position", "accent", "titles", "outside")
UNTITLED = "Chat"
PUBLIC_TEXTS = ("title", "message", "label")
# What the widget takes for granted, so that a page need not load it.
GRANTED = {"size": "medium", "corners": "soft", "animation": "fade"}


def config_of(site: PublishedSite) -> dict[str, Any]:
    """An allow-list of the published configuration: nothing secret, nothing unpublished."""
    chat = site.content.get("chat")
    campaigns = placed(site.content["campaigns"], chat)
    config = configuration(site.key, site.language, campaigns, site.mode, site.revision)
    if chat:
        config["chat"] = _chat(chat, site.language)
        config["core"] = _address("core-chat")
    # Also when there are none.
    return config if site.parameters == STANDARD else {**config, "params": site.parameters}


def configuration(
    key: str, language: str, campaigns: list[dict[str, Any]], mode: str, revision: int = 0
) -> dict[str, Any]:
    """What the widget starts with. `campaigns` are snapshots; `mode` is the site's
    own, or preview."""
    settings = current_app.extensions["candor_settings"]
    config = {
        "site": key,
        "host": settings.url,
        "core": _address("core"),
        "revision": revision,
        "locale": language,
        "mode": mode,
        "campaigns": [_campaign(each, settings.url) for each in campaigns],
    }
    spoken = {
        language,
        *(tag for each in campaigns for tag in each["content"].get("translations", {})),
    }
    icons = lines_of(each["content"].get("icon") for each in campaigns)
    return {**config, **_present(texts=texts_for(spoken), icons=icons)}


def _address(name: str) -> str:
    settings = current_app.extensions["candor_settings"]
    return f"{settings.asset_url or settings.url}/static/widget/{built_names()[name]}"


def _chat(chat: dict[str, Any], language: str) -> dict[str, Any]:
    """What a page needs to show the launcher; the rest comes when somebody opens it. There is a
    title in the site's own language at least."""
    shown = _present(**{name: chat.get(name) for name in PUBLIC_CHAT})
    return {**shown, "titles": {language: UNTITLED, **shown.get("titles", {})}}


def _campaign(snapshot: dict[str, Any], host: str) -> dict[str, Any]:
    content = snapshot["content"]
    shown = {
        name: content[name]
        for name in PUBLIC_CONTENT
        if content.get(name) is not None and content[name] != GRANTED.get(name)
    }
    said = {
        "id": snapshot["id"],
        "format": snapshot["format"],
        "renderer": snapshot["renderer"],
        **shown,
        **_present(
            link=_link(content.get("link")),
            image=_image(content.get("image"), host),
            translations=_translations(content.get("translations") or {}),
            triggers=_present(**snapshot.get("triggers", {})),
            rules=_present(**snapshot.get("rules", {})),
            frequency=_present(**snapshot.get("frequency", {})),
            tracking=_present(**snapshot.get("tracking", {})) if content.get("link") else None,
        ),
    }
    return {**said, **_present(more=has_more(said))}


def has_more(said: dict[str, Any]) -> bool:
    """Whether a campaign, as the widget is told of it, is drawn with more than the core has."""
    plain = said["renderer"] in ("bar", "bubble") and said.get("tone", "info") == "info"
    return not plain or any(said.get(name) for name in BESIDES)


def _link(link: dict[str, Any] | None) -> dict[str, Any] | None:
    return _present(**link) if link else None


def _image(image: dict[str, Any] | None, host: str) -> dict[str, Any] | None:
    if not image:
        return None
    sizes = {"width": image["width"], "height": image["height"], "alt": image["alt"]}
    return {"url": f"{host}/media/{image['token']}.webp", **sizes}


def _translations(translations: dict[str, dict[str, Any]]) -> dict[str, Any]:
    texts = {
        language: {name: each[name] for name in PUBLIC_TEXTS if each.get(name)}
        for language, each in translations.items()
    }
    return _present(**texts)


def _present(**values: Any) -> dict[str, Any]:
    """Those that say something: the widget's defaults are nothing, none, off and zero."""
    return {name: value for name, value in values.items() if value}


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
