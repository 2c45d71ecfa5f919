"""Makes country.mmdb smaller than what is published: `python -m app.tracking.data.compile FILE`,
where FILE is geo-whois-asn-country.mmdb of npm's @ip-location-db/geo-whois-asn-country-mmdb.
README.md says where the data comes from.

Equal subtrees are written once and neighbours of one country are merged, so every address keeps
the answer it had. Records get the layout of GeoLite2, so that the code knows one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import maxminddb

from app.core.countries import NAMES

TARGET = Path(__file__).with_name("country.mmdb")
MARKER = b"\xab\xcd\xefMaxMind.com"
BITS = 128
# Kosovo has no code of ISO 3166; every database uses this one.
CODES = {*NAMES, "XK"}
MAP, TEXT, UINT16, UINT32, UINT64, ARRAY = 7, 2, 5, 6, 9, 11

# A leaf is a record as JSON, None is nowhere, and an inner node is the pair of its halves.
Node = str | tuple["Node", "Node"] | None


def compiled(source: Iterable[tuple[IPv4Network | IPv6Network, Any]], built: int) -> bytes:
    """A database in MaxMind's format of networks and their records, built at that second."""
    tree = Tree().build(sorted(_leaves(source)))
    numbers: dict[int, int] = {}
    nodes: list[tuple[Node, Node]] = []
    _number(tree, numbers, nodes)
    records = sorted({half for node in nodes for half in node if isinstance(half, str)})
    places: dict[str, int] = {}
    data = b""
    for record in records:
        places[record] = len(data)
        data += _value(json.loads(record))
    count = len(nodes)

    def pointer(half: Node) -> bytes:
        if half is None:
            return count.to_bytes(3, "big")
        if isinstance(half, str):
            return (count + 16 + places[half]).to_bytes(3, "big")
        return numbers[id(half)].to_bytes(3, "big")

    search = b"".join(pointer(low) + pointer(high) for low, high in nodes)
    return search + bytes(16) + data + MARKER + _metadata(count, built)


class Tree:
    """A binary tree over the bits of addresses in which equal subtrees are one object."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], tuple[Node, Node]] = {}

    def build(self, leaves: list[tuple[int, int, str]], depth: int = 0, base: int = 0) -> Node:
        """`leaves` are (first address, prefix length, record), sorted and disjoint."""
        if not leaves:
            return None
        if leaves[0][1] <= depth:
            return leaves[0][2]
        middle = base | 1 << (BITS - 1 - depth)
        low = [leaf for leaf in leaves if leaf[0] < middle]
        return self._joined(
            self.build(low, depth + 1, base), self.build(leaves[len(low) :], depth + 1, middle)
        )

    def _joined(self, low: Node, high: Node) -> Node:
        if not isinstance(low, tuple) and low == high:
            return low
        return self._made.setdefault((id(low), id(high)), (low, high))


def _leaves(
    source: Iterable[tuple[IPv4Network | IPv6Network, Any]],
) -> Iterator[tuple[int, int, str]]:
    """IPv4 stands in the first 2 ** 32 addresses of IPv6. Equal records are one object."""
    for network, record in source:
        length = network.prefixlen + (BITS - 32 if isinstance(network, IPv4Network) else 0)
        yield int(network.network_address), length, sys.intern(json.dumps(record))


def _number(node: Node, numbers: dict[int, int], nodes: list[tuple[Node, Node]]) -> None:
    if isinstance(node, tuple) and id(node) not in numbers:
        numbers[id(node)] = len(nodes)
        nodes.append(node)
        for half in node:
            _number(half, numbers, nodes)


def _metadata(count: int, built: int) -> bytes:
    pairs: list[tuple[str, bytes]] = [
        ("binary_format_major_version", _number_of(UINT16, 2)),
        ("binary_format_minor_version", _number_of(UINT16, 0)),
        ("build_epoch", _number_of(UINT64, built)),
        ("database_type", _value("Candor-Country")),
        ("description", _value({"en": "Countries. Data by the NRO (nro.net), CC BY 4.0."})),
        ("ip_version", _number_of(UINT16, 6)),
        ("languages", _value(["en"])),
        ("node_count", _number_of(UINT32, count)),
        ("record_size", _number_of(UINT16, 24)),
    ]
    return _head(MAP, len(pairs)) + b"".join(_value(name) + value for name, value in pairs)


def _value(value: Any) -> bytes:
    if isinstance(value, dict):
        inside = (_value(name) + _value(each) for name, each in value.items())
        return _head(MAP, len(value)) + b"".join(inside)
    if isinstance(value, list):
        return _head(ARRAY, len(value)) + b"".join(map(_value, value))
    text = value.encode()
    return _head(TEXT, len(text)) + text


def _number_of(kind: int, value: int) -> bytes:
    digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return _head(kind, len(digits)) + digits


def _head(kind: int, size: int) -> bytes:
    """Kinds above 7 stand in a second byte, sizes above 28 in one or two more."""
    if size < 29:
        first, more = size, b""
    elif size < 285:
        first, more = 29, bytes([size - 29])
    else:
        first, more = 30, (size - 285).to_bytes(2, "big")
    return (bytes([kind << 5 | first]) if kind < 8 else bytes([first, kind - 7])) + more


def _by_country(source: maxminddb.Reader) -> Iterator[tuple[IPv4Network | IPv6Network, Any]]:
    for network, record in source:
        code = record["country_code"]
        if code in CODES:
            yield network, {"country": {"iso_code": code}}


if __name__ == "__main__":
    with maxminddb.open_database(sys.argv[1]) as reader:
        TARGET.write_bytes(compiled(_by_country(reader), reader.metadata().build_epoch))
