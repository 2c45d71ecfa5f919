from flask import Flask

from app.analytics import api, funnel_views, goal_views, models, orders, views  # noqa: F401


def register(app: Flask) -> None:
    for module in (api, views, goal_views, funnel_views):
        app.register_blueprint(module.blueprint)
