"""One visit of the demo: a page or some, what is read of them, now and then an order."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from app.dashboard.demo_origins import DEVICES, HOMES, ORIGINS, Home, Origin, Page, Range, Ware
from app.tracking.arrivals import ENGAGEMENT, PAGE_VIEW, Arrival, Circumstances, Who
from app.tracking.channels import channel_of
from app.tracking.checks import UTM
from app.tracking.devices import Device

# How often something happens in a visit or on a page.
UNFOLLOWED, CONSENTED, AGAIN_TODAY, AGAIN_EVER = 0.03, 0.06, 0.12, 0.6
GOES_ON, MEASURED, LEAVES, SIGNS_UP = 0.6, 0.35, 0.02, 0.007
PUTS_IN_CART, CHECKS_OUT, BUYS = 0.08, 0.45, 0.6
SHOWN, CLICKED, CLOSED, HOVERED = 0.3, 0.12, 0.2, 0.4

MOST_PAGES = 30
DWELL = (10.4, 0.9)  # of the logarithm of milliseconds on a page
LONGEST_DWELL = 15 * 60 * 1000

CART, CHECKOUT = Page("/cart", "Cart"), Page("/checkout", "Checkout")
THANKS = Page("/checkout/thanks", "Thank you")


@dataclass(frozen=True)
class Stage:
    """A site that is visited: whose it is, at which address, what it has and shows."""

    organization_id: UUID
    site_number: int
    address: str  # scheme and host
    zone: ZoneInfo
    range: Range
    campaigns: Sequence[UUID]

    @property
    def host(self) -> str:
        return urlsplit(self.address).hostname or ""


class Guest(NamedTuple):
    who: Who | None
    home: Home
    device: Device


class Bought(NamedTuple):
    """An order that there is."""

    at: int
    order_id: str
    amount: int


class Guests:
    """Who comes, and who comes again: on the same day, or as a person on any."""

    def __init__(self, stage: Stage, chance: Random) -> None:
        self._stage, self._chance = stage, chance
        self._today: deque[Guest] = deque(maxlen=500)
        self._day = -1
        self._persons: deque[Guest] = deque(maxlen=2000)

    def pick(self, moment: int) -> Guest:
        chance = self._chance
        if chance.random() < UNFOLLOWED:
            return self._new(None)
        if chance.random() < CONSENTED:
            if self._persons and chance.random() < AGAIN_EVER:
                return chance.choice(self._persons)
            self._persons.append(self._new(Who(chance.randbytes(16), person=True)))
            return self._persons[-1]
        self._turn_day(moment)
        if self._today and chance.random() < AGAIN_TODAY:
            return chance.choice(self._today)
        self._today.append(self._new(Who(chance.randbytes(16))))
        return self._today[-1]

    def _turn_day(self, moment: int) -> None:
        """At midnight everybody is somebody else."""
        day = datetime.fromtimestamp(moment / 1000, self._stage.zone).toordinal()
        if day != self._day:
            self._day = day
            self._today.clear()

    def _new(self, who: Who | None) -> Guest:
        return Guest(who, HOMES.pick(self._chance), DEVICES.pick(self._chance))


class Visit:
    """Tells its events one after another."""

    def __init__(self, stage: Stage, guest: Guest, began: int, chance: Random) -> None:
        self._stage, self._chance, self._at = stage, chance, began
        self._who, self._device = guest.who, guest.device
        self._origin = ORIGINS.pick(chance)
        self._parameters = _parameters(self._origin, chance)
        self._circumstances = _circumstances(stage, guest, self._origin, self._parameters)
        self._url = ""
        self.events: list[Arrival] = []

    def stroll(self) -> None:
        """Look at a page or more."""
        chance, pages = self._chance, self._stage.range.landing
        self._open(pages.pick(chance), landing=True)
        self._see_campaign()
        for _ in range(MOST_PAGES):
            self._read()
            if chance.random() > GOES_ON:
                break
            self._open(pages.pick(chance))
        if chance.random() < LEAVES:
            self._tell("outbound_click", {"url": chance.choice(self._stage.range.links)})
        if chance.random() < SIGNS_UP:
            self._tell("signup", {"list": "newsletter"})
        if chance.random() < PUTS_IN_CART:
            self._try_to_buy()

    def order(self, bought: Bought) -> None:
        """Look at something and buy it."""
        self._open(self._stage.range.landing.pick(self._chance), landing=True)
        self._see_campaign()
        self._read()
        ware = self._chance.choice(self._stage.range.wares)
        self._put_in_cart(ware)
        self._check_out(ware)
        self._convert(bought.order_id, bought.amount)

    def _try_to_buy(self) -> None:
        chance = self._chance
        ware = chance.choice(self._stage.range.wares)
        self._put_in_cart(ware)
        if chance.random() < CHECKS_OUT:
            self._check_out(ware)
            if chance.random() < BUYS:
                number = 6_000_000_000_000 + chance.getrandbits(32)
                self._convert(str(number), ware.amount * chance.choice((1, 1, 1, 2, 3)))

    def _put_in_cart(self, ware: Ware) -> None:
        self._open(ware.page)
        self._read()
        self._tell("cart_add", {"product": ware.name}, ware.amount)
        self._open(CART)
        self._read()

    def _check_out(self, ware: Ware) -> None:
        self._open(CHECKOUT)
        self._tell("checkout", {"product": ware.name}, ware.amount)
        self._read()

    def _convert(self, order_id: str, amount: int) -> None:
        self._open(THANKS)
        self._tell("conversion", {"order_id": order_id}, amount)

    def _see_campaign(self) -> None:
        chance, campaigns = self._chance, self._stage.campaigns
        if not campaigns or chance.random() > SHOWN:
            return
        campaign = chance.choice(campaigns)
        self._at += 3000
        self._tell("impression", campaign=campaign)
        what = chance.random()
        if what < HOVERED and self._device.kind == "desktop":
            self._tell("campaign_hover", campaign=campaign)
        if what < CLICKED:
            self._tell("campaign_click", campaign=campaign)
        elif what < CLICKED + CLOSED:
            self._tell("campaign_close", campaign=campaign)

    def _open(self, page: Page, *, landing: bool = False) -> None:
        self._url = self._stage.address + page.path
        if landing and self._parameters:
            self._url += f"?{urlencode(self._parameters)}"
        referrer = self._origin.referrer if landing else None
        self._tell(PAGE_VIEW, referrer=referrer, title=page.title)

    def _read(self) -> None:
        chance = self._chance
        if len(self.events) == 1 and chance.random() < MEASURED:
            self._tell("web_vitals", _vitals(chance))
        seen = min(LONGEST_DWELL, int(chance.lognormvariate(*DWELL)))
        self._at += seen
        active = int(seen * (0.3 + 0.7 * chance.random()))
        self._tell(
            ENGAGEMENT,
            {"active": active, "visible": seen, "scroll": int(101 * chance.random() ** 0.6)},
        )
        self._at += 1 + int(2000 * chance.random())

    def _tell(
        self,
        name: str,
        props: dict[str, Any] | None = None,
        amount: int | None = None,
        campaign: UUID | None = None,
        referrer: str | None = None,
        title: str | None = None,
    ) -> None:
        self._at += 1 + int(300 * self._chance.random())
        stage = self._stage
        self.events.append(
            Arrival(
                stage.organization_id,
                stage.site_number,
                id_at(self._at, self._chance),
                self._at,
                name,
                self._url,
                self._who,
                self._circumstances,
                referrer,
                title,
                props,
                amount,
                stage.range.currency if amount else None,
                campaign,
            )
        )


def id_at(moment: int, chance: Random) -> UUID:
    """A UUIDv7 of this millisecond whose random bits are chance's."""
    bits = chance.getrandbits(74)
    return UUID(int=moment << 80 | 7 << 76 | bits >> 62 << 64 | 2 << 62 | bits & (1 << 62) - 1)


