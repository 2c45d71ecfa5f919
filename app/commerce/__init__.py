from flask import Flask

from app.commerce import recording  # noqa: F401


def register(app: Flask) -> None:
    """Listens to sources; it has no pages."""
