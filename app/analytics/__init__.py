from flask import Flask

from app.analytics import (  # noqa: F401
    attribution_views,
    funnel_views,
    goal_views,
    journey_views,
    models,
    orders,
    retention_views,
)


def register(app: Flask) -> None:
    for module in (goal_views, funnel_views, journey_views, retention_views, attribution_views):
        app.register_blueprint(module.blueprint)
