from flask import Flask

from app.analytics import funnel_views, goal_views, models, orders  # noqa: F401


def register(app: Flask) -> None:
    for module in (goal_views, funnel_views):
        app.register_blueprint(module.blueprint)
