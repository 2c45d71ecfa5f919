"""How a day is packed: arrays of numbers, one after the other, behind a head that names them.

A question over a month reads thirty of these and adds up arrays, so it takes milliseconds where
rows would take seconds, on either database.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ALIGNED = 8  # bytes
HEADS, LARGEST = 500, 8192  # how many are kept, of how many bytes at most
T = TypeVar("T")


class Lazy(Mapping[str, T]):
    """Values by name, each made when it is first asked for: a question asks for few of them."""

    def __init__(self, names: Iterable[str], make: Callable[[str], T]) -> None:
        self._names, self._make = dict.fromkeys(names), make
        self._made: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._made:
            if name not in self._names:
                raise KeyError(name)
            self._made[name] = self._make(name)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names  # without making it, as a mapping would

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


Columns = Mapping[str, Array]


def pack(arrays: Mapping[str, Array], said: Mapping[str, Any] | None = None) -> bytes:
    """`said` is whatever else JSON can say of them."""
    named = [[name, each.dtype.str, list(each.shape)] for name, each in arrays.items()]
    head = json.dumps({"arrays": named, "said": said or {}}, separators=(",", ":")).encode()
    pieces = [len(head).to_bytes(8, "little"), _padded(head)]
    pieces += [_padded(each.tobytes()) for each in arrays.values()]
    return b"".join(pieces)


def unpack(data: bytes) -> tuple[Lazy[Array], dict[str, Any]]:
    """The arrays, which share the memory of `data` and cannot be written, and what was said."""
    length = int.from_bytes(data[:8], "little")
    head = data[8 : 8 + length]
    # Days of former versions have all their words in it.
    places, said = _known_places(head) if length <= LARGEST else _places(head)

    def array(name: str) -> Array:
        start, dtype, shape = places[name]
        return np.frombuffer(data, dtype, math.prod(shape), start).reshape(shape)

    return Lazy(places, array), said


def _places(head: bytes) -> tuple[Mapping[str, tuple[int, str, list[int]]], dict[str, Any]]:
    """Where each array lies and what it is, and what was said."""
    read = json.loads(head)
    places: dict[str, tuple[int, str, list[int]]] = {}
    place = 8 + _aligned(len(head))
    for name, dtype, shape in read["arrays"]:
        places[name] = place, dtype, shape
        place += _aligned(math.prod(shape) * int(dtype[2:]))
    return places, read["said"]


# A day that is over is asked for with every question.
_known_places = lru_cache(HEADS)(_places)


def _padded(piece: bytes) -> bytes:
    return piece.ljust(_aligned(len(piece)), b"\0")


def _aligned(length: int) -> int:
    return -(-length // ALIGNED) * ALIGNED
