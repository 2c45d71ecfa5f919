"""What a page says to the chat, read and judged: what cannot be is 422 with its field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from flask import request

from app.chat.files import LARGEST, FileError, Upload, read_upload
from app.chat.models import ChatSettings
from app.chat.models.conversation import LONGEST_COMMENT
from app.chat.models.message import LONGEST, LONGEST_CLIENT_ID
from app.core.db import release
from app.core.errors import ApiError
from app.core.forms import clean_line
from app.embed.chat_limits import demand_upload

LONGEST_NAME = 120
LONGEST_EMAIL = 254
# Of what is said without a file; a message of emoji alone, written as escapes, is 96 KB.
LARGEST_BODY = 128 * 1024
LONGEST_USER_ID = 200
SHORTEST_CLIENT_ID = 16

Said = dict[str, Any]


class Person(NamedTuple):
    """Who somebody says that he is."""

    name: str | None
    email: str | None


@dataclass(frozen=True)
class Saying:
    """A message: words, a file or both, by the name that the page gave it."""

    client_id: str
    body: str | None
    upload: Upload | None


def said_now() -> Said:
    """The body of this request."""
    said = request.get_json(force=True)
    if not isinstance(said, dict):
        raise ApiError(400, "bad_body", "The body is an object.")
    return said


def said_with_file() -> Said:
    """The same, or a form where a file comes along."""
    return request.form.to_dict() if request.files else said_now()


def site_key_of(said: Said) -> str:
    key = said.get("site")
    return key if isinstance(key, str) else ""


def saying_of(said: Said, upload: Upload | None) -> Saying:
    client_id = client_id_of(said)
    body = body_of(said) if upload is None or said.get("body") else None
    return Saying(client_id, body, upload)


def first_words_of(said: Said) -> str | None:
    """Of a beginning, which may have none."""
    return body_of(said) if "body" in said else None


def body_of(said: Said) -> str:
    body = said.get("body")
    text = body.strip() if isinstance(body, str) else ""
    if not text or "\x00" in text:
        raise refused("body", "Write something.")
    if len(text) > LONGEST:
        raise refused("body", f"A message has at most {LONGEST:,} characters.")
    return text


def client_id_of(said: Said) -> str:
    """A name that no other page gives: of at least 16 characters."""
    text = said.get("client_id")
    if not isinstance(text, str) or not SHORTEST_CLIENT_ID <= len(text) <= LONGEST_CLIENT_ID:
        message = f"A name of your own, of {SHORTEST_CLIENT_ID} to {LONGEST_CLIENT_ID} characters."
        raise refused("client_id", message)
    if not text.isascii() or not text.isprintable():
        raise refused("client_id", "Printable ASCII characters only.")
    return text


def person_of(said: Said) -> Person:
    name, email = clean_line(said.get("name") or ""), clean_line(said.get("email") or "")
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise refused("name", f"At most {LONGEST_NAME} characters.")
    # Looked at first: to read a megabyte as an address takes seconds.
    if not isinstance(email, str) or len(email) > LONGEST_EMAIL:
        raise refused("email", "This is not an e-mail address.")
    try:
        valid = validate_email(email, check_deliverability=False).normalized if email else None
    except EmailNotValidError:
        raise refused("email", "This is not an e-mail address.") from None
    return Person(name or None, valid)


def user_id_of(said: Said) -> str:
    """What a site calls its user."""
    user_id = said.get("id")
    if not isinstance(user_id, str) or not 0 < len(user_id) <= LONGEST_USER_ID:
        raise refused("id", f"Text of 1 to {LONGEST_USER_ID} characters.")
    return user_id


def seq_of(said: Said, name: str) -> int:
    seq = said[name]
    if isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq < 10**9:
        raise refused(name, "The seq of a message.")
    return seq


def rating_of(said: Said) -> tuple[int, str | None]:
    """1 to 5, and a comment, if there is one."""
    rating, comment = said.get("rating"), said.get("comment")
    if isinstance(rating, bool) or rating not in (1, 2, 3, 4, 5):
        raise refused("rating", "A whole number from 1 to 5.")
    if comment is not None and (not isinstance(comment, str) or len(comment) > LONGEST_COMMENT):
        raise refused("comment", f"Text of at most {LONGEST_COMMENT} characters.")
    return rating, comment and comment.strip()


def after_now() -> int:
    """After which seq is read."""
    text = request.args.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ApiError(400, "bad_cursor", "after is the seq of a message.")
    return int(text)


def refused(field: str, reason: str) -> ApiError:
    return ApiError(422, "invalid", reason, {field: [reason]})


def upload_now(site_id: UUID) -> Upload:
    """The file of this request, with nothing of the database held while it is read."""
    settings = ChatSettings.find(site_id)
    if settings is None or not settings.takes_files:
        raise refused("file", "This site takes no files.")
    sent = request.files.get("file")
    if sent is None:
        raise refused("file", "Choose a file.")
    release()
    demand_upload()
    try:
        return read_upload(sent.filename or "", sent.read(LARGEST + 1))
    except FileError as error:
        raise refused("file", str(error)) from error
