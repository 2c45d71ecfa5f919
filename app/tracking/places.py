"""Where an address is, and the only form in which one may be stored.

Country by the bundled database; region and city by a better one that GEOIP_PATH names. Addresses
are looked up in mapped memory and nothing of them is kept, so there is no cache.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb

from app.config import ConfigurationError

BUNDLED = Path(__file__).with_name("data") / "country.mmdb"
# Bits of an address that may be kept: what a provider gives to many customers or to one household.
IPV4_KEPT = 24
IPV6_KEPT = 48
LONGEST_NAME = 100


class Place(NamedTuple):
    """`country` is an ISO 3166-1 alpha-2 code (and XK for Kosovo), region and city are in English.
    None is what is not known."""

    country: str | None = None
    region: str | None = None
    city: str | None = None


NOWHERE = Place()

# Open from the import on: before web processes fork, which then share its pages.
_database = maxminddb.open_database(BUNDLED)


def use_database(path: Path | None) -> None:
    """Look up in this file from now on, None for the bundled one. Its layout is that of GeoLite2
    and DB-IP. Raises ConfigurationError when it cannot be read."""
    global _database
    try:
        _database = maxminddb.open_database(path or BUNDLED)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise ConfigurationError(f"GEOIP_PATH: {error}") from error


def place_of(address: str) -> Place:
    """What is known of an IPv4 or IPv6 address in text. Never raises: private and malformed ones
    are nowhere."""
    parsed = parsed_address(address)
    if parsed is None:
        return NOWHERE
    try:
        record: Any = _database.get(parsed)
    except (ValueError, maxminddb.InvalidDatabaseError):
        # An IPv6 address in a database of IPv4, or a file that was damaged after the start.
        return NOWHERE
    return _place(record) if isinstance(record, dict) else NOWHERE


def masked(address: str) -> str:
    """Its network: the first 24 bits of IPv4 as "203.0.113.0", 48 of IPv6 as "2001:db8:1::". ""
    for what is no address."""
    parsed = parsed_address(address)
    if parsed is None:
        return ""
    kept = IPV4_KEPT if parsed.version == 4 else IPV6_KEPT
    return str(ip_network((int(parsed), kept), strict=False).network_address)


def parsed_address(address: str) -> IPv4Address | IPv6Address | None:
    """IPv4 in the clothes of IPv6 is IPv4. None for what is no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, IPv4Address):
        return parsed
    # Without the scope (fe80::1%eth0), which no database knows.
    return parsed.ipv4_mapped or IPv6Address(int(parsed))


def _place(record: dict[str, Any]) -> Place:
    country = _at(record, "country", "iso_code")
    return Place(
        country=country if country and len(country) == 2 else None,
        region=_at(record, "subdivisions", 0, "names", "en"),
        city=_at(record, "city", "names", "en"),
    )


def _at(value: Any, *path: str | int) -> str | None:
    """The text at the end of the path; None if anything else is there."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value[:LONGEST_NAME] if isinstance(value, str) and value else None
