"""Where the demo's visitors come from, what they use and what there is to see: how often each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random
from typing import Generic, NamedTuple, TypeVar

from app.tracking.devices import Device
from app.tracking.places import Place

T = TypeVar("T")


class Weighted(Generic[T]):
    """Things, some of which are more frequent than others."""

    def __init__(self, weights: dict[T, float]) -> None:
        self._things = list(weights)
        self._sums = list(accumulate(weights.values()))

    def pick(self, chance: Random) -> T:
        return chance.choices(self._things, cum_weights=self._sums)[0]


def by_rank(things: Sequence[T]) -> Weighted[T]:
    """By Zipf's law: the second half as often as the first, the third a third as often."""
    return Weighted({thing: 1 / rank for rank, thing in enumerate(things, start=1)})


Said = str | None
Utm = tuple[Said, Said, Said, Said, Said]


class Origin(NamedTuple):
    """A referring page, and what the link that was followed said of itself."""

    referrer: str | None = None
    utm: Utm = (None, None, None, None, None)  # source, medium, campaign, term, content
    click_id: str | None = None  # the name of the parameter


def _utm(
    source: str, medium: str, campaign: Said = None, term: Said = None, content: Said = None
) -> Utm:
    return source, medium, campaign, term, content


GOOGLE = "https://www.google.com/"
WEEKLY = ("newsletter", "email", "weekly-leaf")

ORIGINS = Weighted(
    {
        Origin(): 24,
        Origin(GOOGLE): 25,
        Origin("https://www.bing.com/"): 3,
        Origin("https://duckduckgo.com/"): 3,
        Origin("https://www.ecosia.org/"): 2,
        Origin(GOOGLE, _utm("google", "cpc", "spring-harvest", "darjeeling"), "gclid"): 6,
        Origin(GOOGLE, _utm("google", "cpc", "spring-harvest", "green tea"), "gclid"): 3,
        Origin(GOOGLE, _utm("google", "cpc", "shopping-pots"), "gclid"): 3,
        Origin("https://l.instagram.com/", _utm("instagram", "social", "tea-stories")): 4,
        Origin("https://l.instagram.com/"): 2,
        Origin("https://m.facebook.com/", _utm("facebook", "paid_social", "gifts"), "fbclid"): 4,
        Origin("https://www.pinterest.com/"): 2,
        Origin("https://www.reddit.com/"): 2,
        Origin(None, _utm(*WEEKLY, content="top")): 5,
        Origin(None, _utm(*WEEKLY, content="recipe")): 2,
        Origin("https://www.youtube.com/"): 2,
        Origin("https://chatgpt.com/"): 3,
        Origin("https://www.perplexity.ai/"): 1,
        Origin("https://leafandcup.example/best-first-flush"): 3,
        Origin("https://forum.teadrinkers.example/t/lapsang"): 2,
        Origin("https://partners.example/", _utm("teatime", "affiliate", "spring-harvest")): 2,
        Origin("https://news.example/", _utm("daily", "display", "gifts")): 1,
    }
)


class Home(NamedTuple):
    """Where somebody is, his language, and a network that belongs to nobody."""

    place: Place
    language: str
    network: str


HOMES = Weighted(
    {
        Home(Place("DE", "Hamburg", "Hamburg"), "de-DE", "192.0.2.0"): 16,
        Home(Place("DE", "Land Berlin", "Berlin"), "de-DE", "192.0.2.0"): 15,
        Home(Place("DE", "Bavaria", "Munich"), "de-DE", "198.51.100.0"): 11,
        Home(Place("DE", "North Rhine-Westphalia", "Cologne"), "de-DE", "198.51.100.0"): 9,
        Home(Place("AT", "Vienna", "Vienna"), "de-AT", "203.0.113.0"): 8,
        Home(Place("CH", "Zurich", "Zurich"), "de-CH", "203.0.113.0"): 6,
        Home(Place("FR", "Auvergne-Rhône-Alpes", "Lyon"), "fr-FR", "203.0.113.0"): 6,
        Home(Place("FR", "Île-de-France", "Paris"), "fr-FR", "198.51.100.0"): 4,
        Home(Place("PT", "Porto", "Porto"), "pt-PT", "198.51.100.0"): 5,
        Home(Place("NL", "North Holland", "Amsterdam"), "nl-NL", "192.0.2.0"): 5,
        Home(Place("GB", "England", "London"), "en-GB", "2001:db8:1::"): 6,
        Home(Place("US", "New York", "New York"), "en-US", "2001:db8:2::"): 4,
        Home(Place("US", "California", "San Francisco"), "en-US", "2001:db8:2::"): 2,
        Home(Place("JP", "Tokyo", "Tokyo"), "ja-JP", "2001:db8:3::"): 1,
        Home(Place("PL", None, None), "pl-PL", "203.0.113.0"): 2,
    }
)

