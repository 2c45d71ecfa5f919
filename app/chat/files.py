"""What may be sent in a conversation: pictures are written anew, other files are kept as they are
and given back as attachments only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.core.pictures import PictureError, read_picture

LARGEST = 5 * 1024 * 1024
LONGEST_NAME = 120
FALLBACK = "file"

# What a file begins with says what it is; its name and its sender's word say nothing.
PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"RIFF")
SIGNS = (
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),  # also those of office programs
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/octet-stream"),  # older office files
)
UNFIT = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]+')


class FileError(ValueError):
    """This file is not taken; the message says why, for a person."""


@dataclass(frozen=True)
class Upload:
    """A file that is fit to be kept. Pictures have a size in pixels."""

    name: str
    content_type: str
    data: bytes
    width: int | None = None
    height: int | None = None


def read_upload(name: str, data: bytes) -> Upload:
    """Judge a file by its content. Raises FileError."""
    if not data:
        raise FileError("The file is empty.")
    if len(data) > LARGEST:
        raise FileError(f"A file has at most {LARGEST // 1024**2} MB.")
    if data.startswith(PICTURES):
        return _picture(name, data)
    for sign, content_type in SIGNS:
        if data.startswith(sign):
            return Upload(clean_name(name), content_type, data)
    if _is_text(data):
        return Upload(clean_name(name), "text/plain", data)
    raise FileError("Send a picture, a PDF, an office document, a ZIP file or plain text.")


def clean_name(name: str) -> str:
    """A file name without paths, control characters and what turns its letters round."""
    base = UNFIT.sub(" ", name.rsplit("/", 1)[-1].rsplit("\\", 1)[-1]).strip(" .")
    stem, dot, ending = base.rpartition(".")
    if len(base) <= LONGEST_NAME:
        return base or FALLBACK
    return f"{stem[: LONGEST_NAME - 12]}.{ending[:10]}" if dot else base[:LONGEST_NAME]


def _picture(name: str, data: bytes) -> Upload:
    try:
        picture = read_picture(data)
    except PictureError as error:
        raise FileError(str(error)) from error
    stem = clean_name(name).rpartition(".")[0].strip() or FALLBACK
    return Upload(f"{stem}.webp", "image/webp", picture.data, picture.width, picture.height)


def _is_text(data: bytes) -> bool:
    try:
        return "\x00" not in data.decode()
    except UnicodeDecodeError:
        return False
