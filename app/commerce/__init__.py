from flask import Flask

from app.commerce import recording  # noqa: F401


def register(app: Flask) -> None:
    """Listens to sources; its pages come with products and orders."""
