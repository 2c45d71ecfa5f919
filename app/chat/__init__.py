from flask import Flask

from app.chat import (
    api,
    assignment,  # noqa: F401
    canned_reply_views,
    label_views,
    models,  # noqa: F401
    report_views,
    settings_views,
    views,
)


def register(app: Flask) -> None:
    """Chat: conversations of visitors and agents."""
    for module in (views, settings_views, label_views, canned_reply_views, report_views, api):
        app.register_blueprint(module.blueprint)
