"""The request class: JSON bodies are read strictly, whoever sends them."""

from __future__ import annotations

from typing import Any

from htmx_flask.requests import HtmxAwareRequest

from app.core import strict_json
from app.core.errors import ApiError


class CandorRequest(HtmxAwareRequest):
    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body as JSON whatever its content type. Raises 400 for what is not JSON."""
        try:
            return strict_json.loads(self.get_data(cache=True))
        except strict_json.BadJSON as error:
            if silent:
                return None
            raise ApiError(400, "bad_json", f"The body is {error}.") from error
