from flask import Flask

from app.contacts import models  # noqa: F401


def register(app: Flask) -> None:
    """Contacts: people who told us who they are."""