DEVICES = Weighted(
    {
        Device("mobile", "Safari", "iOS"): 25,
        Device("mobile", "Chrome", "Android"): 22,
        Device("mobile", "Samsung Internet", "Android"): 4,
        Device("mobile", "Firefox", "Android"): 1,
        Device("desktop", "Chrome", "Windows"): 18,
        Device("desktop", "Edge", "Windows"): 6,
        Device("desktop", "Firefox", "Windows"): 4,
        Device("desktop", "Safari", "macOS"): 8,
        Device("desktop", "Chrome", "macOS"): 5,
        Device("desktop", "Firefox", "Linux"): 2,
        Device("tablet", "Safari", "iOS"): 4,
        Device("tablet", "Chrome", "Android"): 1,
    }
)

CRAWLERS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 AppleWebKit/537.36 (compatible; GPTBot/1.2; +https://openai.com/gptbot)",
)


class Page(NamedTuple):
    path: str
    title: str


@dataclass(frozen=True)
class Ware:
    """Something that can be had on a page of its own, for an amount of cents."""

    page: Page
    name: str
    amount: int


@dataclass(frozen=True)
class Range:
    """What a site has: pages in the order of their favour, wares, and where its links lead."""

    pages: tuple[Page, ...]
    wares: tuple[Ware, ...]
    links: tuple[str, ...]
    currency: str = "EUR"
    landing: Weighted[Page] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "landing", by_rank(self.pages))


def _wares(folder: str, *named: tuple[str, str, int]) -> tuple[Ware, ...]:
    return tuple(Ware(Page(f"/{folder}/{path}", name), name, cents) for path, name, cents in named)


TEAS = _wares(
    "teas",
    ("first-flush-darjeeling", "First Flush Darjeeling", 1490),
    ("gyokuro", "Gyokuro", 2990),
    ("smoked-lapsang", "Smoked Lapsang", 1290),
    ("cast-iron-pot", "Cast-iron pot", 6900),
)
COURSES = _wares(
    "kurse",
    ("matcha", "Matcha schlagen", 4900),
    ("gong-fu", "Gong Fu für Anfänger", 5900),
    ("darjeeling", "Teereise Darjeeling", 8900),
)

SHOP = Range(
    pages=(
        Page("/", "Tea shop"),
        TEAS[0].page,
        Page("/teas", "All teas"),
        TEAS[1].page,
        Page("/journal/how-to-brew-green-tea", "How to brew green tea"),
        TEAS[2].page,
        Page("/gifts", "Gifts"),
        TEAS[3].page,
        Page("/journal/first-flush-explained", "What is a first flush?"),
        Page("/journal/water", "Water makes the tea"),
        Page("/about", "About us"),
        Page("/delivery", "Delivery and returns"),
        Page("/journal/storing-tea", "Storing tea"),
        Page("/contact", "Contact"),
    ),
    wares=TEAS,
    links=("https://www.instagram.com/teashop.example", "https://farm.example/makaibari"),
)
SCHOOL = Range(
    pages=(
        Page("/", "Teeschule"),
        Page("/kurse", "Alle Kurse"),
        *(each.page for each in COURSES),
        Page("/lehrer", "Unsere Lehrer"),
        Page("/gutscheine", "Gutscheine"),
        Page("/anfahrt", "Anfahrt"),
    ),
    wares=COURSES,
    links=("https://maps.example/teeschule",),
)
