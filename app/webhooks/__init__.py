from flask import Flask

from app.webhooks import letters, outbox, redeliveries  # noqa: F401


def register(app: Flask) -> None:
    pass