def _parameters(origin: Origin, chance: Random) -> dict[str, str]:
    said = {name: value for name, value in zip(UTM, origin.utm, strict=True) if value}
    if origin.click_id:
        said[origin.click_id] = chance.randbytes(12).hex()
    return said


def _circumstances(
    stage: Stage, guest: Guest, origin: Origin, parameters: dict[str, str]
) -> Circumstances:
    host, channel = _channel(origin, stage.host)
    own = {name: value for name, value in parameters.items() if name == origin.click_id}
    return Circumstances(
        origin.referrer,
        host,
        channel,
        *origin.utm,
        own or None,
        *guest.home.place,
        *guest.device,
        guest.home.language,
        guest.home.network,
    )


@lru_cache
def _channel(origin: Origin, own_host: str) -> tuple[str | None, str]:
    host = urlsplit(origin.referrer).hostname if origin.referrer else None
    said = {name: value for name, value in zip(UTM, origin.utm, strict=True) if value}
    return host, channel_of(referrer_host=host, params=said, own_hosts={own_host})


def _vitals(chance: Random) -> dict[str, Any]:
    return {
        "lcp": int(chance.lognormvariate(7.4, 0.4)),
        "inp": int(chance.lognormvariate(4.6, 0.5)),
        "cls": round(chance.expovariate(20), 3),
    }
