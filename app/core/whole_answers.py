"""Answers that leave in one piece. gunicorn looks at each header of an answer anew, sends its head
and then its body, and the other side is woken twice: for a small answer that is most of its cost.
"""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache
from time import time
from typing import Any

from gunicorn import SERVER
from gunicorn.http.wsgi import Response
from gunicorn.workers.base_async import ALREADY_HANDLED

Environ = dict[str, Any]


def stays_open(environ: Environ, start_response: Any) -> bool:
    """Whether a post is answered on a connection of gunicorn's that is there for the next one as
    well. All others are left to gunicorn: it alone knows how to end them."""
    response: Any = getattr(start_response, "__self__", None)
    return (
        type(response) is Response
        and environ["REQUEST_METHOD"] == "POST"
        and environ["SERVER_PROTOCOL"] == "HTTP/1.1"
        and not response.must_close
        and not response.req.should_close()
    )


def send_whole(environ: Environ, status: str, headers: str, body: bytes) -> Iterable[bytes]:
    """Send an answer and tell gunicorn so. `headers` are lines as they go over the wire; they say
    how long the body is, and nothing in them is unchecked input."""
    head = f"HTTP/1.1 {status}\r\n{_usual(int(time()))}{headers}\r\n"
    environ["gunicorn.socket"].sendall(head.encode("latin-1") + body)
    return ALREADY_HANDLED


@lru_cache(1)
def _usual(moment: int) -> str:
    """What gunicorn says in each answer."""
    date = formatdate(moment, usegmt=True)
    return f"Server: {SERVER}\r\nDate: {date}\r\nConnection: keep-alive\r\n"


def lines(headers: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers)
