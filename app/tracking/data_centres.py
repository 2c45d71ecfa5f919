"""Whether an address is one of a data centre, as far as the operator says so: where machines live,
and people only behind a VPN."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from pathlib import Path

from app.config import networks_in
from app.tracking.places import parsed_address

Network = IPv4Network | IPv6Network
# First and last addresses as numbers, in order and apart from each other.
Spans = tuple[list[int], list[int]]

_spans: dict[int, Spans] = {}  # by version; none unless DATA_CENTRES_PATH names a file


def use_networks(path: Path | None) -> None:
    """Know the networks of this file from now on, None for none. Raises ConfigurationError."""
    global _spans
    networks = networks_in(path) if path else []
    spans = {version: _sorted(networks, version) for version in (4, 6)}
    _spans = {version: each for version, each in spans.items() if each[0]}


def is_in_data_centre(address: str) -> bool:
    """Of an IPv4 or IPv6 address in text. Never raises: what is no address is nowhere."""
    parsed = parsed_address(address) if _spans else None
    if parsed is None or parsed.version not in _spans:
        return False
    first, last = _spans[parsed.version]
    number = int(parsed)
    place = bisect_right(first, number) - 1
    return place >= 0 and number <= last[place]


def _sorted(networks: Iterable[Network], version: int) -> Spans:
    apart = list(collapse_addresses(each for each in networks if each.version == version))  # type: ignore[type-var]
    return (
        [int(each.network_address) for each in apart],
        [int(each.broadcast_address) for each in apart],
    )
