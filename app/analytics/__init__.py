from flask import Flask

from app.analytics import (  # noqa: F401
    attribution_views,
    funnel_api,
    funnel_views,
    goal_api,
    goal_views,
    journey_views,
    models,
    orders,
    path_api,
    retention_views,
)


def register(app: Flask) -> None:
    for module in (goal_views, funnel_views, journey_views, retention_views, attribution_views):
        app.register_blueprint(module.blueprint)
    for rest in (goal_api, funnel_api, path_api):
        app.register_blueprint(rest.blueprint)
