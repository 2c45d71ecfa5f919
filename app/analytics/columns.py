"""How a day is packed: arrays of numbers, one after the other, behind a head that names them.

A question over a month reads thirty of these and adds up arrays, so it takes milliseconds where
rows would take seconds, on either database.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ALIGNED = 8  # bytes


def pack(arrays: Mapping[str, Array], said: Mapping[str, Any] | None = None) -> bytes:
    """`said` is whatever else JSON can say of them."""
    named = [[name, each.dtype.str, list(each.shape)] for name, each in arrays.items()]
    head = json.dumps({"arrays": named, "said": said or {}}, separators=(",", ":")).encode()
    pieces = [len(head).to_bytes(8, "little"), _padded(head)]
    pieces += [_padded(each.tobytes()) for each in arrays.values()]
    return b"".join(pieces)


def unpack(data: bytes) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays, which share the memory of `data` and cannot be written, and what was said."""
    length = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + length])
    place, arrays = 8 + _aligned(length), {}
    for name, dtype, shape in head["arrays"]:
        kind = np.dtype(dtype)
        number = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(data, kind, number, place).reshape(shape)
        place += _aligned(number * kind.itemsize)
    return arrays, head["said"]


def _padded(piece: bytes) -> bytes:
    return piece.ljust(_aligned(len(piece)), b"\0")


def _aligned(length: int) -> int:
    return -(-length // ALIGNED) * ALIGNED
