from __future__ import annotations


class Refused(ValueError):
    """What somebody asked for cannot be. Names the field; the text is for a person."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
