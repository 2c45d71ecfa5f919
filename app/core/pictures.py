"""Uploaded pictures: whatever comes in is decoded and written anew as WebP, or refused."""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps

from app.core.errors import ApiError
from app.core.threads import in_native_thread

LARGEST_UPLOAD = 8 * 1024 * 1024
MOST_PIXELS = 24_000_000
WIDEST = 960  # twice the widest card, for dense screens
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
QUALITY = 82
# One at a time in a process: a picture takes a hundred times its file while it is decoded.
PATIENCE = 10.0  # seconds for a turn
_turn = threading.BoundedSemaphore(1)


class PictureError(ValueError):
    """This is not a picture that can be used; the message says why, for a person."""


@dataclass(frozen=True)
class Picture:
    """A re-encoded picture; sizes in pixels."""

    data: bytes
    width: int
    height: int


def read_picture(upload: bytes, most_pixels: int = MOST_PIXELS) -> Picture:
    """Decode and re-encode off the event loop. Nothing but pixels survives. Raises PictureError."""
    if len(upload) > LARGEST_UPLOAD:
        raise PictureError(f"A picture has at most {LARGEST_UPLOAD // 1024**2} MB.")
    if not _turn.acquire(timeout=PATIENCE):
        message = "Other pictures are being read. Try again in a moment."
        raise ApiError(503, "busy", message, {}, {"Retry-After": "10"})
    try:
        return in_native_thread(_reencode, upload, most_pixels)
    finally:
        _turn.release()


def _reencode(upload: bytes, most_pixels: int) -> Picture:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(upload), formats=FORMATS)
            if image.width * image.height > most_pixels:
                raise PictureError("The picture has too many pixels.")
            image.draft("RGB", (WIDEST * 2, WIDEST * 2))
            # Small first: every step after it would make a copy of the whole.
            image.thumbnail((WIDEST * 2, WIDEST * 2))
            ImageOps.exif_transpose(image, in_place=True)
    except PictureError:
        raise
    # Whatever it is: of what a stranger made up, decoders stumble over anything.
    except Exception as error:
        raise PictureError("Choose a JPEG, PNG, WebP or GIF picture.") from error
    plain = image.convert("RGBA" if image.has_transparency_data else "RGB")
    plain.thumbnail((WIDEST, WIDEST * 2))
    written = BytesIO()
    plain.save(written, "WEBP", quality=QUALITY, method=4)
    return Picture(written.getvalue(), plain.width, plain.height)
