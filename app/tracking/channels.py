"""Through which channel a visit came: the rules of the default channel group of Google Analytics 4
(support.google.com/analytics/answer/9756891), in their order, and AI assistants.

Which hosts are search engines, social networks and so on is data/channel_sources.json: hosts with
all that is below them, "google.*" under any country's ending, and names that stand alone in a
utm_source.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from pathlib import Path

CHANNELS = (
    "direct",
    "cross_network",
    "paid_shopping",
    "paid_search",
    "paid_social",
    "paid_video",
    "display",
    "paid_other",
    "organic_shopping",
    "organic_social",
    "video",
    "organic_search",
    "ai_assistant",
    "referral",
    "email",
    "affiliate",
    "audio",
    "sms",
    "mobile_push",
    "other",
)
LONGEST = 200
# What an advertisement's click id says where utm parameters are silent. A fbclid is on every link
# that leaves Facebook, paid or not.
CLICK_IDS = {"gclid": ("google", "cpc"), "msclkid": ("bing", "cpc"), "fbclid": ("facebook", "")}
NOTHING = {"", "(direct)", "direct", "(none)", "none", "(not set)"}

PAID_MEDIUM = re.compile(r"cp|^ppc$|^retargeting$|^paid")
SHOPPING_CAMPAIGN = re.compile(r"(?:[^a-df-z]|^)shop|shopping")
DISPLAY_MEDIA = {"display", "banner", "expandable", "interstitial", "cpm"}
SOCIAL_MEDIA = {
    "social",
    "social-network",
    "social-media",
    "sm",
    "social network",
    "social media",
}
REFERRAL_MEDIA = {"referral", "app", "link"}
# "newsletter" is ours: Google leaves it unassigned, and everybody writes it.
EMAIL = {"email", "e-mail", "e_mail", "e mail", "newsletter"}
AFFILIATE_MEDIA = {"affiliate", "affiliates"}
PAID = {
    "shopping": "paid_shopping",
    "search": "paid_search",
    "social": "paid_social",
    "video": "paid_video",
}
ORGANIC = {
    "shopping": "organic_shopping",
    "social": "organic_social",
    "video": "video",
    "search": "organic_search",
    "ai_assistant": "ai_assistant",
    "email": "email",
}

_said = json.loads((Path(__file__).with_name("data") / "channel_sources.json").read_text())
_kinds: dict[str, str] = {each: kind for kind, known in _said.items() for each in known}
_anywhere = {each[:-2]: kind for each, kind in _kinds.items() if each.endswith(".*")}


def channel_of(
    *, referrer_host: str | None, params: Mapping[str, str], own_hosts: Container[str]
) -> str:
    """One of CHANNELS. `params` are those of the page's address by name in lower case; a referrer
    that is in `own_hosts` is none. What is said in `params` comes before the referrer."""
    source, medium, campaign = (_read(params, f"utm_{n}") for n in ("source", "medium", "campaign"))
    by_click = next((CLICK_IDS[name] for name in CLICK_IDS if params.get(name)), ("", ""))
    source, medium = source or by_click[0], medium or by_click[1]
    referrer = (referrer_host or "").lower().rstrip(".")[:LONGEST]
    if referrer and referrer not in own_hosts and not (source or medium):
        source, medium = referrer, "referral"
    if not (source or medium or campaign):
        return "direct"
    return _channel(source, medium, campaign)


def _read(params: Mapping[str, str], name: str) -> str:
    text = params.get(name, "")[:LONGEST].strip().lower()
    return "" if text in NOTHING else text


def _channel(source: str, medium: str, campaign: str) -> str:
    if "cross-network" in campaign:
        return "cross_network"
    kind = _kind(source)
    if SHOPPING_CAMPAIGN.search(campaign):
        kind = "shopping"
    if PAID_MEDIUM.search(medium):
        return PAID.get(kind) or ("display" if medium == "cpm" else "paid_other")
    if medium in DISPLAY_MEDIA:
        return "display"
    return _organic(kind, source, medium)


def _organic(kind: str, source: str, medium: str) -> str:
    """In Google's order: what sort of source it is comes before what the medium says."""
    if kind == "shopping":
        return "organic_shopping"
    if kind == "social" or medium in SOCIAL_MEDIA:
        return "organic_social"
    if kind == "video" or "video" in medium:
        return "video"
    if kind == "search" or medium == "organic":
        return "organic_search"
    if kind in ORGANIC and medium in REFERRAL_MEDIA | {""}:
        return ORGANIC[kind]
    return _by_medium(kind, source, medium)


def _by_medium(kind: str, source: str, medium: str) -> str:
    if medium in REFERRAL_MEDIA:
        return "referral"
    if EMAIL & {source, medium}:
        return "email"
    if medium in AFFILIATE_MEDIA:
        return "affiliate"
    if medium == "audio":
        return "audio"
    if "sms" in (source, medium):
        return "sms"
    pushed = medium.endswith("push") or "mobile" in medium or "notification" in medium
    return "mobile_push" if pushed or source == "firebase" else ORGANIC.get(kind, "other")


def _kind(source: str) -> str:
    """Of the longest part of a host that is listed, or of a name: "" for one that is not."""
    labels = source.split(".")
    if len(labels) == 1:
        return _kinds.get(source, "")
    for start in range(len(labels) - 1):
        if found := _kinds.get(".".join(labels[start:])):
            return found
        if labels[start] in _anywhere and _is_country_ending(labels[start + 1 :]):
            return _anywhere[labels[start]]
    return ""


def _is_country_ending(labels: list[str]) -> bool:
    """Such as com, de or co.uk."""
    return len(labels) <= 2 and all(len(label) <= 3 for label in labels)
