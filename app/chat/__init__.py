from flask import Flask

from app.chat import models  # noqa: F401


def register(app: Flask) -> None:
    """Chat: conversations of visitors and agents."""
