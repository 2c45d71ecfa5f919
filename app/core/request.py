"""The request class: JSON bodies are read strictly, whoever sends them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app
from htmx_flask.requests import HtmxAwareRequest

from app.core import strict_json
from app.core.errors import ApiError

AROUND = 64 * 1024  # what the form adds to its file

V = TypeVar("V", bound=Callable[..., Any])


def takes_upload(size: int) -> Callable[[V], V]:
    """A view to which a form with a file of `size` bytes may be sent, more than others take."""

    def decorate(view: V) -> V:
        view.largest_body = size + AROUND  # type: ignore[attr-defined]
        return view

    return decorate


def takes_at_most(size: int) -> Callable[[V], V]:
    """A view to which only so many bytes may be sent, less than others take."""

    def decorate(view: V) -> V:
        view.smaller_body = size  # type: ignore[attr-defined]
        return view

    return decorate


class CandorRequest(HtmxAwareRequest):
    @property
    def max_content_length(self) -> int | None:
        """Known before the view runs, since the token of a form is read from its body."""
        view = current_app.view_functions.get(self.endpoint or "")
        larger, smaller = (getattr(view, each, None) for each in ("largest_body", "smaller_body"))
        if larger and self.mimetype == "multipart/form-data":
            return larger
        return smaller or current_app.config["MAX_CONTENT_LENGTH"]

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body as JSON whatever its content type. Raises 400 for what is not JSON."""
        try:
            return strict_json.loads(self.get_data(cache=True))
        except strict_json.BadJSON as error:
            if silent:
                return None
            raise ApiError(400, "bad_json", f"The body is {error}.") from error
